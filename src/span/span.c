/* Taking a span and giving it back.
 *
 *   FREE --carve--> USED                           all of it is mapped: no system call
 *   FREE --carve--> BUSY --map--> USED             part of it is not; the lock is free meanwhile
 *   USED --release--> FREE (dirty)                 joined to its neighbours
 *   USED --> BUSY --unmap--> FREE (not mapped)     from 64 MiB up
 *
 * Invariant: `used` counts what callers hold or are about to, so that the limit of the process is
 * exact. */
#include "span/state.h"

#include <errno.h>

#define HUGE_FROM_SLICES ((uint32_t)(8 * ALI_MIB >> ALI_SLICE_SHIFT))

bool ali_used_charge_locked(uint32_t slices)
{
    struct ali_span_state *g = &ali_spans;

    if (ali_unlikely(g->used + (uint64_t)slices > g->limit_slices))
        return false;
    g->used += slices;
    if (g->used > g->peak_used) {
        g->peak_used = g->used;
        if (g->used >= HUGE_FROM_SLICES && ali_options.huge == ALI_HUGE_AUTO)
            atomic_store_explicit(&g->huge, true, memory_order_relaxed);
    }
    return true;
}

static void limit_set_locked(uint64_t bytes)
{
    ali_spans.limit_bytes = (size_t)bytes;
    ali_spans.limit_slices = bytes == 0 ? UINT64_MAX : bytes >> ALI_SLICE_SHIFT;
}

void ali_span_limit_set(uint64_t bytes)
{
    ali_lock(&ali_spans.lock);
    limit_set_locked(bytes);
    ali_unlock(&ali_spans.lock);
}

bool ali_span_is_within_limit(size_t more_slices)
{
    bool within;

    ali_lock(&ali_spans.lock);
    within = ali_spans.used + (uint64_t)more_slices <= ali_spans.limit_slices;
    ali_unlock(&ali_spans.lock);
    return within;
}

/* --- take ------------------------------------------------------------------------------------ */

struct take {
    uint32_t at;      /* 0: nothing was found */
    uint32_t slices;  /* of the span that was carved */
    uint32_t missing; /* slices of the committed part that are not mapped */
    uint32_t dirty;   /* slices that are */
};

/* Slices behind the range, in the same FREE span, that are not mapped and worth mapping with it. */
static uint32_t extra_after(uint32_t from, uint32_t end, uint32_t missing)
{
    uint32_t step = ali_commit_step(), stop = from + head_slices(head_get(from)), extra = 0;

    while (missing + extra < step && end + extra < stop &&
           span_of(end + extra)->backing == ALI_BACKING_NONE)
        extra++;
    return extra;
}

static uint32_t missing_in(uint32_t from, uint32_t begin, uint32_t commit)
{
    return ali_mix_get_locked(from).none > 0 ? ali_mix_count(begin, commit).none : 0;
}

static bool take_locked(const struct ali_fit *fit, enum ali_span_kind kind, struct take *t)
{
    uint32_t begin, from = ali_bin_find_locked(fit, &begin), slices = fit->slices;
    struct ali_extent e;

    t->at = 0;
    if (from == 0)
        return false;
    t->missing = missing_in(from, begin, fit->commit);
    if (t->missing > 0) {
        kind = ALI_SPAN_BUSY;
        if (fit->commit == fit->slices)
            slices += extra_after(from, begin + slices, t->missing);
    }
    ali_spans.busy += kind == ALI_SPAN_BUSY;
    e = ali_free_carve_locked(from, begin, slices, kind);
    t->at = e.at;
    t->slices = e.slices;
    t->dirty = e.mix.dirty;
    return true;
}

void ali_busy_release_locked(uint32_t at, uint32_t slices, uint32_t stamp)
{
    ali_spans.busy--;
    ali_free_release_locked(at, slices, ali_mix_count(at, slices), stamp);
}

/* The BUSY span that was mapped becomes what was wanted, and what was mapped beyond it free. */
static void take_finish_locked(const struct ali_fit *fit, enum ali_span_kind kind, struct take *t)
{
    uint32_t extra = t->slices - fit->slices;

    if (extra > 0)
        head_set(t->at + fit->slices, ALI_SPAN_BUSY, extra);
    head_set(t->at, kind, fit->slices);
    if (kind == ALI_SPAN_BUSY)
        ali_spans.busy++;
    ali_spans.busy--;
    if (extra > 0) {
        uint32_t at = t->at + fit->slices;

        ali_free_release_locked(at, extra, ali_mix_count(at, extra), ali_stamp_now());
    }
    t->slices = fit->slices;
    t->missing = 0;
}

/* Something foreign lies in the BUSY span: that part is never used again. */
static void take_hole_locked(struct take *t, struct ali_range hole)
{
    uint32_t end = t->at + t->slices, stamp = ali_stamp_now();

    if (hole.to < end) {
        head_set(hole.to, ALI_SPAN_BUSY, end - hole.to);
        ali_spans.busy++;
    }
    head_set(hole.from, ALI_SPAN_HOLE, hole.to - hole.from);
    if (hole.from > t->at)
        head_set(t->at, ALI_SPAN_BUSY, hole.from - t->at);
    else
        ali_spans.busy--;
    if (hole.to < end)
        ali_busy_release_locked(hole.to, end - hole.to, stamp);
    if (hole.from > t->at)
        ali_busy_release_locked(t->at, hole.from - t->at, stamp);
    t->at = 0;
}

static int take_map_locked(const struct ali_fit *fit, enum ali_span_kind kind, struct take *t)
{
    struct ali_range hole = {0, 0};
    int error;

    ali_unlock(&ali_spans.lock);
    error = ali_backing_map(t->at, fit->commit, t->slices, &hole);
    ali_lock(&ali_spans.lock);
    if (error == 0) {
        take_finish_locked(fit, kind, t);
    } else if (error == -EEXIST) {
        take_hole_locked(t, hole);
        error = 0;
    } else {
        ali_busy_release_locked(t->at, t->slices, ali_stamp_now());
        t->at = 0;
    }
    return error;
}

/* The OS refuses. Each round tries harder than the one before; false when there is none left. */
static bool try_harder_locked(struct ali_fit *fit, uint32_t *round)
{
    switch ((*round)++) {
    case 0: /* a place that needs nothing of the OS */
        fit->effort = ALI_EFFORT_MAPPED;
        return true;
    case 1: /* free memory elsewhere, given back, may make room */
        fit->effort = ALI_EFFORT_THOROUGH;
        (void)ali_reclaim_locked(fit->commit);
        return true;
    default:
        return false;
    }
}

/* Nothing mapped was found, or t is BUSY and must be mapped. */
static int take_slow_locked(struct ali_fit fit, enum ali_span_kind kind, struct take *t)
{
    uint32_t round = 0;
    int error = 0;

    for (;;) {
        if (t->at != 0 && t->missing == 0)
            return 0;
        if (t->at != 0)
            error = take_map_locked(&fit, kind, t);
        else if (fit.effort != ALI_EFFORT_MAPPED)
            error = ali_frontier_grow_locked(&fit);
        if (error == ALI_SEARCH_THOROUGHLY)
            fit.effort = ALI_EFFORT_THOROUGH;
        else if (error != 0 && !try_harder_locked(&fit, &round))
            return error;
        if (t->at == 0 || t->missing != 0)
            (void)take_locked(&fit, kind, t);
    }
}

struct ali_span *ali_span_take(const struct ali_fit *fit, enum ali_span_kind kind, bool *zero)
{
    struct ali_span_state *g = &ali_spans;
    struct take t;
    int error = 0;

    ali_lock(&g->lock);
    if (!ali_used_charge_locked(fit->slices - fit->lent)) {
        ali_unlock(&g->lock);
        ali_span_fail(ALLOT_CAUSE_LIMIT, 0, fit->slices);
        return NULL;
    }
    if (!take_locked(fit, kind, &t) || t.missing > 0) {
        g->charging++;
        error = take_slow_locked(*fit, kind, &t);
        g->charging--;
    }
    if (error)
        g->used -= fit->slices - fit->lent;
    else if (t.dirty < fit->commit)
        ali_regret_taken_locked(fit->commit - t.dirty);
    ali_unlock(&g->lock);
    if (error) {
        ali_span_fail(ALLOT_CAUSE_OS, error, fit->commit);
        return NULL;
    }
    *zero = t.dirty == 0;
    return span_of(t.at);
}

struct ali_span *ali_span_alloc(const struct ali_span_request *request, bool *zero)
{
    size_t commit = (request->commit_bytes + ALI_SLICE_BYTES - 1) >> ALI_SLICE_SHIFT;
    struct ali_fit fit = {
        .slices = (uint32_t)request->slices,
        .commit = (uint32_t)(request->commit_bytes ? commit : request->slices),
        .align = (uint32_t)request->align_slices,
        .order = request->want_zero ? ali_order_zero : ali_order_any,
    };

    ali_assert(request->slices > 0 && ali_is_pow2(request->align_slices));
    if (ali_unlikely(request->slices >= ali_spans.window_slices ||
                     request->align_slices >= ali_spans.window_slices)) {
        ali_span_fail(ALLOT_CAUSE_ADDRESS_SPACE, 0, 0);
        return NULL;
    }
    return ali_span_take(&fit, ALI_SPAN_USED, zero);
}

/* --- free ------------------------------------------------------------------------------------ */

/* What was mapped of the range becomes `backing`. Before its head says that it is no longer USED:
 * while it was, ZERO only meant that it was mapped, for its owner wrote to it. */
static struct ali_mix mark_free(uint32_t at, uint32_t slices, enum ali_slice_backing backing)
{
    struct ali_mix mix = {0, 0};

    for (struct ali_span *s = span_of(at), *end = s + slices; s < end; s++) {
        if (s->backing == ALI_BACKING_NONE)
            mix.none++;
        else
            __atomic_store_n(&s->backing, (uint8_t)backing, __ATOMIC_RELAXED);
    }
    if (backing == ALI_BACKING_DIRTY)
        mix.dirty = slices - mix.none;
    return mix;
}

static void free_unmap(uint32_t at, uint32_t slices, enum ali_slice_backing backing)
{
    struct ali_span_state *g = &ali_spans;

    ali_lock(&g->lock);
    g->used -= slices;
    g->busy++;
    (void)mark_free(at, slices, backing);
    head_set(at, ALI_SPAN_BUSY, slices);
    ali_unlock(&g->lock);
    if (ali_backing_unmap(at, slices) == 0)
        (void)ali_backing_purge(at, slices);
    ali_lock(&g->lock);
    ali_busy_release_locked(at, slices, ali_stamp_now());
    ali_unlock(&g->lock);
}

void ali_free_range(uint32_t at, uint32_t slices, enum ali_slice_backing backing)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t stamp = ali_stamp_now();
    bool above;

    ali_lock(&g->lock);
    if (slices >= ALI_UNMAP_SLICES && slices > ali_dirty_cap_slices()) {
        ali_regret_purged_locked(slices);
        ali_unlock(&g->lock);
        free_unmap(at, slices, backing);
        return;
    }
    g->used -= slices;
    ali_free_release_locked(at, slices, mark_free(at, slices, backing), stamp);
    above = atomic_load_explicit(&g->dirty, memory_order_relaxed) > ali_dirty_cap_slices();
    ali_unlock(&g->lock);
    if (ali_unlikely(above))
        ali_purge_to_cap();
}

void ali_span_free(struct ali_span *s)
{
    uint64_t head = head_get(ali_span_index(s));

    ali_require(head_kind(head) == ALI_SPAN_USED);
    ali_free_range(ali_span_index(s), head_slices(head), ALI_BACKING_DIRTY);
}

void ali_span_free_zero(struct ali_span *s)
{
    uint64_t head = head_get(ali_span_index(s));

    ali_require(head_kind(head) == ALI_SPAN_USED);
    ali_free_range(ali_span_index(s), head_slices(head), ALI_BACKING_ZERO);
}

/* The frontier: where slices that were never used begin, and the metas in front of it.
 *
 *   metas   |#############|~~~~~~|                  # in use   ~ mapped ahead
 *   window  |########=====|                         # used or free   = mapped, free
 *                         frontier
 *
 * One thread at a time moves it: the holder of the `growing` token, which calls the OS without
 * the lock. Others wait for its next epoch and search again. Order: slices are mapped, then metas,
 * then heads written, and only then is limit_bytes published, so that who sees it can read them. */
#include "span/state.h"

#include <errno.h>

#define STEP_MIN_SLICES ((uint32_t)(256 * ALI_KIB >> ALI_SLICE_SHIFT))
#define STEP_MAX_SLICES ((uint32_t)(32 * ALI_MIB >> ALI_SLICE_SHIFT))

/* Space left by a large alignment is not mapped from this size on. */
#define SLACK_SLICES 64U

uint32_t ali_commit_step(void)
{
    uint32_t eighth = atomic_load_explicit(&ali_spans.mapped, memory_order_relaxed) / 8;

    if (eighth < STEP_MIN_SLICES)
        return STEP_MIN_SLICES;
    return eighth < STEP_MAX_SLICES ? eighth : STEP_MAX_SLICES;
}

/* --- metas ----------------------------------------------------------------------------------- */

static int metas_map(size_t to_bytes)
{
    struct ali_span_state *g = &ali_spans;
    char *at = (char *)ali_region.metas + g->metas_bytes;
    int error;

    /* a forked child that finds it set knows that these may be mapped */
    g->metas_pending_bytes = to_bytes;
    atomic_fetch_add_explicit(&g->os_calls, 1, memory_order_relaxed);
    error = ali_os_map_at(at, to_bytes - g->metas_bytes, ALI_OS_READ_WRITE);
    if (error == 0)
        g->metas_bytes = to_bytes;
    g->metas_pending_bytes = 0;
    return error;
}

/* The parent's grower was in metas_map when this process was forked from it: either its mapping is
 * here or it is not, and then it is made now. */
static void metas_settle(void)
{
    struct ali_span_state *g = &ali_spans;
    size_t pending = g->metas_pending_bytes;

    if (pending != 0 && metas_map(pending) == -EEXIST)
        g->metas_bytes = pending;
}

int ali_metas_grow(uint32_t top)
{
    struct ali_span_state *g = &ali_spans;
    size_t all = ali_align_up((size_t)g->window_slices << ALI_META_SHIFT, ALI_SLICE_BYTES);
    size_t need = ali_align_up((size_t)top << ALI_META_SHIFT, ALI_SLICE_BYTES);
    size_t step, want;
    int error;

    metas_settle();
    if (need <= g->metas_bytes)
        return 0;
    step = ali_min(ali_max(g->metas_bytes / 4, ALI_SLICE_BYTES), ALI_MIB);
    want = ali_min(ali_max(need, ali_align_up(g->metas_bytes + step, ALI_SLICE_BYTES)), all);
    error = metas_map(want);
    if (error && want > need)
        error = metas_map(need);
    if (error == -EEXIST) {
        /* something foreign lies where the metas would go on: here the window ends */
        ali_lock(&g->lock);
        g->window_slices = (uint32_t)(g->metas_bytes >> ALI_META_SHIFT);
        ali_unlock(&g->lock);
        error = -ENOSPC;
    }
    return error;
}

/* --- grow ------------------------------------------------------------------------------------ */

struct growth {
    uint32_t from; /* the frontier before */
    uint32_t top;  /* the frontier after */
    struct ali_mapping map;
};

/* Fork: the child resets the token; who waits in the parent is woken by who had it. */
static int wait_for_grower_locked(void)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t epoch = atomic_load_explicit(&g->grow_epoch, memory_order_relaxed);

    g->grow_waiters++;
    ali_unlock(&g->lock);
    ali_os_wait(&g->grow_epoch, epoch);
    ali_lock(&g->lock);
    return 0;
}

/* Who waits now is woken; who comes later sees the new epoch and does not sleep. */
static void growing_end_locked(void)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t waiters = g->grow_waiters;

    g->growing = false;
    g->grow_waiters = 0;
    atomic_fetch_add_explicit(&g->grow_epoch, 1, memory_order_relaxed);
    if (waiters == 0)
        return;
    ali_unlock(&g->lock);
    while (waiters-- > 0)
        ali_os_wake_one(&g->grow_epoch);
    ali_lock(&g->lock);
}

static int growth_plan_locked(const struct ali_fit *fit, struct growth *w)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t free = ali_free_before_locked(g->frontier);
    uint64_t begin = fit_align(fit, free ? free : g->frontier);
    uint64_t end = begin + fit->slices, commit_end = begin + fit->commit, want_end;

    if (end <= g->frontier)
        return ALI_SEARCH_THOROUGHLY;
    if (end > g->window_slices)
        return -ENOSPC;
    w->from = g->frontier;
    w->top = (uint32_t)end;
    w->map.at = begin > (uint64_t)w->from + SLACK_SLICES ? (uint32_t)begin : w->from;
    w->map.need = commit_end > w->map.at ? (uint32_t)commit_end - w->map.at : 1;
    want_end =
        w->map.at + (uint64_t)(w->map.need > ali_commit_step() ? w->map.need : ali_commit_step());
    if (atomic_load_explicit(&g->huge, memory_order_relaxed))
        want_end = ali_align_up(want_end, ALI_HUGE_SLICES);
    if (fit->commit < fit->slices)
        want_end = w->map.at + (uint64_t)w->map.need;
    if (want_end > g->window_slices)
        want_end = g->window_slices;
    w->map.want = (uint32_t)want_end - w->map.at;
    w->map.hole_end = g->window_slices;
    return 0;
}

/* Everything that calls the OS. 0 when the frontier can move to w->top. */
static int growth_map(struct growth *w)
{
    struct ali_mapping *m = &w->map;
    int error = ali_range_map(m);

    if (error == 0) {
        if (m->at + m->mapped > w->top)
            w->top = m->at + m->mapped;
    } else if (error == -EEXIST) {
        w->top = m->hole.to;
    } else {
        return error;
    }
    error = ali_metas_grow(w->top);
    if (error == 0) {
        ali_backing_set(m->at, m->mapped, ALI_BACKING_ZERO);
    } else if (m->mapped > 0) {
        atomic_fetch_add_explicit(&ali_spans.os_calls, 1, memory_order_relaxed);
        (void)ali_os_unmap(slice_address(m->at), (size_t)m->mapped << ALI_SLICE_SHIFT);
    }
    return error;
}

static void growth_publish_locked(const struct growth *w)
{
    struct ali_span_state *g = &ali_spans;
    bool hole = w->map.hole.from < w->map.hole.to;
    uint32_t end = hole ? w->map.hole.from : w->top;

    if (hole)
        head_set(end, ALI_SPAN_HOLE, w->map.hole.to - end);
    if (end > w->from)
        head_set(w->from, ALI_SPAN_BUSY, end - w->from);
    g->frontier = w->top;
    atomic_fetch_add_explicit(&g->mapped, w->map.mapped, memory_order_relaxed);
    /* release: pairs with the acquire of who compares an offset with it */
    atomic_store_explicit(&ali_region.limit_bytes, (size_t)w->top << ALI_SLICE_SHIFT,
                          memory_order_release);
    if (end > w->from) {
        struct ali_mix mix = {0, end - w->from - w->map.mapped};

        ali_free_release_locked(w->from, end - w->from, mix, 0);
    }
}

int ali_frontier_grow_locked(const struct ali_fit *fit)
{
    struct ali_span_state *g = &ali_spans;
    struct growth w = {0};
    int error;

    if (g->growing)
        return wait_for_grower_locked();
    error = growth_plan_locked(fit, &w);
    if (error)
        return error;
    g->growing = true;
    ali_unlock(&g->lock);
    error = growth_map(&w);
    ali_lock(&g->lock);
    if (error == 0)
        growth_publish_locked(&w);
    growing_end_locked();
    return error;
}

/* Giving free memory back: after a delay, above a cap, when asked, and when the OS refuses more.
 *
 * Dirty FREE spans are in the age list. What is to be purged is taken out of it as BUSY, at most
 * BATCH spans at a time, and comes back as FREE; the OS is called without the lock between.
 * Any thread does this, for memory that any thread freed. */
#include "span/state.h"

#define BATCH 16U

/* Dirty slices of a batch at most: what is BUSY is missing to threads that allocate meanwhile, who
 * would map more. */
#define BATCH_SLICES ((uint32_t)(16 * ALI_MIB >> ALI_SLICE_SHIFT))

/* Batches that one tick purges. */
#define TICK_BATCHES 4U

/* Spans of the age list that are looked at for a batch. */
#define LOOKS 256U

/* After a failed purge the cap is not enforced for so long, so that it is not tried at each free.
 */
#define RETRY_MS 1000U

uint32_t ali_stamp_now(void)
{
    return (uint32_t)(ali_os_now_ms() >> ALI_STAMP_SHIFT);
}

/* --- the cap ---------------------------------------------------------------------------------
 *
 * A program that frees much and takes it again a moment later pays for every page anew (about 1300
 * ns each). So once REGRET_SLICES of what the cap had purged were wanted again within REGRET_MS,
 * the cap lets stay up to REGRET_MAX_SLICES, as long as what is resident stays below one and a half
 * of the peak, until that has not been confirmed for REGRET_KEEP_MS. A program that frees once and
 * goes idle never gets there. */

#define REGRET_MS 200U
#define REGRET_KEEP_MS 2000U
#define REGRET_SLICES ((uint32_t)(4 * ALI_MIB >> ALI_SLICE_SHIFT))
#define REGRET_MAX_SLICES ((uint64_t)(256 * ALI_MIB >> ALI_SLICE_SHIFT))

void ali_regret_purged_locked(uint32_t slices)
{
    ali_spans.regret_open += slices;
    ali_spans.regret_open_ms = ali_os_now_ms();
}

void ali_regret_taken_locked(uint32_t slices)
{
    struct ali_span_state *g = &ali_spans;
    uint64_t now;
    uint32_t again;

    if (ali_likely(g->regret_open == 0))
        return;
    now = ali_os_now_ms();
    if (now - g->regret_open_ms > REGRET_MS) {
        g->regret_open = 0;
        return;
    }
    again = slices < g->regret_open ? slices : g->regret_open;
    g->regret_open -= again;
    g->regret_slices += again;
    g->regret_ms = now;
}

static void regret_expire_locked(void)
{
    struct ali_span_state *g = &ali_spans;

    if (g->regret_slices != 0 && ali_os_now_ms() - g->regret_ms > REGRET_KEEP_MS)
        g->regret_slices = 0;
}

/* Up to the peak, and half of it again, for what does not fit where it was. */
static uint64_t regret_cap(void)
{
    const struct ali_span_state *g = &ali_spans;

    if (g->regret_slices < REGRET_SLICES)
        return 0;
    return ali_min(g->peak_used - g->used + g->peak_used / 2, REGRET_MAX_SLICES);
}

uint32_t ali_dirty_cap_slices(void)
{
    uint64_t cap = (ali_options.dirty_max_bytes >> ALI_SLICE_SHIFT) +
                   ali_max(ali_spans.used / 8, regret_cap());

    if (ali_options.purge_delay_ms == 0)
        return 0;
    return cap < UINT32_MAX ? (uint32_t)cap : UINT32_MAX;
}

void ali_purge_due_set_locked(void)
{
    uint32_t oldest = ali_spans.age_oldest;
    uint64_t due = UINT64_MAX;

    if (oldest) {
        uint64_t freed = ((uint64_t)span_of(oldest)->stamp + 1) << ALI_STAMP_SHIFT;

        if (ali_options.purge_delay_ms < UINT64_MAX - freed)
            due = freed + ali_options.purge_delay_ms;
    }
    atomic_store_explicit(&ali_spans.purge_due_ms, due, memory_order_relaxed);
}

/* --- a batch --------------------------------------------------------------------------------- */

struct batch {
    struct ali_range range[BATCH];
    uint32_t count;
};

struct wish {
    uint32_t dirty;  /* so many slices */
    uint32_t newest; /* none that was freed after this */
    bool whole;      /* also what is only a part of a huge page */
};

/* The part of a free span to purge: all of it, or when that is much more than is wished its upper
 * end; empty when that would break a huge page and must not. */
static struct ali_range part_locked(uint32_t from, uint32_t want, bool whole)
{
    uint32_t end = from + head_slices(head_get(from)), begin = from;
    uint32_t dirty = ali_mix_get_locked(from).dirty;

    if (dirty > want + ALI_HUGE_SLICES) {
        for (begin = end, dirty = 0; dirty < want; begin--)
            dirty += span_of(begin - 1)->backing == ALI_BACKING_DIRTY;
        begin = (uint32_t)ali_align_down(begin, ALI_HUGE_SLICES);
        begin = begin < from ? from : begin;
    }
    if (!whole) {
        begin = (uint32_t)ali_align_up(begin, ALI_HUGE_SLICES);
        end = (uint32_t)ali_align_down(end, ALI_HUGE_SLICES);
        if (begin >= end || ali_mix_count(begin, end - begin).dirty == 0)
            end = begin;
    }
    return (struct ali_range){begin, end};
}

/* Oldest spans first. */
static void batch_take_locked(struct batch *b, const struct wish *wish)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t start = atomic_load_explicit(&g->dirty, memory_order_relaxed), taken = 0;
    uint32_t at = g->age_oldest, next;

    b->count = 0;
    for (uint32_t looks = LOOKS; at && looks > 0; at = next, looks--) {
        struct ali_range part = {0, 0};

        if (b->count == BATCH || taken >= wish->dirty ||
            (int32_t)(wish->newest - span_of(at)->stamp) < 0)
            break;
        next = span_of(at)->age_next;
        part = part_locked(at, wish->dirty - taken, wish->whole);
        if (part.from == part.to)
            continue;
        (void)ali_free_carve_locked(at, part.from, part.to - part.from, ALI_SPAN_BUSY);
        g->busy++;
        b->range[b->count++] = part;
        taken = start - atomic_load_explicit(&g->dirty, memory_order_relaxed);
    }
}

static uint32_t batch_purge(const struct batch *b)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < b->count; i++)
        done += ali_backing_purge(b->range[i].from, b->range[i].to - b->range[i].from);
    return done;
}

static void batch_return_locked(const struct batch *b)
{
    uint32_t stamp = ali_stamp_now();

    for (uint32_t i = 0; i < b->count; i++)
        ali_busy_release_locked(b->range[i].from, b->range[i].to - b->range[i].from, stamp);
}

/* Releases the lock meanwhile. The number of slices purged; 0 when there was nothing or it failed.
 */
static uint32_t purge_some_locked(struct wish wish)
{
    struct ali_span_state *g = &ali_spans;
    struct batch b;
    uint32_t done;

    wish.dirty = wish.dirty < BATCH_SLICES ? wish.dirty : BATCH_SLICES;
    batch_take_locked(&b, &wish);
    if (b.count == 0)
        return 0;
    ali_unlock(&g->lock);
    done = batch_purge(&b);
    ali_lock(&g->lock);
    batch_return_locked(&b);
    if (done == 0)
        g->purge_retry_ms = ali_os_now_ms() + RETRY_MS;
    return done;
}

/* --- when ------------------------------------------------------------------------------------ */

size_t ali_span_trim(size_t keep_bytes)
{
    struct ali_span_state *g = &ali_spans;
    uint64_t keep = keep_bytes >> ALI_SLICE_SHIFT;
    size_t total = 0;
    uint32_t done = 1;

    ali_lock(&g->lock);
    while (done > 0) {
        uint32_t dirty = atomic_load_explicit(&g->dirty, memory_order_relaxed);

        if (dirty <= keep)
            break;
        done = purge_some_locked((struct wish){dirty - (uint32_t)keep, ali_stamp_now(), true});
        total += done;
    }
    ali_unlock(&g->lock);
    return total << ALI_SLICE_SHIFT;
}

/* Down to three quarters, so that the next frees need not come here again. Where there are huge
 * pages only whole ones, as long as there are such: to break one costs more than it gives. */
static void purge_to_cap_locked(void)
{
    struct ali_span_state *g = &ali_spans;
    bool whole = !atomic_load_explicit(&g->huge, memory_order_relaxed);
    uint32_t done, dirty, cap;

    for (;;) {
        cap = ali_dirty_cap_slices();
        cap -= cap / 4;
        dirty = atomic_load_explicit(&g->dirty, memory_order_relaxed);
        if (dirty <= cap)
            return;
        done = purge_some_locked((struct wish){dirty - cap, ali_stamp_now(), whole});
        if (done == 0 && whole)
            return;
        ali_regret_purged_locked(done);
        whole |= done == 0;
    }
}

void ali_purge_to_cap(void)
{
    struct ali_span_state *g = &ali_spans;

    ali_lock(&g->lock);
    if (!g->purging && (g->purge_retry_ms == 0 || ali_os_now_ms() >= g->purge_retry_ms)) {
        g->purge_retry_ms = 0;
        regret_expire_locked();
        g->purging = true; /* it looks again until the cap holds, so that one thread is enough */
        purge_to_cap_locked();
        g->purging = false;
    }
    ali_unlock(&g->lock);
}

static ALI_NOINLINE void tick_due(uint64_t now_ms)
{
    struct ali_span_state *g = &ali_spans;
    uint64_t newest = (now_ms - ali_options.purge_delay_ms) >> ALI_STAMP_SHIFT;

    if (!ali_try_lock(&g->lock))
        return;
    regret_expire_locked();
    if (!g->purging && newest > 0) {
        g->purging = true;
        for (uint32_t i = 0; i < TICK_BATCHES; i++)
            if (purge_some_locked((struct wish){BATCH_SLICES, (uint32_t)newest - 1, true}) == 0)
                break;
        if (atomic_load_explicit(&g->dirty, memory_order_relaxed) > ali_dirty_cap_slices())
            purge_to_cap_locked(); /* for those who left it to this thread */
        g->purging = false;
    }
    ali_purge_due_set_locked();
    ali_unlock(&g->lock);
}

void ali_span_tick(void)
{
    uint64_t due = atomic_load_explicit(&ali_spans.purge_due_ms, memory_order_relaxed);
    uint64_t now;

    if (ali_likely(due == UINT64_MAX))
        return;
    now = ali_os_now_ms();
    if (ali_unlikely(now >= due))
        tick_due(now);
}

/* --- the OS refuses more --------------------------------------------------------------------- */

/* A FREE span with mapped slices; larger ones and families without use for the future first. */
static uint32_t reclaim_pick_locked(void)
{
    static const enum ali_family order[] = {ALI_FAMILY_ZERO, ALI_FAMILY_DIRTY, ALI_FAMILY_NONE};

    for (uint32_t i = 0; i < ALI_ARRAY_COUNT(order); i++) {
        const struct ali_bins *bins = &ali_spans.bins[order[i]];

        for (uint32_t bin = ALI_BIN_COUNT; bin-- > 0;) {
            for (uint32_t at = bins->head[bin]; at; at = span_of(at)->next) {
                uint32_t slices = head_slices(head_get(at));

                if (order[i] != ALI_FAMILY_NONE || ali_mix_get_locked(at).none < slices)
                    return at;
            }
        }
    }
    return 0;
}

/* Not worth it when what is free is a small part of what is wanted. */
static bool reclaim_is_hopeless_locked(uint32_t slices)
{
    uint32_t mapped = atomic_load_explicit(&ali_spans.mapped, memory_order_relaxed);

    return mapped < ali_spans.used || (mapped - ali_spans.used) < slices / 64;
}

uint32_t ali_reclaim_locked(uint32_t slices)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t done = 0, last = 1;

    if (reclaim_is_hopeless_locked(slices))
        return 0;
    while (done < slices && last > 0) {
        uint32_t at = reclaim_pick_locked(), count;

        if (at == 0)
            break;
        count = head_slices(head_get(at));
        (void)ali_free_carve_locked(at, at, count, ALI_SPAN_BUSY);
        g->busy++;
        ali_unlock(&g->lock);
        last = ali_backing_unmap(at, count);
        ali_lock(&g->lock);
        ali_busy_release_locked(at, count, ali_stamp_now());
        done += last;
    }
    return done;
}

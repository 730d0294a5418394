/* After fork, in the child.
 *
 * No lock is held across fork, so the child may find the lock taken by a thread that it does not
 * have, in the middle of a change. What it sees of memory is then a moment in the order in which
 * that thread wrote: fork write-protects pages while it holds the lock of the address space, and
 * flushes the TLBs before it lets it go, so a thread that writes to a protected page stops there
 * until the fork is done, and its later writes are not in the child either. Heads are written with
 * release, so on machines that reorder stores what was written before a head is there when the head
 * is.
 *
 * A walk that starts at slice 1 and steps by the slices of each head tiles [1, limit) at each such
 * moment:
 *
 *   carve    the head of what is left behind, then the head of what is carved, then that of what
 *            is left in front: until the last store the old head still covers all of them
 *   join     the lengthened head first, then the absorbed ones are cleared: nobody steps on them
 *   split    (shrink, extra, hole) the new head behind, then the old one is shortened
 *   grow     the lengthened head of the USED span, then the head of the BUSY one behind is cleared
 *   frontier heads first, then limit_bytes
 *
 * So bins, age list and counters can be made anew from heads and backing. Stale heads inside spans
 * are cleared on the way. What a BUSY span is made of:
 *
 *   NONE     perhaps mapped by the parent's thread since: mapping it answers EEXIST, and the range
 * is stepped over as a hole. It was never touched, so only addresses are lost. ZERO     set after
 * the OS said so; DIRTY until then. LEAVING  mapped or not: mapping it anew answers which. A USED
 * span with such slices was not yet BUSY, so its memory is still there.
 *
 * Slices above the frontier that a grower had mapped are lost in the same way as NONE. */
#include "span/state.h"

#include <errno.h>

/* Mapped still, or not any more: afterwards it is mapped and clean, or not mapped. */
static void leaving_settle(uint32_t from, uint32_t slices)
{
    void *address = slice_address(from);
    size_t bytes = (size_t)slices << ALI_SLICE_SHIFT;
    int error = ali_os_map_at(address, bytes, ALI_OS_READ_WRITE);
    enum ali_slice_backing backing = ALI_BACKING_NONE;

    if (error == 0)
        backing = ALI_BACKING_ZERO;
    else if (error == -EEXIST)
        backing = ali_os_purge(address, bytes) == 0 ? ALI_BACKING_ZERO : ALI_BACKING_DIRTY;
    ali_backing_set(from, slices, backing);
}

static void busy_settle(uint32_t at, uint32_t slices)
{
    uint32_t end = at + slices, from;

    /* one that was being moved had an owner still */
    for (uint32_t i = at; i < end; i++)
        memset(span_of(i)->client, 0, sizeof(span_of(i)->client));
    for (uint32_t i = at; i < end; i++) {
        for (from = i; i < end && span_of(i)->backing == ALI_BACKING_LEAVING; i++)
            ;
        if (from < i)
            leaving_settle(from, i - from);
    }
}

static void used_settle(uint32_t at, uint32_t slices)
{
    for (uint32_t i = at; i < at + slices; i++) {
        if (span_of(i)->backing == ALI_BACKING_LEAVING)
            span_of(i)->backing = ALI_BACKING_DIRTY;
    }
}

static void clear_inside(uint32_t at, uint32_t slices)
{
    for (uint32_t i = at + 1; i < at + slices; i++) {
        if (head_get(i) != 0)
            head_clear(i);
    }
}

/* Makes the spans from `at` on that are FREE or BUSY one FREE span; the number of its slices. */
static uint32_t free_gather(uint32_t at, uint32_t end)
{
    uint32_t stop = at;

    while (stop < end) {
        uint64_t head = head_get(stop);

        if (head_kind(head) == ALI_SPAN_BUSY)
            busy_settle(stop, head_slices(head));
        else if (head_kind(head) != ALI_SPAN_FREE)
            break;
        stop += head_slices(head);
    }
    head_set(at, ALI_SPAN_FREE, stop - at);
    clear_inside(at, stop - at);
    return stop - at;
}

static void above_frontier_clear(void)
{
    uint32_t end = (uint32_t)(ali_spans.metas_bytes >> ALI_META_SHIFT);

    for (uint32_t i = ali_spans.frontier; i < end; i++) {
        if (head_get(i) != 0)
            head_clear(i);
        if (span_of(i)->backing != ALI_BACKING_NONE)
            span_of(i)->backing = ALI_BACKING_NONE;
    }
}

static void derived_clear(void)
{
    struct ali_span_state *g = &ali_spans;

    memset(g->bins, 0, sizeof(g->bins));
    g->age_oldest = g->age_newest = 0;
    g->busy = g->charging = 0;
    g->used = 0;
    atomic_store_explicit(&g->dirty, 0, memory_order_relaxed);
    atomic_store_explicit(&g->mapped, 0, memory_order_relaxed);
    g->frontier = (uint32_t)(atomic_load_explicit(&ali_region.limit_bytes, memory_order_relaxed) >>
                             ALI_SLICE_SHIFT);
}

static uint32_t span_rebuild(uint32_t at, uint32_t stamp)
{
    struct ali_span_state *g = &ali_spans;
    enum ali_span_kind kind = head_kind(head_get(at));
    uint32_t slices = head_slices(head_get(at));

    if (kind == ALI_SPAN_FREE || kind == ALI_SPAN_BUSY) {
        struct ali_extent e = {.at = at, .stamp = stamp, .older = ALI_AGE_NEWEST};

        slices = e.slices = free_gather(at, g->frontier);
        e.mix = ali_mix_count(at, slices);
        ali_bin_add_locked(&e);
    } else {
        clear_inside(at, slices);
        used_settle(at, slices);
        if (kind == ALI_SPAN_USED)
            g->used += slices;
    }
    atomic_fetch_add_explicit(&g->mapped, slices - ali_mix_count(at, slices).none,
                              memory_order_relaxed);
    return slices;
}

static void rebuild(void)
{
    uint32_t stamp = ali_stamp_now();

    derived_clear();
    above_frontier_clear();
    for (uint32_t at = 1; at < ali_spans.frontier;) {
        uint32_t slices = span_rebuild(at, stamp);

        ali_require(slices > 0);
        at += slices;
    }
}

void ali_span_fork_child(void)
{
    struct ali_span_state *g = &ali_spans;
    bool torn = ali_lock_is_taken(&g->lock) || g->busy > 0 || g->charging > 0 || g->growing;

    ali_lock_reset(&g->lock);
    ali_region_fork_child();
    g->growing = g->purging = false;
    g->grow_waiters = 0;
    if (torn && atomic_load_explicit(&ali_region.limit_bytes, memory_order_relaxed) != 0)
        rebuild();
}

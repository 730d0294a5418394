/* Growing and shrinking a USED span where it is.
 *
 *   | USED s | FREE ......... |        | USED s | BUSY | FREE .. |        | USED s ....... | FREE
 * .. | carve ->                    map ->            one store of head joins them */
#include "span/state.h"

#include <errno.h>

/* Carves [at, slices) off the front of the FREE span that begins at `at`, as BUSY. */
static bool carve_behind_locked(uint32_t at, uint32_t slices)
{
    uint64_t head = at < ali_spans.frontier ? head_get(at) : 0;

    if (head_kind(head) != ALI_SPAN_FREE || head_slices(head) < slices)
        return false;
    (void)ali_free_carve_locked(at, at, slices, ALI_SPAN_BUSY);
    ali_spans.busy++;
    return true;
}

/* When only the frontier, or a free span that reaches it, is behind: moves the frontier. */
static bool make_room_locked(uint32_t at, uint32_t slices)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t free = at < g->frontier ? head_slices(head_get(at)) : 0;
    struct ali_fit fit = {.slices = slices, .commit = slices, .align = 1};

    if (at < g->frontier && head_kind(head_get(at)) != ALI_SPAN_FREE)
        return false;
    if (free >= slices)
        return true;
    return at + free == g->frontier && ali_frontier_grow_locked(&fit) == 0;
}

static bool grow_locked(uint32_t at, uint32_t old, uint32_t slices)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t tail = at + old, more = slices - old;
    struct ali_range hole;
    int error;

    /* the frontier may have been moved by another thread, or less far than was wanted */
    for (int i = 0; !carve_behind_locked(tail, more); i++) {
        if (i == 2 || !make_room_locked(tail, more))
            return false;
    }
    ali_unlock(&g->lock);
    error = ali_backing_map(tail, more, more, &hole);
    ali_lock(&g->lock);
    if (error) {
        ali_busy_release_locked(tail, more, ali_stamp_now());
        return false;
    }
    g->busy--;
    head_set(at, ALI_SPAN_USED, slices);
    head_clear(tail);
    return true;
}

bool ali_span_grow(struct ali_span *s, size_t slices)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t at = ali_span_index(s), old = (uint32_t)ali_span_slices(s);
    bool done = false;

    ali_assert(head_kind(head_get(at)) == ALI_SPAN_USED);
    if (slices <= old)
        return slices == old;
    if (slices >= g->window_slices)
        return false;
    ali_lock(&g->lock);
    if (ali_used_charge_locked((uint32_t)slices - old)) {
        g->charging++;
        done = grow_locked(at, old, (uint32_t)slices);
        g->charging--;
        if (!done)
            g->used -= (uint32_t)slices - old;
    }
    ali_unlock(&g->lock);
    return done;
}

void ali_span_shrink(struct ali_span *s, size_t slices)
{
    uint32_t at = ali_span_index(s), old = (uint32_t)ali_span_slices(s), keep = (uint32_t)slices;

    ali_assert(head_kind(head_get(at)) == ALI_SPAN_USED && slices > 0 && slices <= old);
    if (keep == old)
        return;
    ali_lock(&ali_spans.lock);
    head_set(at + keep, ALI_SPAN_USED, old - keep);
    head_set(at, ALI_SPAN_USED, keep);
    ali_unlock(&ali_spans.lock);
    ali_free_range(at + keep, old - keep, ALI_BACKING_DIRTY);
}

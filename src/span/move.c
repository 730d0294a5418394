/* Moving the pages of a span to a larger one.
 *
 *   from  | USED, dirty | -> | BUSY, leaving | -> | FREE, not mapped |
 *   to    | BUSY, mapped                     | -> | USED             |
 *
 * Only as many bytes as `from` has are moved: the rest of `to` is what was mapped for it, so that
 * the kernel need not extend anything. Where `to` begins at the same place of a 2 MiB page as
 * `from` the kernel moves page tables and not pages. */
#include "span/state.h"

/* Slices from the start that are mapped. 0 when what is mapped does not end there. */
static uint32_t mapped_prefix(uint32_t at, uint32_t slices)
{
    uint32_t i = 0;

    while (i < slices && span_of(at + i)->backing != ALI_BACKING_NONE)
        i++;
    return ali_mix_count(at, slices).none == slices - i ? i : 0;
}

/* No owner any more, on any slice; the owner is in the first word. */
static void client_clear(uint32_t at, uint32_t slices)
{
    for (uint32_t i = at; i < at + slices; i++) {
        _Atomic(uint64_t) *word = (_Atomic(uint64_t) *)span_of(i)->client;

        for (size_t k = 0; k < sizeof(span_of(i)->client) / sizeof(*word); k++) {
            if (atomic_load_explicit(&word[k], memory_order_relaxed) != 0)
                atomic_store_explicit(&word[k], 0, memory_order_release);
        }
    }
}

static bool move_pages(uint32_t from, uint32_t to, uint32_t slices)
{
    size_t bytes = (size_t)slices << ALI_SLICE_SHIFT;

    atomic_fetch_add_explicit(&ali_spans.os_calls, 1, memory_order_relaxed);
    return ali_os_move(slice_address(from), bytes, slice_address(to), bytes) == 0;
}

/* After a failed move the target may be inaccessible, or no longer mapped. It must not stay so. */
static bool target_settle(uint32_t at, uint32_t slices)
{
    if (ali_backing_unmap(at, slices) == slices)
        return true;
    atomic_fetch_add_explicit(&ali_spans.os_calls, 1, memory_order_relaxed);
    return ali_os_protect(slice_address(at), (size_t)slices << ALI_SLICE_SHIFT,
                          ALI_OS_READ_WRITE) == 0;
}

/* Dirty before the head changes: of a BUSY span, ZERO would be believed. */
static void source_take(uint32_t at, uint32_t slices, uint32_t mapped)
{
    ali_lock(&ali_spans.lock);
    ali_backing_set(at, mapped, ALI_BACKING_DIRTY);
    head_set(at, ALI_SPAN_BUSY, slices);
    ali_spans.busy++;
    ali_unlock(&ali_spans.lock);
    ali_backing_set(at, mapped, ALI_BACKING_LEAVING);
}

/* The move failed: it is as it was. */
static void source_give(uint32_t at, uint32_t slices, uint32_t mapped)
{
    ali_backing_set(at, mapped, ALI_BACKING_DIRTY);
    ali_lock(&ali_spans.lock);
    head_set(at, ALI_SPAN_USED, slices);
    ali_spans.busy--;
    ali_unlock(&ali_spans.lock);
}

/* Both are BUSY. */
static void move_finish(uint32_t from, uint32_t slices, uint32_t to, uint32_t to_slices)
{
    struct ali_span_state *g = &ali_spans;

    ali_lock(&g->lock);
    head_set(to, ALI_SPAN_USED, to_slices);
    g->busy--;
    ali_busy_release_locked(from, slices, 0);
    ali_unlock(&g->lock);
}

/* `to` is BUSY; its first slices are where the move failed. */
static void move_undo(uint32_t to, uint32_t slices, uint32_t moved, uint32_t lent)
{
    struct ali_span_state *g = &ali_spans;
    bool good = target_settle(to, moved);

    ali_lock(&g->lock);
    g->used -= slices - lent;
    if (good) {
        ali_busy_release_locked(to, slices, ali_stamp_now());
    } else {
        uint32_t mapped = slices - ali_mix_count(to, slices).none;

        head_set(to, ALI_SPAN_HOLE, slices);
        g->busy--;
        atomic_fetch_sub_explicit(&g->mapped, mapped, memory_order_relaxed);
    }
    ali_unlock(&g->lock);
}

struct ali_span *ali_span_move(struct ali_span *from, size_t slices)
{
    struct ali_span_state *g = &ali_spans;
    uint32_t at = ali_span_index(from), old = (uint32_t)ali_span_slices(from), moved, to_at;
    uint32_t align = old >= ALI_HUGE_SLICES ? ALI_HUGE_SLICES : 1;
    struct ali_fit fit = {
        .slices = (uint32_t)slices,
        .commit = (uint32_t)slices,
        .align = align,
        .phase = ((uint32_t)(ali_region.base >> ALI_SLICE_SHIFT) + at) & (align - 1),
        .order = ali_order_fresh,
        .lent = old,
    };
    struct ali_span *to;
    bool zero;

    ali_assert(head_kind(head_get(at)) == ALI_SPAN_USED && slices > old);
    moved = mapped_prefix(at, old);
    if (moved == 0 || slices >= g->window_slices)
        return NULL;
    to = ali_span_take(&fit, ALI_SPAN_BUSY, &zero);
    if (to == NULL)
        return NULL;
    to_at = ali_span_index(to);
    ali_backing_set(to_at, moved, ALI_BACKING_DIRTY);
    source_take(at, old, moved);
    if (!move_pages(at, to_at, moved)) {
        source_give(at, old, moved);
        move_undo(to_at, fit.slices, moved, old);
        return NULL;
    }
    client_clear(at, old);
    ali_backing_set(at, moved, ALI_BACKING_NONE);
    atomic_fetch_sub_explicit(&g->mapped, moved, memory_order_relaxed);
    move_finish(at, old, to_at, fit.slices);
    return to;
}

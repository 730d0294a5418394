/* Walking: every span of a heap, every block of a span; statistics; giving memory back. */
#include "heap/internal.h"
#include "heap/mask.h"

#include "allot/stats.h"

#include <errno.h>

/* --- spans -------------------------------------------------------------------------------- */

/* The span may be released or become another kind meanwhile. */
static struct allot_heap *heap_of_span(struct ali_span *span)
{
    struct ali_slab *slab = ali_slab_of(span);
    struct ali_block *b;

    switch (ali_peek(slab->kind)) {
    case ALI_KIND_SLAB:
    case ALI_KIND_WIDE:
        b = atomic_load_explicit(&slab->holder, memory_order_acquire);
        return b == NULL ? NULL : ali_peek(b->heap);
    case ALI_KIND_LARGE:
        return ali_peek(ali_large_of(span)->heap);
    default:
        return NULL;
    }
}

bool ali_heap_each_span(struct allot_heap *h, bool (*each)(struct ali_span *span, void *arg),
                        void *arg)
{
    struct ali_span *span;

    for (span = ali_span_next_used(0); span != NULL;
         span = ali_span_next_used(ali_span_index(span) + 1))
        if (heap_of_span(span) == h && !each(span, arg))
            return false;
    return true;
}

/* A block of a hardened slab may wait in the quarantine: neither free nor live. One look at each
 * block, so that none is counted as both. */
static unsigned count_live(const struct ali_look *look)
{
    unsigned live = 0;
    unsigned i;

    for (i = 0; i < look->class->count; i++)
        live += ali_state_is_live(ali_state_get(look->states + i));
    return live;
}

/* Never more than there are blocks, even of a slab that was made anew meanwhile. */
unsigned ali_look_live(const struct ali_look *look)
{
    unsigned count = look->class->count;
    unsigned unused = 0;
    unsigned i;

    if (ali_hardens_blocks())
        return count_live(look);
    for (i = 0; i < count; i += ALI_WORD_BLOCKS)
        unused += ali_bit_count(ali_states_free_mask(look->states + i));
    return count - (unsigned)ali_min(unused, count);
}

/* --- blocks ------------------------------------------------------------------------------- */

struct visit {
    allot_heap_visit_fn fn;
    void *arg;
};

static bool visit_span(struct ali_span *span, void *arg)
{
    const struct visit *v = arg;
    char *block = ali_span_base(span);
    struct ali_look look;
    unsigned i;

    if (ali_peek(ali_slab_of(span)->kind) == ALI_KIND_LARGE) {
        const struct ali_large *large = ali_large_of(span);

        if (!ali_state_is_live(atomic_load_explicit(&large->state, memory_order_acquire)))
            return true;
        return v->fn(block, ali_peek(large->bytes), v->arg);
    }
    if (!ali_slab_look(ali_slab_of(span), &look))
        return true;
    for (i = 0; i < look.class->count; i++, block += look.class->block_bytes)
        if (ali_state_is_live(ali_state_get(look.states + i)) &&
            !v->fn(block, look.class->block_bytes, v->arg))
            return false;
    return true;
}

bool ali_heap_visit(struct allot_heap *h, allot_heap_visit_fn visit, void *arg)
{
    struct visit v = {.fn = visit, .arg = arg};

    return ali_heap_each_span(h, visit_span, &v);
}

bool allot_heap_walk(allot_heap *heap, allot_heap_visit_fn visit, void *arg)
{
    heap = ali_heap_meant(heap, ALI_CALL_HEAP_WALK, __builtin_return_address(0));
    return heap != NULL && ali_heap_visit(heap, visit, arg);
}

static bool add_span(struct ali_span *span, void *arg)
{
    struct allot_heap_stats *stats = arg;
    struct ali_look look;
    unsigned used;

    stats->spans_bytes += ali_span_slices(span) << ALI_SLICE_SHIFT;
    if (ali_peek(ali_slab_of(span)->kind) == ALI_KIND_LARGE) {
        const struct ali_large *large = ali_large_of(span);

        if (ali_state_is_live(atomic_load_explicit(&large->state, memory_order_acquire))) {
            stats->live_blocks++;
            stats->live_bytes += ali_peek(large->bytes);
        }
        return true;
    }
    if (!ali_slab_look(ali_slab_of(span), &look))
        return true;
    used = ali_look_live(&look);
    stats->live_blocks += used;
    stats->live_bytes += (size_t)used * look.class->block_bytes;
    return true;
}

void ali_heap_stats(struct allot_heap *heap, struct allot_heap_stats *stats)
{
    struct ali_span_stats spans;

    memset(stats, 0, sizeof *stats);
    ali_heap_each_span(heap, add_span, stats);
    stats->peak_spans_bytes = atomic_load_explicit(&heap->peak_bytes, memory_order_relaxed);
    stats->limit_bytes = atomic_load_explicit(&heap->limit_bytes, memory_order_relaxed);
    if (ali_heap_is_default(heap)) {
        ali_span_stats(&spans);
        stats->peak_spans_bytes = spans.peak_used_bytes;
        stats->limit_bytes = spans.limit_bytes;
    }
}

allot_status allot_heap_stats_get(allot_heap *heap, struct allot_heap_stats *stats)
{
    heap = ali_heap_meant(heap, ALI_CALL_HEAP_STATS, __builtin_return_address(0));
    if (heap == NULL) {
        memset(stats, 0, sizeof *stats);
        return -EINVAL;
    }
    ali_heap_stats(heap, stats);
    return 0;
}

/* Only what is mapped is asked for: most of a sparse region is not. Without the lock of the span
 * layer, which is not held across a system call: each slice is as it was at some moment. */
size_t ali_heap_resident_bytes(void)
{
    size_t limit = atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire);
    size_t resident = 0;
    uintptr_t from, to;

    for (from = 0; from < limit; from = to) {
        bool mapped = ali_backing_peek(ali_span_at(from)) != ALI_BACKING_NONE;

        for (to = from; to < limit; to += ALI_SLICE_BYTES)
            if ((ali_backing_peek(ali_span_at(to)) != ALI_BACKING_NONE) != mapped)
                break;
        if (mapped)
            resident += ali_os_resident_bytes((const char *)ali_region.base + from, to - from);
    }
    return resident;
}

/* --- giving back -------------------------------------------------------------------------- */

/* What is no slab by now is not PARKED either, so that ali_slab_purge leaves it alone. */
static bool purge_span(struct ali_span *span, void *arg)
{
    size_t *purged = arg;
    uint8_t kind = ali_peek(ali_slab_of(span)->kind);

    if (kind == ALI_KIND_SLAB || kind == ALI_KIND_WIDE)
        *purged += ali_slab_purge(ali_slab_of(span));
    return true;
}

void ali_heap_release_parked(struct allot_heap *h)
{
    uint32_t left = atomic_load_explicit(&h->parked_count, memory_order_relaxed);
    struct ali_block *done = NULL;
    struct ali_block *b;

    while (left-- > 0 && (b = ali_parked_take(h)) != NULL) {
        ali_inbox_drain(b);
        ali_block_quiesce(b);
        b->next_parked = done;
        done = b;
    }
    while (done != NULL) {
        b = done;
        done = b->next_parked;
        ali_parked_give(b);
    }
}

void ali_heap_make_room(struct ali_block *b)
{
    struct allot_heap *h;

    ali_guard_retry();
    if (ali_thread_is_attached()) {
        ali_remote_flush(ali_self);
        ali_thread_quiesce();
    }
    if (b != NULL) {
        ali_inbox_drain(b);
        ali_block_quiesce(b);
    }
    for (h = ali_heap_first(); h != NULL; h = h->next)
        ali_heap_release_parked(h);
}

size_t allot_trim(size_t keep_bytes)
{
    size_t purged = 0;
    struct allot_heap *h;

    ali_heap_start();
    ali_quarantine_empty(ALI_CALL_FREE, __builtin_return_address(0));
    ali_guard_retry();
    if (ali_thread_is_attached()) {
        ali_remote_flush(ali_self);
        ali_inbox_drain(ali_self);
        ali_block_release_kept(ali_self);
    }
    for (h = ali_heap_first(); h != NULL; h = h->next) {
        ali_heap_release_parked(h);
        ali_heap_each_span(h, purge_span, &purged);
    }
    return purged + ali_span_trim(keep_bytes);
}

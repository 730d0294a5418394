/* Large blocks: whole spans, one block each. They grow in place or move by remapping, and a few
 * are kept by the thread that freed them last. */
#include "heap/internal.h"

/* What a thread keeps of large spans: enough for a program that allocates and frees one buffer
 * again and again, too little to matter. */
#define KEEP_BYTES ((size_t)512 << 10)

/* Below this a copy is cheaper than two changes of page tables. */
#define MOVE_MIN_BYTES ((size_t)256 << 10)

/* Spans of so many bytes are kept by nobody. */
static _Atomic(size_t) at_once_bytes = SIZE_MAX;

void ali_heap_return_at_once(size_t bytes)
{
    atomic_store_explicit(&at_once_bytes, bytes, memory_order_relaxed);
}

static bool goes_at_once(size_t bytes)
{
    return bytes >= atomic_load_explicit(&at_once_bytes, memory_order_relaxed);
}

static size_t slices_for(size_t bytes)
{
    return (bytes + ALI_SLICE_BYTES - 1) >> ALI_SLICE_SHIFT;
}

static struct ali_span *take_kept(struct ali_block *b, size_t slices, size_t align)
{
    uint32_t i;

    for (i = 0; i < b->large_count; i++) {
        struct ali_span *span = b->large[i];
        size_t have = ali_span_slices(span);

        if (have < slices || have > slices + slices / 4 ||
            !ali_is_aligned(ali_span_base(span), align))
            continue;
        b->large[i] = b->large[--b->large_count];
        b->large_bytes -= have << ALI_SLICE_SHIFT;
        return span;
    }
    return NULL;
}

static struct ali_span *take_span(struct ali_block *b, const struct ali_request *request,
                                  size_t bytes, bool *zero)
{
    struct ali_span_request want = {.slices = slices_for(bytes) + ali_guard_slices(),
                                    .align_slices = ali_max(request->align >> ALI_SLICE_SHIFT, 1),
                                    .want_zero = request->zero};
    struct ali_span *span;

    *zero = false;
    span = take_kept(b, want.slices, request->align);
    if (span != NULL)
        return span;
    if (!ali_heap_charge(b->heap, b, want.slices << ALI_SLICE_SHIFT))
        return NULL;
    span = ali_span_alloc(&want, zero);
    if (span == NULL) {
        ali_heap_make_room(b);
        span = ali_span_alloc(&want, zero);
    }
    if (span == NULL)
        ali_heap_uncharge(b->heap, want.slices << ALI_SLICE_SHIFT);
    else
        ali_heap_enlist(b->heap, span);
    return span;
}

void *ali_large_alloc_kept(struct ali_block *b, size_t size)
{
    size_t bytes = ali_align_up(size, ali_os_page_bytes);
    struct ali_span *span = take_kept(b, slices_for(bytes), 1);

    if (span == NULL)
        return NULL;
    ali_poke(ali_large_of(span)->bytes, bytes);
    ali_count(b->large_allocs, 1);
    atomic_store_explicit(&ali_large_of(span)->state, ALI_STATE_LIVE, memory_order_release);
    return ali_span_base(span);
}

static void publish(struct ali_span *span, struct allot_heap *heap, size_t bytes)
{
    struct ali_large *large = ali_large_of(span);

    ali_poke(large->heap, heap);
    ali_poke(large->bytes, bytes);
    __atomic_store_n(&large->kind, ALI_KIND_LARGE, __ATOMIC_RELEASE);
}

void *ali_large_alloc(struct ali_block *b, const struct ali_request *request)
{
    size_t bytes = ali_align_up(request->size + ali_hardening.extra_bytes, ali_os_page_bytes);
    struct ali_span *span;
    bool zero;

    if (request->align > ALI_GIB || bytes > PTRDIFF_MAX - request->align) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return NULL;
    }
    span = take_span(b, request, bytes, &zero);
    if (span == NULL)
        return NULL;
    publish(span, b->heap, bytes);
    ali_count(b->large_allocs, 1);
    ali_guard_large(span, bytes);
    ali_watch_take_large(b, span, zero, request);
    return ali_span_base(span);
}

void ali_large_discard(struct ali_span *span)
{
    struct allot_heap *heap = ali_large_of(span)->heap;
    size_t bytes = ali_span_slices(span) << ALI_SLICE_SHIFT;

    ali_slab_clear(span, 1);
    ali_heap_delist(heap, span);
    if (ali_unlikely(goes_at_once(bytes)))
        (void)ali_span_purge_pages(span, 0, bytes);
    ali_guard_return(heap, span);
    ali_heap_uncharge(heap, bytes);
}

void ali_large_release_kept(struct ali_block *b)
{
    while (b->large_count > 0)
        ali_large_discard(b->large[--b->large_count]);
    b->large_bytes = 0;
}

static bool keep(struct ali_block *b, struct ali_span *span)
{
    size_t bytes = ali_span_slices(span) << ALI_SLICE_SHIFT;

    if (b->large_count == ALI_LARGE_CACHE || b->large_bytes + bytes > KEEP_BYTES ||
        goes_at_once(bytes) || !ali_guard_lift(b->heap, span))
        return false;
    b->large[b->large_count++] = span;
    b->large_bytes += bytes;
    return true;
}

void ali_large_release(struct ali_span *span)
{
    if (ali_large_of(span)->heap != ali_self->heap || !keep(ali_self, span))
        ali_large_discard(span);
}

void ali_large_free(struct ali_span *span, enum ali_call call, const void *caller)
{
    struct ali_large *large = ali_large_of(span);
    uint8_t live = ALI_STATE_LIVE;

    /* One of two threads that free the same block loses, and is told. */
    if (!atomic_compare_exchange_strong_explicit(&large->state, &live, ALI_STATE_FREE,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        ali_heap_blame(ALLOT_MISUSE_DOUBLE_FREE, ali_span_base(span), call, caller);
        return;
    }
    ali_large_release(span);
}

/* By remapping. The slices that it has more are charged already. */
static struct ali_span *move(struct ali_span *span, size_t slices, size_t bytes)
{
    struct ali_large was = *ali_large_of(span);
    struct ali_span *to;

    ali_heap_delist(was.heap, span);
    ali_slab_clear(span, 1); /* a free span has no client; whoever frees it now is told */
    to = ali_span_move(span, slices);
    publish(to != NULL ? to : span, was.heap, to != NULL ? bytes : was.bytes);
    ali_heap_enlist(was.heap, to != NULL ? to : span);
    return to;
}

/* The span that the block is in now; NULL: copy. */
static struct ali_span *grow(struct ali_span *span, size_t slices, size_t bytes, bool may_move)
{
    if (ali_span_grow(span, slices)) {
        ali_poke(ali_large_of(span)->bytes, bytes);
        return span;
    }
    if (!may_move || ali_large_of(span)->bytes < MOVE_MIN_BYTES)
        return NULL;
    return move(span, slices, bytes);
}

static struct ali_span *resize_charged(struct ali_span *span, size_t bytes,
                                       enum ali_large_place place)
{
    struct allot_heap *heap = ali_large_of(span)->heap;
    size_t slices = slices_for(bytes);
    size_t have = ali_span_slices(span);
    size_t more = slices > have ? (slices - have) << ALI_SLICE_SHIFT : 0;
    struct ali_span *to;

    if (more != 0) {
        if (place != ALI_LARGE_STAY && !ali_span_is_within_limit(slices - have))
            ali_heap_make_room(NULL);
        to = grow(span, slices, bytes, place == ALI_LARGE_MOVE);
        if (to == NULL)
            ali_heap_uncharge(heap, more);
        return to;
    }
    if (slices < have) {
        ali_span_shrink(span, slices);
        ali_heap_uncharge(heap, (have - slices) << ALI_SLICE_SHIFT);
    }
    ali_poke(ali_large_of(span)->bytes, bytes);
    return span;
}

static bool charge(struct allot_heap *heap, size_t bytes, enum ali_large_place place)
{
    return place == ALI_LARGE_STAY ? ali_heap_try_charge(heap, bytes)
                                   : ali_heap_charge(heap, NULL, bytes);
}

bool ali_large_resize(struct ali_found *f, const struct ali_request *request,
                      enum ali_large_place place, void **block)
{
    size_t bytes = ali_align_up(request->size, ali_os_page_bytes);
    size_t slices = slices_for(bytes);
    size_t have = ali_span_slices(f->span);
    size_t more = slices > have ? (slices - have) << ALI_SLICE_SHIFT : 0;
    struct allot_heap *heap = f->large->heap;
    struct ali_span *to;
    uint8_t live = ALI_STATE_LIVE;

    *block = NULL;
    if (ali_guard_slices() != 0)
        return false;
    if (more != 0 && !charge(heap, more, place))
        return true;
    /* HELD while it changes: of two threads that free or resize the same block one is told. */
    if (!atomic_compare_exchange_strong_explicit(&f->large->state, &live, ALI_STATE_HELD,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        if (more != 0)
            ali_heap_uncharge(heap, more);
        ali_heap_blame(ALLOT_MISUSE_INVALID_REALLOC, f->block, request->call, request->caller);
        return true;
    }
    to = resize_charged(f->span, bytes, place);
    atomic_store_explicit(&ali_large_of(to != NULL ? to : f->span)->state, ALI_STATE_LIVE,
                          memory_order_release);
    if (to == NULL)
        return false;
    *block = ali_span_base(to);
    return true;
}

/* Memory nobody may touch.
 *
 *   harden=guard   | slab, or large block to its last page | inaccessible to the end of the span |
 *                  one slice more than is needed is taken for each span
 *                  a freed large block is inaccessible for as long as it waits in the quarantine
 *   harden=size0   size 0 is served from a heap object of its own, whose slabs are inaccessible as
 *                  a whole: only the state bytes, which lie elsewhere, are ever read or written
 *
 * A span is made accessible again before it goes back. Where the system refuses to (the table of
 * mappings is full), the span is set aside rather than handed to somebody, and goes back later. */
#include "heap/internal.h"

/* Larger alignments of size 0 are rare, and served as size 1. */
#define VOID_ALIGN_MAX ALI_NARROW_MAX

static _Atomic(struct allot_heap *) void_heap;

/* A protection that could not be had is said, once. */
static void install(char *at, size_t bytes)
{
    static const char message[] =
        "allot: harden: the system refuses guards; going on without some of them\n";
    static _Atomic(bool) said;

    if (bytes != 0 && ali_os_guard(at, bytes) != 0 && !atomic_exchange(&said, true))
        ali_os_write(2, message, sizeof message - 1);
}

void ali_guard_slab(struct ali_block *b, struct ali_span *span, unsigned slices)
{
    size_t bytes = (size_t)slices << ALI_SLICE_SHIFT;

    if (ali_guard_is_void(b->heap))
        install(ali_span_base(span), ali_span_slices(span) << ALI_SLICE_SHIFT);
    else if (ali_hardens(ALI_HARDEN_GUARD))
        install((char *)ali_span_base(span) + bytes,
                (ali_span_slices(span) << ALI_SLICE_SHIFT) - bytes);
}

void ali_guard_large(struct ali_span *span, size_t bytes)
{
    if (ali_hardens(ALI_HARDEN_GUARD))
        install((char *)ali_span_base(span) + bytes,
                (ali_span_slices(span) << ALI_SLICE_SHIFT) - bytes);
}

void ali_guard_held(const struct ali_found *f)
{
    if (ali_hardens(ALI_HARDEN_GUARD) && f->large != NULL)
        install(f->block, f->block_bytes);
}

bool ali_guard_lift(const struct allot_heap *heap, struct ali_span *span)
{
    if (!ali_hardens(ALI_HARDEN_GUARD) && !ali_guard_is_void(heap))
        return true;
    return ali_os_unguard(ali_span_base(span), ali_span_slices(span) << ALI_SLICE_SHIFT) == 0;
}

/* --- spans that could not be lifted -------------------------------------------------------- */

/* Slice indices, 0 none; linked by `next`, which nobody reads of what is no slab. */
static _Atomic(uint32_t) set_aside;

/* The spans from `first` to `last`, linked already. */
static void push_aside(struct ali_slab *first, struct ali_slab *last)
{
    uint32_t head = atomic_load_explicit(&set_aside, memory_order_relaxed);

    do {
        last->next = head;
        /* release: pairs with the acquire in ali_guard_retry */
    } while (!atomic_compare_exchange_weak_explicit(&set_aside, &head, ali_slab_index(first),
                                                    memory_order_release, memory_order_relaxed));
}

static void push_all_aside(struct ali_slab *first)
{
    struct ali_slab *last = first;

    while (last->next != 0)
        last = ali_slab_by_index(last->next);
    push_aside(first, last);
}

void ali_guard_retry(void)
{
    uint32_t index;

    if (atomic_load_explicit(&set_aside, memory_order_relaxed) == 0)
        return;
    index = atomic_exchange_explicit(&set_aside, 0, memory_order_acquire);
    while (index != 0) {
        struct ali_slab *slab = ali_slab_by_index(index);
        struct ali_span *span = ali_slab_span(slab);

        if (ali_os_unguard(ali_span_base(span), ali_span_slices(span) << ALI_SLICE_SHIFT) != 0) {
            push_all_aside(slab);
            return;
        }
        index = slab->next;
        slab->next = 0;
        ali_span_free(span);
    }
}

void ali_guard_return(const struct allot_heap *heap, struct ali_span *span)
{
    if (!ali_guard_lift(heap, span)) {
        push_aside(ali_slab_of(span), ali_slab_of(span));
        return;
    }
    ali_span_free(span);
    ali_guard_retry(); /* the system is willing again */
}

/* --- size 0 ------------------------------------------------------------------------------- */

bool ali_guard_is_void(const struct allot_heap *heap)
{
    return ali_hardens(ALI_HARDEN_SIZE0) &&
           heap == atomic_load_explicit(&void_heap, memory_order_acquire);
}

bool ali_guard_is_void_block(const struct ali_found *f)
{
    const struct ali_block *b;

    if (!ali_hardens(ALI_HARDEN_SIZE0) || f->slab == NULL)
        return false;
    b = atomic_load_explicit(&f->slab->holder, memory_order_acquire);
    return b != NULL && ali_guard_is_void(b->heap);
}

static struct allot_heap *get_void_heap(void)
{
    struct allot_heap *now = atomic_load_explicit(&void_heap, memory_order_acquire);
    struct allot_heap *made;

    if (now != NULL)
        return now;
    made = allot_heap_create(NULL);
    /* release: pairs with the acquires above */
    if (made == NULL || atomic_compare_exchange_strong_explicit(
                            &void_heap, &now, made, memory_order_acq_rel, memory_order_acquire))
        return made;
    allot_heap_destroy(made);
    return now;
}

void *ali_guard_void_alloc(const struct ali_request *request)
{
    struct ali_request want = *request;
    struct allot_heap *heap = get_void_heap();
    unsigned class_index = ali_class_aligned(1, ali_max(request->align, 16));
    struct ali_block *b;
    void *p;

    if (heap == NULL)
        return NULL;
    if (request->align > VOID_ALIGN_MAX || class_index == ALI_CLASS_COUNT)
        return ali_heap_serve(&ali_default_heap, request);
    want.zero = false;
    b = ali_block_for(heap);
    if (ali_likely(b != NULL))
        return ali_block_alloc(b, class_index, &want);
    b = ali_block_borrow(heap);
    if (b == NULL)
        return NULL;
    p = ali_block_alloc(b, class_index, &want);
    ali_block_return(b);
    return p;
}

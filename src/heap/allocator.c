/* A heap as an allocator: the table of allot/alloc.h over the heap's own calls.
 *
 * What a free and a remap are told of the object - its heap, its size, its alignment - is checked
 * exactly. The other questions are answered without a report: a resize in place of what is no such
 * object is refused, and it has no usable bytes; so whoever copies asks first. */
#include "heap/internal.h"

#include "allot/stats.h"

#include <errno.h>

static struct allot_heap *heap_of(allot_allocator *a)
{
    return (struct allot_heap *)a; /* base is its first field */
}

static struct ali_request request_for(size_t size, allot_how how, enum ali_call call,
                                      const void *caller)
{
    return (struct ali_request){.size = size,
                                .align = ali_max(allot_how_align(how), 16),
                                .call = call,
                                .caller = caller,
                                .zero = (how & ALLOT_ZERO) != 0};
}

static bool is_plain(const struct allot_heap *h, allot_how how)
{
    return ali_heap_is_default(h) && (how & ALLOT_HOW_ALIGN_BITS) <= ALLOT_ALIGN_DEFAULT;
}

/* --- allocating --------------------------------------------------------------------------- */

static void *alloc_miss(struct allot_heap *h, const struct ali_request *request)
{
    void *p = NULL;

    if (ali_heap_meant(h, request->call, request->caller) == NULL)
        return allot_fail(ALLOT_LAYER_HEAP, ALLOT_CAUSE_UNSUPPORTED, 0);
    p = ali_heap_serve(h, request);
    if (p == NULL)
        errno = ENOMEM;
    return p;
}

static void *heap_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_heap *h = heap_of(a);
    struct ali_request request;
    void *p;

    if (ali_likely(is_plain(h, how)) &&
        ((how & ALLOT_ZERO) != 0 ? ali_heap_zalloc_hit(size, &p) : ali_heap_alloc_hit(size, &p)))
        return p;
    request = request_for(size, how, ALI_CALL_NEW_OBJECT, caller);
    return alloc_miss(h, &request);
}

/* --- freeing ------------------------------------------------------------------------------ */

static void heap_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    struct allot_heap *h = heap_of(a);
    struct ali_found found;

    if (ali_likely(is_plain(h, how) && ali_heap_free_sized_hit(p, size)))
        return;
    if (ali_heap_find_own(h, p, &found, ALLOT_MISUSE_INVALID_FREE, ALI_CALL_DELETE_OBJECT,
                          caller) &&
        ali_claim_check(&found, size, allot_how_align(how), ALI_CALL_DELETE_OBJECT, caller))
        ali_heap_free_found(&found, ALI_CALL_DELETE_OBJECT, caller);
}

/* --- another size ------------------------------------------------------------------------- */

/* The object, if it is what the caller says; nothing is reported. */
static bool find_quietly(struct allot_heap *h, const void *p, size_t size, allot_how how,
                         struct ali_found *f)
{
    return ali_find_live(p, f) && ali_heap_of_found(f) == h &&
           ali_is_aligned(p, allot_how_align(how)) &&
           (size == ALLOT_SIZE_UNKNOWN || ali_claim_fits(f, size, allot_how_align(how)));
}

/* The heap zeroes what is behind the bytes that could be used; before that, up to the size that
 * was asked for, the program may have written. */
static void zero_slack(char *p, size_t old_size, size_t have, const struct ali_request *request)
{
    size_t end = ali_min(have, request->size);

    if (request->zero && old_size < end)
        memset(p + old_size, 0, end - old_size);
}

static bool heap_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                        allot_how how, const void *caller)
{
    struct ali_request request = request_for(new_size, how, ALI_CALL_RESIZE_OBJECT, caller);
    struct ali_found found;
    size_t have;

    if (!find_quietly(heap_of(a), p, old_size, how, &found))
        return false;
    have = ali_watch_size(&found);
    if (!ali_resize_found(&found, &request))
        return false;
    zero_slack(p, old_size, have, &request);
    return true;
}

static void *heap_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                        allot_how how, const void *caller)
{
    struct ali_request request = request_for(new_size, how, ALI_CALL_RESIZE_OBJECT, caller);
    struct ali_found found;
    size_t have;
    char *to;

    if (!ali_heap_find_own(heap_of(a), p, &found, ALLOT_MISUSE_INVALID_REALLOC, request.call,
                           caller) ||
        !ali_claim_check(&found, old_size, allot_how_align(how), request.call, caller))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_UNSUPPORTED, 0);
    have = ali_watch_size(&found);
    to = ali_realloc_found(heap_of(a), &found, &request);
    if (to == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    zero_slack(to, old_size, have, &request);
    return to;
}

/* --- questions ---------------------------------------------------------------------------- */

static size_t heap_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    struct ali_found found;

    return find_quietly(heap_of(a), p, size, how, &found) ? ali_watch_size(&found) : 0;
}

/* The first slice of a slab or large block tells what it is. */
static bool find_around(const void *p, struct ali_found *f)
{
    const struct ali_span *head;

    if (ali_heap_find(p, f))
        return true;
    if (ali_region_offset(p) >= atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire))
        return false;
    head = ali_span_find_head(ali_region_offset(p));
    return head != NULL && ali_heap_find(ali_span_base(head), f) && f->large != NULL &&
           (size_t)((const char *)p - f->block) < f->block_bytes;
}

static int heap_owns(allot_allocator *a, const void *p)
{
    struct ali_found found;

    return find_around(p, &found) && ali_heap_of_found(&found) == heap_of(a);
}

static size_t heap_trim(allot_allocator *a)
{
    (void)a; /* what a heap does not use is the span layer's, for all */
    return allot_trim(0);
}

static void heap_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_heap *h =
        ali_heap_meant(heap_of(a), ALI_CALL_ALLOCATOR_STATS, __builtin_return_address(0));
    struct allot_heap_stats now;

    if (h == NULL)
        return;
    ali_heap_stats(h, &now);
    stats->live_bytes = now.live_bytes;
    stats->live_objects = now.live_blocks;
    stats->reserved_bytes = now.spans_bytes;
    stats->limit_bytes = now.limit_bytes;
}

static bool heap_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    struct allot_heap *h =
        ali_heap_meant(heap_of(a), ALI_CALL_ALLOCATOR_VISIT, __builtin_return_address(0));

    return h != NULL && ali_heap_visit(h, visit, arg);
}

const struct allot_allocator_ops ali_heap_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_THREADS | ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN |
            ALLOT_CAP_OWNS | ALLOT_CAP_UNSIZED | ALLOT_CAP_CHECKED | ALLOT_CAP_INDIVIDUAL,
    .kind = "heap",
    .alloc = heap_alloc,
    .resize = heap_resize,
    .remap = heap_remap,
    .free = heap_free,
    .usable = heap_usable,
    .owns = heap_owns,
    .trim = heap_trim,
    .stats = heap_stats,
    .visit = heap_visit,
};

_Static_assert(offsetof(struct allot_heap, base) == 0, "a heap is an allocator");

allot_allocator *allot_heap_allocator(allot_heap *heap)
{
    return heap == NULL ? &ali_default_heap.base : &heap->base;
}

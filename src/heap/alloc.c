/* Allocation beyond the hit path: which block serves, which class, zeroing, failure. */
#include "heap/internal.h"
#include "heap/mask.h"

#include "allot/base.h"

const char *ali_call_name(enum ali_call call)
{
    static const char *const names[ALI_CALL_COUNT] = {
        [ALI_CALL_MALLOC] = "malloc",
        [ALI_CALL_CALLOC] = "calloc",
        [ALI_CALL_REALLOC] = "realloc",
        [ALI_CALL_REALLOCARRAY] = "reallocarray",
        [ALI_CALL_ALIGNED_ALLOC] = "aligned_alloc",
        [ALI_CALL_MEMALIGN] = "memalign",
        [ALI_CALL_POSIX_MEMALIGN] = "posix_memalign",
        [ALI_CALL_VALLOC] = "valloc",
        [ALI_CALL_PVALLOC] = "pvalloc",
        [ALI_CALL_FREE] = "free",
        [ALI_CALL_CFREE] = "cfree",
        [ALI_CALL_FREE_SIZED] = "free_sized",
        [ALI_CALL_FREE_ALIGNED_SIZED] = "free_aligned_sized",
        [ALI_CALL_USABLE_SIZE] = "malloc_usable_size",
        [ALI_CALL_NEW] = "operator new",
        [ALI_CALL_NEW_ARRAY] = "operator new[]",
        [ALI_CALL_DELETE] = "operator delete",
        [ALI_CALL_DELETE_ARRAY] = "operator delete[]",
        [ALI_CALL_HEAP_ALLOC] = "allot_heap_alloc",
        [ALI_CALL_HEAP_REALLOC] = "allot_heap_realloc",
        [ALI_CALL_HEAP_FREE] = "allot_heap_free",
        [ALI_CALL_HEAP_USABLE] = "allot_heap_usable",
        [ALI_CALL_HEAP_DESTROY] = "allot_heap_destroy",
        [ALI_CALL_HEAP_STATS] = "allot_heap_stats_get",
        [ALI_CALL_HEAP_SET_LIMIT] = "allot_heap_set_limit",
        [ALI_CALL_HEAP_NAME] = "allot_heap_name",
        [ALI_CALL_HEAP_WALK] = "allot_heap_walk",
        [ALI_CALL_NEW_OBJECT] = "allot_new",
        [ALI_CALL_RESIZE_OBJECT] = "allot_resize",
        [ALI_CALL_DELETE_OBJECT] = "allot_delete",
        [ALI_CALL_ALLOCATOR_STATS] = "allot_allocator_stats_get",
        [ALI_CALL_ALLOCATOR_VISIT] = "allot_allocator_visit",
        [ALI_CALL_ALLOT_MALLOC] = "allot_malloc",
        [ALI_CALL_ALLOT_CALLOC] = "allot_calloc",
        [ALI_CALL_ALLOT_MALLOC_ALIGNED] = "allot_malloc_aligned",
        [ALI_CALL_ALLOT_REALLOC] = "allot_realloc",
        [ALI_CALL_ALLOT_REALLOCARRAY] = "allot_reallocarray",
        [ALI_CALL_ALLOT_FREE] = "allot_free",
        [ALI_CALL_ALLOT_USABLE] = "allot_usable",
        [ALI_CALL_ALLOT_STRDUP] = "allot_strdup",
        [ALI_CALL_ALLOT_STRNDUP] = "allot_strndup",
        [ALI_CALL_ALLOT_MEMDUP] = "allot_memdup",
    };

    return call < ALI_CALL_COUNT ? names[call] : "allot";
}

/* How often the slow path looks whether unused memory is due to be given back. */
#define TICK_EVERY 32

static void tick(struct ali_block *b)
{
    if (++b->slow_count % TICK_EVERY == 0)
        ali_span_tick();
}

static void *take(struct ali_slot *slot, const struct ali_request *request)
{
    bool zero = slot->zero;
    void *p = ali_slot_take(slot, slot->bits);

    if (request->zero && !zero)
        memset(p, 0, request->size);
    return p;
}

/* From the slab in the slot. */
static bool refill(struct ali_block *b, unsigned class_index, size_t size)
{
    tick(b);
    if (!ali_slot_refill(b, class_index))
        return false;
    ali_count(b->asked_bytes, size);
    ali_count(b->asked_given_bytes, b->slots[class_index].block_bytes);
    return true;
}

void *ali_block_alloc(struct ali_block *b, unsigned class_index, const struct ali_request *request)
{
    struct ali_slot *slot = &b->slots[class_index];

    if (ali_likely(slot->bits != 0))
        return take(slot, request);
    if (b->parked_bits[class_index] == 0) {
        while (!refill(b, class_index, request->size))
            if (!ali_slot_acquire(b, class_index))
                return NULL;
    }
    if (ali_unlikely(b->parked_bits[class_index] != 0 && slot->bits == 0))
        return ali_watch_take(b, class_index, request);
    return take(slot, request);
}

static void *serve_from(struct ali_block *b, const struct ali_request *request)
{
    size_t size = request->size + ali_hardening.extra_bytes;
    unsigned class_index = ALI_CLASS_COUNT;

    if (request->align <= 16) {
        if (size <= ALI_SMALL_MAX)
            class_index = ali_class_of(size);
    } else {
        class_index = ali_class_aligned(size, request->align);
    }
    if (class_index < ALI_CLASS_COUNT)
        return ali_block_alloc(b, class_index, request);
    return ali_large_alloc(b, request);
}

static void *serve(struct allot_heap *heap, const struct ali_request *request)
{
    struct ali_block *b = ali_block_for(heap);
    void *p;

    if (ali_likely(b != NULL))
        return serve_from(b, request);
    b = ali_block_borrow(heap);
    if (b == NULL)
        return NULL;
    p = serve_from(b, request);
    ali_block_return(b);
    return p;
}

/* What waits in the quarantine was the default heap's: of no use to another at its own limit. */
static bool is_at_own_limit(const struct allot_heap *heap)
{
    struct allot_error why = allot_last_error();

    return !ali_heap_is_default(heap) && why.layer == ALLOT_LAYER_HEAP &&
           why.cause == ALLOT_CAUSE_LIMIT;
}

void *ali_heap_serve(struct allot_heap *heap, const struct ali_request *request)
{
    void *p;

    if (request->size > PTRDIFF_MAX) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return NULL;
    }
    if (ali_unlikely(ali_observer_now() != NULL) && ali_watch_refuses(request))
        return NULL;
    p = serve(heap, request);
    if (ali_unlikely(p == NULL) && !is_at_own_limit(heap) &&
        ali_quarantine_empty(request->call, request->caller))
        p = serve(heap, request);
    return p;
}

/* For the default heap. */
static void *serve_default(const struct ali_request *request)
{
    if (ali_unlikely(request->none))
        ali_heap_start(); /* only then is it known whether this is on */
    if (request->none && ali_hardens(ALI_HARDEN_SIZE0))
        return ali_guard_void_alloc(request);
    return ali_heap_serve(&ali_default_heap, request);
}

/* The commonest misses: the window last taken has been used up and is taken again if half of it is
 * free, or else another window of the same slab. False: it takes more than that. */
ALI_INLINE bool refill_quickly(unsigned class_index, size_t size)
{
    struct ali_block *b = ali_self;
    struct ali_slot *slot = &b->slots[class_index];
    const unsigned window = ali_classes[class_index].window;
    struct ali_slab *slab = slot->slab;
    uint64_t bits;
    unsigned count;

    if (slab == NULL || (slot->bits | b->parked_bits[class_index]) != 0)
        return false;
    bits = ali_window_bits(slab, slab->cursor, window);
    count = ali_bit_count(bits);
    if (count * 2 < window)
        return refill(b, class_index, size) && slot->bits != 0; /* an observer may have come */
    slab->trigger += (int32_t)count;
    slot->zero = false;
    ali_poke(slot->fresh, false);
    ali_poke(slot->bits, bits);
    return true;
}

/* NULL: it takes more than that. */
static void *alloc_quickly(size_t size)
{
    unsigned class_index;

    if (ali_observer_now() != NULL || ali_hardens_calls())
        return NULL;
    if (size > ALI_SMALL_MAX)
        return ali_self->large_count > 0 && !ali_hardens(~0U) ? ali_large_alloc_kept(ali_self, size)
                                                              : NULL;
    class_index = ali_class_of(size);
    if (!refill_quickly(class_index, size))
        return NULL;
    return ali_slot_take(&ali_self->slots[class_index], ali_self->slots[class_index].bits);
}

void *ali_heap_alloc_miss(size_t size, enum ali_call call, const void *caller)
{
    struct ali_request request = {
        .size = size + (size == 0), .align = 16, .call = call, .caller = caller, .none = size == 0};
    void *p = alloc_quickly(size);

    return ali_likely(p != NULL) ? p : serve_default(&request);
}

static void *hit_or_serve(unsigned class_index, const struct ali_request *request)
{
    struct ali_slot *slot = &ali_self->slots[class_index];

    if (ali_likely(slot->bits != 0))
        return take(slot, request);
    return serve_default(request);
}

void *ali_heap_zalloc(size_t size, enum ali_call call, const void *caller)
{
    struct ali_request request = {.size = size + (size == 0),
                                  .align = 16,
                                  .call = call,
                                  .caller = caller,
                                  .zero = true,
                                  .none = size == 0};

    if (ali_likely(size <= ALI_SMALL_MAX))
        return hit_or_serve(ali_class_of(size), &request);
    return serve_default(&request);
}

void *ali_heap_aligned(size_t size, size_t align, enum ali_call call, const void *caller)
{
    struct ali_request request = {.size = size + (size == 0),
                                  .align = align,
                                  .call = call,
                                  .caller = caller,
                                  .none = size == 0};
    unsigned class_index = ali_class_aligned(size, align);

    if (ali_likely(class_index < ALI_CLASS_COUNT))
        return hit_or_serve(class_index, &request);
    return serve_default(&request);
}

void ali_heap_refuse_overflow(size_t count, size_t size, enum ali_call call, const void *caller)
{
    ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    ali_heap_blame_overflow(count, size, call, caller);
}

/* Heap objects: create, destroy, the calls of allot/heap.h.
 *
 * The memory of a struct allot_heap is never used for anything else, so a stale handle is seen by
 * its generation: odd while the heap lives. A destroyed heap leaves its mark on the metas of its
 * slices until they are used again, so that a late free is named. */
#include "heap/internal.h"

#include <errno.h>

struct allot_heap ali_default_heap = {
    .base.ops = &ali_heap_ops,
    .lock = ALI_LOCK_INIT(ALI_RANK_HEAP),
    .generation = 1,
};

static struct ali_pool heap_pool = ALI_POOL_INIT(sizeof(struct allot_heap));
static struct ali_lock list_lock = ALI_LOCK_INIT(ALI_RANK_HEAP_LIST);
static struct allot_heap *free_heaps; /* destroyed, to be used again */
static _Atomic(struct allot_heap *) heaps = &ali_default_heap;

struct allot_heap *ali_heap_first(void)
{
    return atomic_load_explicit(&heaps, memory_order_acquire);
}

static void blame_heap(const struct allot_heap *h, enum ali_call call, const void *caller)
{
    struct allot_misuse m = {
        .kind = ALLOT_MISUSE_INVALID_HEAP,
        .call = ali_call_name(call),
        .pointer = h,
        .detail = h == &ali_default_heap ? "the default heap" : "a heap that was destroyed",
    };

    ali_report_misuse(&m, caller);
}

struct allot_heap *ali_heap_meant(allot_heap *h, enum ali_call call, const void *caller)
{
    if (h == NULL)
        return &ali_default_heap;
    if (ali_heap_is_alive(h))
        return h;
    blame_heap(h, call, caller);
    return NULL;
}

/* --- charging ----------------------------------------------------------------------------- */

static void raise_peak(struct allot_heap *h, size_t used)
{
    size_t peak = atomic_load_explicit(&h->peak_bytes, memory_order_relaxed);

    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&h->peak_bytes, &peak, used, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static bool try_charge(struct allot_heap *h, size_t bytes)
{
    size_t used = atomic_fetch_add_explicit(&h->used_bytes, bytes, memory_order_relaxed) + bytes;
    size_t limit = atomic_load_explicit(&h->limit_bytes, memory_order_relaxed);

    if (limit != 0 && used > limit) {
        atomic_fetch_sub_explicit(&h->used_bytes, bytes, memory_order_relaxed);
        return false;
    }
    raise_peak(h, used);
    return true;
}

bool ali_heap_try_charge(struct allot_heap *h, size_t bytes)
{
    return ali_heap_is_default(h) || try_charge(h, bytes);
}

bool ali_heap_charge(struct allot_heap *h, struct ali_block *b, size_t bytes)
{
    if (ali_heap_try_charge(h, bytes))
        return true;
    if (b == NULL)
        b = ali_block_for(h);
    if (ali_thread_is_attached())
        ali_remote_flush(ali_self);
    if (b != NULL) {
        ali_inbox_drain(b);
        ali_block_quiesce(b); /* its slots alone may hold 9 MiB that nobody uses */
    }
    ali_heap_release_parked(h);
    if (try_charge(h, bytes))
        return true;
    if (h->on_limit != NULL && h->on_limit(h, bytes, h->limit_arg) && try_charge(h, bytes))
        return true;
    ali_error_set(ALLOT_LAYER_HEAP, ALLOT_CAUSE_LIMIT, 0);
    return false;
}

void ali_heap_uncharge(struct allot_heap *h, size_t bytes)
{
    if (!ali_heap_is_default(h))
        atomic_fetch_sub_explicit(&h->used_bytes, bytes, memory_order_relaxed);
}

/* --- the list of spans -------------------------------------------------------------------- */

void ali_heap_enlist(struct allot_heap *h, struct ali_span *s)
{
    uint32_t index = ali_span_index(s);
    struct ali_slab *slab = ali_slab_of(s);

    slab->heap_next = slab->heap_prev = 0;
    if (ali_heap_is_default(h))
        return;
    ali_lock(&h->lock);
    slab->heap_next = h->spans;
    if (h->spans != 0)
        ali_slab_by_index(h->spans)->heap_prev = index;
    h->spans = index;
    ali_unlock(&h->lock);
}

void ali_heap_delist(struct allot_heap *h, struct ali_span *s)
{
    struct ali_slab *slab = ali_slab_of(s);

    if (ali_heap_is_default(h))
        return;
    ali_lock(&h->lock);
    if (slab->heap_prev != 0)
        ali_slab_by_index(slab->heap_prev)->heap_next = slab->heap_next;
    else
        h->spans = slab->heap_next;
    if (slab->heap_next != 0)
        ali_slab_by_index(slab->heap_next)->heap_prev = slab->heap_prev;
    slab->heap_next = slab->heap_prev = 0;
    ali_unlock(&h->lock);
}

/* --- create and destroy ------------------------------------------------------------------- */

static struct allot_heap *take_heap(void)
{
    struct allot_heap *h;
    bool known;

    ali_lock(&list_lock);
    h = free_heaps;
    known = h != NULL;
    if (known)
        free_heaps = h->next_free;
    ali_unlock(&list_lock);
    if (!known) {
        h = ali_heap_piece(&heap_pool);
        if (h == NULL)
            return NULL;
        memset(h, 0, sizeof *h);
        h->base.ops = &ali_heap_ops;
        h->lock.rank = ALI_RANK_HEAP;
        h->next = atomic_load_explicit(&heaps, memory_order_relaxed);
        while (!atomic_compare_exchange_weak_explicit(&heaps, &h->next, h, memory_order_release,
                                                      memory_order_relaxed))
            ;
    }
    h->parked = NULL;
    return h;
}

allot_heap *allot_heap_create(const struct allot_heap_options *options)
{
    struct allot_heap *h;
    size_t i;

    ali_heap_start();
    h = take_heap();
    if (h == NULL) {
        ali_error_set(ALLOT_LAYER_OS, ALLOT_CAUSE_OS, ENOMEM);
        errno = ENOMEM;
        return NULL;
    }
    atomic_store_explicit(&h->blocks, NULL, memory_order_relaxed);
    atomic_store_explicit(&h->used_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&h->peak_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&h->parked_count, 0, memory_order_relaxed);
    h->spans = 0;
    atomic_store_explicit(&h->limit_bytes, options == NULL ? 0 : options->limit_bytes,
                          memory_order_relaxed);
    h->on_limit = options == NULL ? NULL : options->on_limit;
    h->limit_arg = options == NULL ? NULL : options->arg;
    memset(h->name, 0, sizeof h->name);
    if (options != NULL && options->name != NULL)
        for (i = 0; i + 1 < sizeof h->name && options->name[i] != '\0'; i++)
            h->name[i] = options->name[i];
    atomic_fetch_add_explicit(&h->generation, 1, memory_order_release);
    return h;
}

/* In the place of heap_next of a slice that is in no heap. */
#define DESTROYED UINT32_MAX

static void mark_destroyed(struct ali_span *span, uint32_t slices)
{
    uint32_t i;

    for (i = 0; i < slices; i++)
        ali_poke(ali_slab_of(span + i)->heap_next, DESTROYED);
}

bool ali_heap_was_destroyed_at(const void *p)
{
    return ali_peek(ali_slab_of(ali_span_at(ali_region_offset(p)))->heap_next) == DESTROYED;
}

/* A slab that is in an inbox, or on its way there, must not become something else. */
static void close_slab(struct ali_slab *slab)
{
    while (!ali_slab_close(slab)) {
        struct ali_block *b = atomic_load_explicit(&slab->holder, memory_order_relaxed);
        uint32_t index = atomic_exchange_explicit(&b->inbox, 0, memory_order_acquire);

        if (index == 0)
            ali_os_spin_pause(); /* some thread is between two instructions of its push */
        while (index != 0) {
            struct ali_slab *queued = ali_slab_by_index(index);

            index = atomic_load_explicit(&queued->inbox_next, memory_order_relaxed);
            ali_slab_open(queued);
        }
    }
}

/* Some thread may be giving its pages back: they are somebody else's soon. */
static void end_purge(struct ali_slab *slab)
{
    uint8_t parked = ALI_MODE_PARKED;

    while (!atomic_compare_exchange_weak_explicit(&slab->mode, &parked, ALI_MODE_ACTIVE,
                                                  memory_order_acquire, memory_order_relaxed) &&
           parked != ALI_MODE_ACTIVE) {
        parked = ALI_MODE_PARKED;
        ali_os_spin_pause();
    }
}

static void discard_span(const struct allot_heap *h, struct ali_span *span)
{
    struct ali_slab *slab = ali_slab_of(span);
    uint32_t slices = (uint32_t)ali_span_slices(span);
    bool is_slab = slab->kind == ALI_KIND_SLAB || slab->kind == ALI_KIND_WIDE;
    unsigned state_bytes = ali_classes[slab->class_index].state_bytes;
    uint8_t *states = slab->states;

    if (is_slab) {
        end_purge(slab);
        close_slab(slab);
    }
    ali_slab_clear(span, slab->kind == ALI_KIND_LARGE ? 1 : slices);
    mark_destroyed(span, slices);
    if (is_slab)
        ali_pool_give(ali_state_pool(state_bytes), states);
    ali_guard_return(h, span);
}

/* Blocks of threads that live are found by them (thread.c) and given back then; from the moment one
 * is marked it is theirs alone. */
static void discard_blocks(struct allot_heap *h)
{
    struct ali_block *parked = NULL;
    struct ali_block *next;
    struct ali_block *b;

    ali_lock(&h->lock);
    for (b = atomic_load_explicit(&h->blocks, memory_order_acquire); b != NULL; b = next) {
        next = b->next_all;
        b->empty_count = b->large_count = 0;
        if (atomic_load_explicit(&b->thread, memory_order_acquire) == NULL) {
            b->next_parked = parked;
            parked = b;
        }
        atomic_store_explicit(&b->destroyed, true, memory_order_release);
    }
    atomic_store_explicit(&h->blocks, NULL, memory_order_relaxed);
    h->parked = NULL;
    atomic_store_explicit(&h->parked_count, 0, memory_order_relaxed);
    ali_unlock(&h->lock);
    for (b = parked; b != NULL; b = next) {
        next = b->next_parked;
        ali_pool_give(&ali_block_pool, b);
    }
}

/* Threads that are not inside a call on the heap may still drain the inbox of a parked block, for a
 * free they publish late or to trim: no new ones from here on, and those that do are waited for. */
static void end_life(struct allot_heap *h)
{
    struct ali_block *b;

    ali_lock(&h->lock);
    atomic_fetch_add_explicit(&h->generation, 1, memory_order_acq_rel);
    ali_unlock(&h->lock);
    for (b = atomic_load_explicit(&h->blocks, memory_order_acquire); b != NULL; b = b->next_all)
        while (atomic_load_explicit(&b->thread, memory_order_acquire) == b)
            ali_os_spin_pause();
}

void allot_heap_destroy(allot_heap *h)
{
    uint32_t index;

    if (h == NULL)
        return;
    if (ali_heap_is_default(h) || !ali_heap_is_alive(h)) {
        blame_heap(h, ALI_CALL_HEAP_DESTROY, __builtin_return_address(0));
        return;
    }
    end_life(h);
    index = h->spans;
    h->spans = 0;
    while (index != 0) {
        struct ali_span *span = &ali_region.metas[index];

        index = ali_slab_of(span)->heap_next;
        discard_span(h, span);
    }
    discard_blocks(h);
    atomic_store_explicit(&h->used_bytes, 0, memory_order_relaxed);
    ali_lock(&list_lock);
    h->next_free = free_heaps;
    free_heaps = h;
    ali_unlock(&list_lock);
}

/* --- blocks ------------------------------------------------------------------------------- */

static void *serve(allot_heap *h, const struct ali_request *request)
{
    void *p;

    h = ali_heap_meant(h, request->call, request->caller);
    if (h == NULL) {
        errno = EINVAL;
        return NULL;
    }
    p = ali_heap_serve(h, request);
    if (p == NULL)
        errno = ENOMEM;
    return p;
}

void *allot_heap_alloc(allot_heap *heap, size_t size)
{
    struct ali_request request = {.size = size + (size == 0),
                                  .align = 16,
                                  .call = ALI_CALL_HEAP_ALLOC,
                                  .caller = __builtin_return_address(0)};

    return serve(heap, &request);
}

void *allot_heap_zalloc(allot_heap *heap, size_t size)
{
    struct ali_request request = {.size = size + (size == 0),
                                  .align = 16,
                                  .call = ALI_CALL_HEAP_ALLOC,
                                  .caller = __builtin_return_address(0),
                                  .zero = true};

    return serve(heap, &request);
}

void *allot_heap_aligned(allot_heap *heap, size_t size, size_t align)
{
    struct ali_request request = {.size = size + (size == 0),
                                  .align = align,
                                  .call = ALI_CALL_HEAP_ALLOC,
                                  .caller = __builtin_return_address(0)};

    if (!ali_is_pow2(align) || align > ALI_GIB) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_BAD_ALIGNMENT, 0);
        errno = EINVAL;
        return NULL;
    }
    return serve(heap, &request);
}

struct allot_heap *ali_heap_of_found(const struct ali_found *f)
{
    return ali_guard_is_void_block(f) ? &ali_default_heap : ali_found_heap(f);
}

bool ali_heap_find_own(allot_heap *h, const void *p, struct ali_found *f,
                       enum allot_misuse_kind kind, enum ali_call call, const void *caller)
{
    h = ali_heap_meant(h, call, caller);
    if (h == NULL)
        return false;
    if (!ali_find_live(p, f)) {
        ali_heap_blame(kind, p, call, caller);
        return false;
    }
    if (ali_heap_of_found(f) != h) {
        ali_heap_blame_claim(p, 0, 0, "a block of another heap", call, caller);
        return false;
    }
    return true;
}

allot_status allot_heap_realloc(allot_heap *heap, void **block, size_t size)
{
    struct ali_request request = {.size = size + (size == 0),
                                  .align = 16,
                                  .call = ALI_CALL_HEAP_REALLOC,
                                  .caller = __builtin_return_address(0)};
    struct ali_found found;
    void *p;

    if (*block == NULL) {
        heap = ali_heap_meant(heap, request.call, request.caller);
        if (heap == NULL)
            return -EINVAL;
        p = ali_heap_serve(heap, &request);
    } else {
        if (!ali_heap_find_own(heap, *block, &found, ALLOT_MISUSE_INVALID_REALLOC, request.call,
                               request.caller))
            return -EINVAL;
        p = ali_realloc_found(heap == NULL ? &ali_default_heap : heap, &found, &request);
    }
    if (p == NULL)
        return -ENOMEM;
    *block = p;
    return 0;
}

void allot_heap_free(allot_heap *heap, void *block)
{
    const void *caller = __builtin_return_address(0);
    struct ali_found found;

    if (block != NULL && ali_heap_find_own(heap, block, &found, ALLOT_MISUSE_INVALID_FREE,
                                           ALI_CALL_HEAP_FREE, caller))
        ali_heap_free_found(&found, ALI_CALL_HEAP_FREE, caller);
}

size_t allot_heap_usable(allot_heap *heap, const void *block)
{
    struct ali_found found;

    if (block == NULL ||
        !ali_heap_find_own(heap, block, &found, ALLOT_MISUSE_INVALID_USABLE_SIZE,
                           ALI_CALL_HEAP_USABLE, __builtin_return_address(0)) ||
        !ali_harden_check(&found, false, ALI_CALL_HEAP_USABLE, __builtin_return_address(0)))
        return 0;
    return ali_watch_size(&found);
}

allot_heap *allot_heap_of(const void *block)
{
    struct ali_found found;
    struct allot_heap *h;

    if (!ali_find_live(block, &found))
        return NULL;
    h = ali_heap_of_found(&found);
    return h == &ali_default_heap ? NULL : h;
}

allot_heap *allot_heap_default(void)
{
    return &ali_default_heap;
}

void allot_heap_set_limit(allot_heap *heap, size_t limit_bytes)
{
    ali_heap_start(); /* which reads limit= */
    heap = ali_heap_meant(heap, ALI_CALL_HEAP_SET_LIMIT, __builtin_return_address(0));
    if (heap == NULL)
        return;
    if (ali_heap_is_default(heap))
        ali_span_limit_set(limit_bytes);
    else
        atomic_store_explicit(&heap->limit_bytes, limit_bytes, memory_order_relaxed);
}

const char *allot_heap_name(const allot_heap *heap)
{
    heap = ali_heap_meant((allot_heap *)(uintptr_t)heap, ALI_CALL_HEAP_NAME,
                          __builtin_return_address(0));
    return heap == NULL ? "" : heap->name;
}

void ali_objects_fork_child(void)
{
    ali_lock_reset(&list_lock);
    ali_pool_fork_child(&heap_pool);
}

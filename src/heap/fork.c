/* The child of a fork in a threaded program.
 *
 * No lock is held across fork: a thread that forks never waits for one that allocates, and never
 * makes one wait. What other threads were doing is cut off at some store; the child sees each
 * thread's stores in program order up to there (a page is copied when its first later write is
 * made). So the child resets every lock, lets the span layer rebuild what a lock had protected, and
 * marks the blocks of the other threads stale: before one is used again its lists, slots and counts
 * are made anew from the slabs' metas and state bytes, which are right at every instant. */
#include "heap/internal.h"

static void park_others(struct allot_heap *h)
{
    struct ali_block *b;
    struct ali_block *self = ali_self;

    ali_lock_reset(&h->lock);
    h->parked = NULL;
    atomic_store_explicit(&h->parked_count, 0, memory_order_relaxed);
    for (b = atomic_load_explicit(&h->blocks, memory_order_relaxed); b != NULL; b = b->next_all) {
        if (b == self || (atomic_load_explicit(&b->thread, memory_order_relaxed) == self &&
                          ali_thread_is_attached()))
            continue;
        atomic_store_explicit(&b->thread, NULL, memory_order_relaxed);
        b->next_of_thread = NULL;
        b->stale = true;
        b->next_parked = h->parked;
        h->parked = b;
        atomic_fetch_add_explicit(&h->parked_count, 1, memory_order_relaxed);
    }
}

static void forget_inbox(struct ali_block *b)
{
    uint32_t index = atomic_exchange_explicit(&b->inbox, 0, memory_order_relaxed);

    while (index != 0) {
        struct ali_slab *slab = ali_slab_by_index(index);

        index = atomic_load_explicit(&slab->inbox_next, memory_order_relaxed);
        ali_slab_open(slab);
    }
}

/* Some thread that is not here was about to push the slab, to hand it over, or was purging it. */
static bool unstick(struct ali_span *span, void *arg)
{
    struct ali_slab *slab = ali_slab_of(span);
    struct ali_block *holder;
    uint8_t mode;

    (void)arg;
    if (slab->kind != ALI_KIND_SLAB && slab->kind != ALI_KIND_WIDE)
        return true;
    holder = atomic_load_explicit(&slab->holder, memory_order_relaxed);
    if (holder == NULL)
        return true;
    mode = atomic_load_explicit(&slab->mode, memory_order_relaxed);
    if (mode == ALI_MODE_PURGING || mode == ALI_MODE_WANTED)
        atomic_store_explicit(&slab->mode, ALI_MODE_PARKED, memory_order_relaxed);
    if (atomic_load_explicit(&slab->link, memory_order_relaxed) != ALI_LINK_OPEN)
        ali_slab_open(slab);
    if (mode == ALI_MODE_WANTED && !holder->stale)
        ali_slab_tell(slab);
    /* A stale block looks at the states when it is rebuilt. The counts are only read at first, so
     * that a page of metas is not copied for nothing. */
    if (!holder->stale && atomic_load_explicit(&slab->remote_freed, memory_order_relaxed) >=
                              atomic_load_explicit(&slab->remote_threshold, memory_order_relaxed))
        ali_slab_recheck(slab);
    return true;
}

/* Before threads can be made again: no slab in an inbox, every link open. */
static void empty_inboxes(void)
{
    struct allot_heap *h;
    struct ali_block *b;

    for (h = ali_heap_first(); h != NULL; h = h->next)
        for (b = atomic_load_explicit(&h->blocks, memory_order_relaxed); b != NULL; b = b->next_all)
            forget_inbox(b);
    for (h = ali_heap_first(); h != NULL; h = h->next)
        ali_heap_each_span(h, unstick, NULL);
}

void ali_heap_fork_child(void)
{
    struct allot_heap *h;
    bool had_others = false;

    ali_report_fork_child();
    ali_trace_fork_child();
    ali_span_fork_child();
    ali_pool_fork_child(&ali_block_pool);
    ali_state_pools_fork_child();
    ali_objects_fork_child();
    ali_quarantine_fork_child();
    for (h = ali_heap_first(); h != NULL; h = h->next) {
        park_others(h);
        if (atomic_load_explicit(&h->parked_count, memory_order_relaxed) != 0)
            had_others = true;
    }
    if (had_others)
        empty_inboxes();
    if (ali_thread_is_attached())
        atomic_store_explicit(&ali_self->thread_id, ali_os_thread_id(), memory_order_relaxed);
}

/* A slab as its states say; out of every list. */
static bool adopt_span(struct ali_span *span, void *arg)
{
    struct ali_block *b = arg;
    struct ali_slab *slab = ali_slab_of(span);

    if (slab->kind != ALI_KIND_SLAB && slab->kind != ALI_KIND_WIDE)
        return true;
    if (atomic_load_explicit(&slab->holder, memory_order_relaxed) != b)
        return true;
    slab->listed = false;
    slab->next = slab->prev = 0;
    slab->sparse_bytes = slab->purged_bytes = 0;
    atomic_store_explicit(&slab->mode, ALI_MODE_PARKED, memory_order_relaxed);
    b->slab_bytes += (size_t)ali_classes[slab->class_index].slices << ALI_SLICE_SHIFT;
    ali_slab_arm(slab, (int32_t)ali_states_used(slab), -1);
    ali_slab_event(b, slab);
    return true;
}

void ali_block_rebuild(struct ali_block *b)
{
    unsigned i;

    for (i = 0; i < ALI_CLASS_COUNT; i++) {
        b->slots[i].bits = 0;
        b->slots[i].slab = NULL;
    }
    memset(b->partial, 0, sizeof b->partial);
    memset(b->partial_last, 0, sizeof b->partial_last);
    memset(b->parked_bits, 0, sizeof b->parked_bits);
    memset(b->remote, 0, sizeof b->remote);
    memset(b->heaps, 0, sizeof b->heaps);
    b->empty_count = b->large_count = 0; /* at most a few spans, lost to the child */
    b->large_bytes = b->slab_bytes = b->sparse_bytes = 0;
    b->next_of_thread = NULL;
    b->stale = false;
    ali_heap_each_span(b->heap, adopt_span, b);
}

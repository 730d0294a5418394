/* Threads and their blocks: attach, park, adopt, and threads that allocate while they end.
 *
 *   none --first allocation--> attached --destructor--> late
 *
 * A thread that is late (its destructor has run) has no block: each of its allocations borrows one
 * and puts it back, so that nothing is left behind whichever destructor round it was, and no round
 * needs to be counted. */
#include "heap/internal.h"

struct ali_block ali_block_none;
struct ali_block ali_block_late;
_Thread_local struct ali_block *ali_self __attribute__((tls_model("initial-exec"))) =
    &ali_block_none;

struct ali_pool ali_block_pool = ALI_POOL_INIT((sizeof(struct ali_block) + ALI_LINE_BYTES - 1) /
                                               ALI_LINE_BYTES * ALI_LINE_BYTES);

/* --- the parked list ---------------------------------------------------------------------- */

/* *at is b, in its heap's list. */
static void unpark_locked(struct ali_block **at, struct ali_block *b)
{
    *at = b->next_parked;
    atomic_fetch_sub_explicit(&b->heap->parked_count, 1, memory_order_relaxed);
    atomic_store_explicit(&b->thread, b, memory_order_release);
}

struct ali_block *ali_parked_take(struct allot_heap *heap)
{
    struct ali_block *b;

    if (atomic_load_explicit(&heap->parked_count, memory_order_relaxed) == 0)
        return NULL;
    ali_lock(&heap->lock);
    b = ali_heap_is_alive(heap) ? heap->parked : NULL;
    if (b != NULL)
        unpark_locked(&heap->parked, b);
    ali_unlock(&heap->lock);
    if (b != NULL && b->stale)
        ali_block_rebuild(b);
    return b;
}

bool ali_parked_take_this(struct ali_block *b)
{
    struct allot_heap *heap = ali_peek(b->heap);
    struct ali_block **at;

    ali_lock(&heap->lock);
    for (at = &heap->parked; *at != NULL && *at != b; at = &(*at)->next_parked)
        ;
    if (*at == NULL || !ali_heap_is_alive(heap)) {
        ali_unlock(&heap->lock);
        return false;
    }
    unpark_locked(at, b);
    ali_unlock(&heap->lock);
    if (b->stale)
        ali_block_rebuild(b);
    return true;
}

static void park_locked(struct ali_block *b)
{
    struct allot_heap *heap = b->heap;

    atomic_store_explicit(&b->thread, NULL, memory_order_release);
    b->next_parked = heap->parked;
    heap->parked = b;
    atomic_fetch_add_explicit(&heap->parked_count, 1, memory_order_relaxed);
}

void ali_parked_give(struct ali_block *b)
{
    struct allot_heap *heap = b->heap;

    ali_lock(&heap->lock);
    park_locked(b);
    ali_unlock(&heap->lock);
    /* A slab that was pushed while the block was ours has nobody else to look at it. A
     * read-modify-write: a push that it does not see comes after it, and sees `thread` NULL. */
    if (atomic_fetch_add_explicit(&b->inbox, 0, memory_order_acq_rel) != 0 &&
        ali_parked_take_this(b)) {
        ali_inbox_drain(b);
        ali_parked_give(b);
    }
}

/* --- making and taking -------------------------------------------------------------------- */

/* All but the inbox, and `heap`: a thread that is late with a push to the block that was here
 * before may read it (ali_parked_take_this), and must find some heap. */
static void clear_block(struct ali_block *b)
{
    size_t heap_end = offsetof(struct ali_block, heap) + sizeof b->heap;

    memset(b, 0, offsetof(struct ali_block, heap));
    memset((char *)b + heap_end, 0, offsetof(struct ali_block, inbox) - heap_end);
}

static struct ali_block *make_block(struct allot_heap *heap)
{
    struct ali_block *b;
    uint64_t seed[2];
    unsigned i;

    if (!ali_region_init()) { /* again: at the start the OS refused */
        ali_error_set(ALLOT_LAYER_SPAN, ALLOT_CAUSE_ADDRESS_SPACE, 12 /* ENOMEM */);
        return NULL;
    }
    b = ali_heap_piece(&ali_block_pool);
    if (b == NULL) {
        ali_error_set(ALLOT_LAYER_OS, ALLOT_CAUSE_OS, 12 /* ENOMEM */);
        return NULL;
    }
    clear_block(b);
    atomic_store_explicit(&b->thread, b, memory_order_relaxed);
    ali_poke(b->heap, heap);
    b->heap_generation = atomic_load_explicit(&heap->generation, memory_order_relaxed);
    for (i = 0; i < ALI_CLASS_COUNT; i++)
        b->slots[i].block_bytes = ali_classes[i].block_bytes;
    ali_os_random(seed);
    b->random.state = seed[0] ^ (uintptr_t)b * 0x9e3779b97f4a7c15U;
    b->next_all = atomic_load_explicit(&heap->blocks, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&heap->blocks, &b->next_all, b,
                                                  memory_order_release, memory_order_relaxed))
        ;
    return b;
}

static struct ali_block *adopt_or_make(struct allot_heap *heap)
{
    struct ali_block *b = ali_parked_take(heap);

    return b != NULL ? b : make_block(heap);
}

struct ali_block *ali_block_attach(void)
{
    struct ali_block *b = ali_self;

    if (b == &ali_block_late)
        return NULL;
    if (b != &ali_block_none)
        return b;
    ali_heap_start();
    if (ali_self != &ali_block_none) /* what the C library allocated to tell it of us */
        return ali_self;
    b = adopt_or_make(&ali_default_heap);
    if (b == NULL)
        return NULL;
    atomic_store_explicit(&b->thread_id, ali_os_thread_id(), memory_order_relaxed);
    ali_self = b;
    ali_os_thread_exit_arm(b); /* may allocate: the block is there already */
    ali_inbox_drain(b);
    return b;
}

/* --- heap objects ------------------------------------------------------------------------- */

static bool entry_is(const struct ali_heap_entry *e, const struct allot_heap *heap)
{
    return e->heap == heap &&
           e->generation == atomic_load_explicit(&heap->generation, memory_order_relaxed);
}

/* This thread's block of the heap; on the way, forgets blocks of heaps that were destroyed. */
static struct ali_block *find_mine(struct ali_block *self, const struct allot_heap *heap)
{
    struct ali_block **at = &self->next_of_thread;

    while (*at != NULL) {
        struct ali_block *b = *at;

        if (atomic_load_explicit(&b->destroyed, memory_order_acquire)) {
            *at = b->next_of_thread;
            ali_pool_give(&ali_block_pool, b);
            continue;
        }
        if (b->heap == heap)
            return b;
        at = &b->next_of_thread;
    }
    return NULL;
}

static struct ali_block *block_of_heap(struct ali_block *self, struct allot_heap *heap)
{
    struct ali_heap_entry *e = &self->heaps[((uintptr_t)heap >> 8) % ALI_HEAP_CACHE];
    struct ali_block *b;

    if (ali_likely(entry_is(e, heap)))
        return e->block;
    b = find_mine(self, heap);
    if (b == NULL) {
        b = adopt_or_make(heap);
        if (b == NULL)
            return NULL;
        atomic_store_explicit(&b->thread_id, ali_os_thread_id(), memory_order_relaxed);
        atomic_store_explicit(&b->thread, self, memory_order_release);
        b->next_of_thread = self->next_of_thread;
        self->next_of_thread = b;
        ali_inbox_drain(b);
    }
    e->heap = heap;
    e->generation = atomic_load_explicit(&heap->generation, memory_order_relaxed);
    e->block = b;
    return b;
}

struct ali_block *ali_block_for(struct allot_heap *heap)
{
    struct ali_block *self = ali_block_attach();

    if (self == NULL || ali_heap_is_default(heap))
        return self;
    return block_of_heap(self, heap);
}

struct ali_block *ali_block_borrow(struct allot_heap *heap)
{
    ali_heap_start();
    return adopt_or_make(heap);
}

void ali_block_return(struct ali_block *b)
{
    ali_block_quiesce(b);
    ali_parked_give(b);
}

/* --- the end of a thread ------------------------------------------------------------------ */

/* Takes the slabs out of the slots, so that whoever frees their last block can return them. */
void ali_block_quiesce(struct ali_block *b)
{
    unsigned i;

    for (i = 0; i < ALI_CLASS_COUNT; i++)
        ali_slot_empty(b, i);
    ali_block_release_kept(b);
}

/* Another thread may destroy the heap at any moment, as this one is in no call on it: a block of
 * one is touched only while it is its own holder, which destroying waits for (object.c). */
static bool hold(struct ali_block *b)
{
    struct allot_heap *heap = b->heap;
    bool alive;

    ali_lock(&heap->lock);
    alive = ali_heap_is_alive(heap) && !atomic_load_explicit(&b->destroyed, memory_order_relaxed);
    if (alive)
        atomic_store_explicit(&b->thread, b, memory_order_release);
    ali_unlock(&heap->lock);
    return alive;
}

void ali_thread_quiesce(void)
{
    struct ali_block *self = ali_self;
    struct ali_block *b;

    ali_inbox_drain(self);
    ali_block_quiesce(self);
    for (b = self->next_of_thread; b != NULL; b = b->next_of_thread) {
        if (!hold(b))
            continue;
        ali_inbox_drain(b);
        ali_block_quiesce(b);
        atomic_store_explicit(&b->thread, self, memory_order_release);
    }
}

/* The slabs stay in their slots: that would take a while, and the next who has the block needs
 * them. The inbox is looked at once more, as in ali_parked_give: nobody else would. Under the lock,
 * since afterwards the heap may be destroyed. */
static void leave_heap(struct ali_block *b)
{
    struct allot_heap *heap = b->heap;
    bool destroyed;
    bool again = false;

    ali_lock(&heap->lock);
    destroyed = atomic_load_explicit(&b->destroyed, memory_order_relaxed);
    if (!destroyed) {
        park_locked(b);
        again = atomic_fetch_add_explicit(&b->inbox, 0, memory_order_acq_rel) != 0 &&
                ali_heap_is_alive(heap);
        if (again)
            unpark_locked(&heap->parked, b);
    }
    ali_unlock(&heap->lock);
    if (destroyed)
        ali_pool_give(&ali_block_pool, b);
    if (again) {
        ali_inbox_drain(b);
        ali_parked_give(b);
    }
}

static void forget_heaps(struct ali_block *self)
{
    struct ali_block *b = self->next_of_thread;

    memset(self->heaps, 0, sizeof self->heaps);
    self->next_of_thread = NULL;
    while (b != NULL) {
        struct ali_block *next = b->next_of_thread;

        b->next_of_thread = NULL;
        leave_heap(b);
        b = next;
    }
}

void ali_thread_end(void *value)
{
    struct ali_block *self = value;

    if (ali_self != self)
        return;
    ali_remote_flush(self);
    forget_heaps(self);
    ali_self = &ali_block_late;
    ali_block_return(self);
}

/* --- the start of everything -------------------------------------------------------------- */

/*   0 --> number of the process, heap not yet usable --> usable --> hooked: DONE
 *
 * Others wait until it is DONE, so that a thread that has a block is sure of the fork hook: a fork
 * that comes later runs it. A fork that comes earlier, by a thread that has none, leaves a child in
 * which the number is another's; it puts the heap right when it first needs it. Telling the C
 * library of the hooks may allocate, and for the thread that starts the heap usable is enough. */
#define START_DONE UINT32_MAX
#define START_WAIT_MS 1000

static struct {
    _Atomic(uint32_t) state;
    _Atomic(bool) usable;
    _Atomic(uintptr_t) by; /* the thread, by where its ali_self is */
    _Atomic(bool) done;
} start;

static uintptr_t this_thread(void)
{
    return (uintptr_t)&ali_self;
}

static void make_usable(void)
{
    ali_os_init();
    ali_options_init();
    ali_harden_init();
    ali_region_init();
    /* release: pairs with the acquire in start_now */
    atomic_store_explicit(&start.usable, true, memory_order_release);
}

static void set_done(void)
{
    atomic_store_explicit(&start.state, START_DONE, memory_order_release);
}

/* That it runs says that it is there, wherever the parent was in telling of it. */
static void at_fork_in_child(void)
{
    ali_heap_fork_child();
    set_done();
}

static void start_all(void)
{
    atomic_store_explicit(&start.by, this_thread(), memory_order_relaxed);
    if (!atomic_load_explicit(&start.usable, memory_order_relaxed))
        make_usable();
    ali_os_thread_exit_hook(ali_thread_end);
    ali_os_fork_hook(NULL, NULL, at_fork_in_child);
    set_done();
}

/* The wait of another thread has an end, because some C libraries keep their list of hooks locked
 * while a fork runs them, and a hook may allocate: then the starting thread waits for that one. */
static bool has_waited_enough(uint64_t *since_ms)
{
    if (*since_ms == 0)
        *since_ms = ali_os_now_ms();
    return ali_os_now_ms() - *since_ms > START_WAIT_MS;
}

ALI_NOINLINE static void start_now(void)
{
    uint32_t self = ali_os_process_id(), seen = 0;
    uint64_t since_ms = 0;

    for (;; ali_os_spin_pause()) {
        if (atomic_compare_exchange_strong(&start.state, &seen, self)) {
            if (seen != 0)
                ali_heap_fork_child(); /* another thread of the parent was at it */
            start_all();
            break;
        }
        if (seen == START_DONE)
            break;
        if (seen != self) /* taken over with the next turn */
            continue;
        seen = 0;
        if (!atomic_load_explicit(&start.usable, memory_order_acquire))
            continue;
        if (atomic_load_explicit(&start.by, memory_order_relaxed) == this_thread())
            return;
        if (has_waited_enough(&since_ms))
            set_done();
    }
    atomic_store_explicit(&start.done, true, memory_order_release);
}

void ali_heap_start(void)
{
    if (ali_unlikely(!atomic_load_explicit(&start.done, memory_order_acquire)))
        start_now();
}

/* The quarantine: freed blocks wait, the oldest leave first.
 *
 *   queue of a thread  ... | oldest | ... | youngest | ...   pointers to HELD blocks
 *                             head                      tail (both only grow; places modulo length)
 *
 * The state byte stays HELD meanwhile, so nobody hands the block out, and a second free is told as
 * what it is. A block leaves by the ordinary free, with no lock held, mostly on the thread that put
 * it in: then memory goes back as if there were no quarantine. Threads share QUEUES queues. All
 * together hold at most max_bytes whenever nobody is in a free: who frees shortens its own queue
 * when that has its share of them or more, and else the fullest, so that threads that sleep keep no
 * more than others let them. Blocks of heap objects are not taken in: their heap may be destroyed
 * before they leave.
 *
 * Lock: one a queue, of rank QUARANTINE, never two at once. A queue is right at every instant (an
 * entry is stored before tail moves), so a forked child in which a lock was taken only makes the
 * byte counts anew. */
#include "heap/internal.h"

#define BYTES_PER_ENTRY 64         /* length of a queue: the bytes of all by this */
#define SMALL_BYTES (64 * ALI_KIB) /* with uaf and without quarantine */
#define LEAVE_AT_ONCE 32           /* blocks taken out under the lock in one go */
#define QUEUES 16

struct queue {
    _Alignas(ALI_LINE_BYTES) struct ali_lock lock;
    /* NULL until a thread needs it; the first is there from the start, for all others in need */
    _Atomic(_Atomic(void *) *) entries;
    _Atomic(uint64_t) head, tail;
    _Atomic(size_t) bytes;
};

static struct queue queues[QUEUES];
static size_t length; /* of every queue, a power of two; set at start; 0: there is no quarantine */
static size_t max_bytes;
static _Atomic(size_t) held_bytes; /* of all queues; changed under the lock of one; never more than
                                      the sum of theirs, so that to_shorten finds one */
static _Atomic(bool) is_refused;   /* the OS had no memory for a queue: it is not asked again */

static size_t wanted_bytes(void)
{
    if (ali_hardens(ALI_HARDEN_QUARANTINE))
        return (size_t)ali_min(ali_options.quarantine_bytes, SIZE_MAX / 4);
    return ali_hardens(ALI_HARDEN_UAF) ? SMALL_BYTES : 0;
}

static size_t length_for(size_t bytes)
{
    size_t entries = 64;

    while (entries < bytes / BYTES_PER_ENTRY)
        entries *= 2;
    return entries;
}

/* A protection that could not be had is said. */
static void say_refused(void)
{
    static const char message[] =
        "allot: harden: no memory for the quarantine; going on without it\n";

    ali_os_write(2, message, sizeof message - 1);
}

void ali_quarantine_init(void)
{
    size_t want = wanted_bytes();
    size_t entries = length_for(want);
    unsigned i;

    if (want == 0)
        return;
    for (i = 0; i < QUEUES; i++)
        queues[i].lock = (struct ali_lock)ALI_LOCK_INIT(ALI_RANK_QUARANTINE);
    queues[0].entries = ali_os_map(entries * sizeof(void *), ALI_OS_READ_WRITE, NULL);
    if (queues[0].entries == NULL) {
        say_refused();
        return;
    }
    max_bytes = want;
    length = entries;
}

/* Gives a queue its place; the first one serves when there is no memory. */
ALI_COLD static struct queue *set_up(struct queue *q)
{
    _Atomic(void *) *entries = ali_os_map(length * sizeof *entries, ALI_OS_READ_WRITE, NULL);
    _Atomic(void *) *none = NULL;

    if (entries == NULL) {
        atomic_store_explicit(&is_refused, true, memory_order_relaxed);
        return &queues[0];
    }
    /* release: pairs with the acquire in own_queue and pop_locked */
    if (!atomic_compare_exchange_strong_explicit(&q->entries, &none, entries, memory_order_acq_rel,
                                                 memory_order_acquire))
        ali_os_unmap(entries, length * sizeof *entries);
    return q;
}

static struct queue *own_queue(void)
{
    /* blocks lie side by side in their pool */
    struct queue *q = &queues[(uintptr_t)ali_self / sizeof *ali_self % QUEUES];

    if (ali_likely(atomic_load_explicit(&q->entries, memory_order_acquire) != NULL))
        return q;
    return atomic_load_explicit(&is_refused, memory_order_relaxed) ? &queues[0] : set_up(q);
}

static size_t bytes_of(const struct queue *q)
{
    return atomic_load_explicit(&q->bytes, memory_order_relaxed);
}

static size_t all_bytes(void)
{
    return atomic_load_explicit(&held_bytes, memory_order_relaxed);
}

static _Atomic(void *) *entry_at(struct queue *q, uint64_t place)
{
    return &atomic_load_explicit(&q->entries, memory_order_acquire)[place & (length - 1)];
}

static uint64_t count_locked(const struct queue *q)
{
    return atomic_load_explicit(&q->tail, memory_order_relaxed) -
           atomic_load_explicit(&q->head, memory_order_relaxed);
}

static void push_locked(struct queue *q, const struct ali_found *f)
{
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

    atomic_store_explicit(entry_at(q, tail), f->block, memory_order_relaxed);
    /* release: in this order also for a forked child */
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    atomic_fetch_add_explicit(&q->bytes, f->block_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&held_bytes, f->block_bytes, memory_order_relaxed);
}

static void pop_locked(struct queue *q, struct ali_found *f)
{
    uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    void *block = atomic_load_explicit(entry_at(q, head), memory_order_relaxed);

    atomic_store_explicit(&q->head, head + 1, memory_order_release);
    ali_require(ali_heap_find(block, f) && ali_state_get(f->state) == ALI_STATE_HELD);
    atomic_fetch_sub_explicit(&held_bytes, f->block_bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&q->bytes, f->block_bytes, memory_order_relaxed);
}

/* Takes out the oldest until all queues hold at most keep_bytes, and this one has room for another;
 * at most LEAVE_AT_ONCE. */
static size_t leave(struct queue *q, struct ali_found *leaving, size_t keep_bytes)
{
    size_t n = 0;

    ali_lock(&q->lock);
    while (n < LEAVE_AT_ONCE && count_locked(q) != 0 &&
           (all_bytes() > keep_bytes || count_locked(q) == length))
        pop_locked(q, &leaving[n++]);
    ali_unlock(&q->lock);
    return n;
}

/* The one to take blocks out of. */
static struct queue *to_shorten(struct queue *own)
{
    struct queue *fullest = own;
    size_t in_use = 0;
    unsigned i;

    for (i = 0; i < QUEUES; i++) {
        in_use += bytes_of(&queues[i]) != 0;
        if (bytes_of(&queues[i]) > bytes_of(fullest))
            fullest = &queues[i];
    }
    return bytes_of(own) >= max_bytes / ali_max(in_use, 1) ? own : fullest;
}

static void release(struct ali_found *leaving, size_t n, enum ali_call call, const void *caller)
{
    size_t i;

    for (i = 0; i < n; i++) {
        ali_harden_check_held(&leaving[i], call, caller);
        ali_heap_free_held(&leaving[i]);
    }
}

static bool is_of_default_heap(const struct ali_found *f)
{
    return ali_heap_is_default(ali_found_heap(f));
}

static bool put(struct queue *q, const struct ali_found *f)
{
    bool has_room;

    ali_lock(&q->lock);
    has_room = count_locked(q) < length;
    if (has_room)
        push_locked(q, f);
    ali_unlock(&q->lock);
    return has_room;
}

bool ali_quarantine_take(const struct ali_found *f, enum ali_call call, const void *caller)
{
    struct ali_found leaving[LEAVE_AT_ONCE];
    struct queue *own;

    if (!ali_hardens_blocks() || !is_of_default_heap(f) || length == 0 ||
        f->block_bytes > max_bytes / 2)
        return false;
    ali_guard_held(f);
    own = own_queue();
    while (all_bytes() + f->block_bytes > max_bytes)
        release(leaving, leave(to_shorten(own), leaving, max_bytes - f->block_bytes), call, caller);
    while (!put(own, f))
        release(leaving, leave(own, leaving, max_bytes), call, caller);
    while (all_bytes() > max_bytes) /* others saw the same room */
        release(leaving, leave(to_shorten(own), leaving, max_bytes), call, caller);
    return true;
}

/* The youngest are where a program that still uses what it has freed is caught soonest. Held blocks
 * stay as they are under the lock; who does not get it lets it be. */
#define LOOK_AT 2
#define LOOK_BYTES 256

void ali_quarantine_look(enum ali_call call, const void *caller)
{
    struct ali_found found[LOOK_AT];
    size_t at[LOOK_AT] = {0};
    unsigned i, n = 0;
    struct queue *q;

    if (length == 0 || !ali_hardens(ALI_HARDEN_UAF))
        return;
    q = own_queue();
    if (!ali_try_lock(&q->lock))
        return;
    for (i = 1; i <= LOOK_AT && i <= count_locked(q); i++) {
        struct ali_found *f = &found[n];

        if (!ali_heap_find(*entry_at(q, q->tail - i), f))
            continue;
        at[n] = ali_harden_held_spoilt(f, LOOK_BYTES);
        n += at[n] < f->block_bytes;
    }
    ali_unlock(&q->lock);
    for (i = 0; i < n; i++)
        ali_harden_blame_held(&found[i], at[i], call, caller);
}

/* What is there now: others may put in as fast as this takes out. */
static bool empty(struct queue *q, enum ali_call call, const void *caller)
{
    struct ali_found leaving[LEAVE_AT_ONCE];
    uint64_t end = atomic_load_explicit(&q->tail, memory_order_relaxed);
    bool any = false;
    size_t n;

    while ((int64_t)(end - atomic_load_explicit(&q->head, memory_order_relaxed)) > 0 &&
           (n = leave(q, leaving, 0)) != 0) {
        release(leaving, n, call, caller);
        any = true;
    }
    return any;
}

bool ali_quarantine_empty(enum ali_call call, const void *caller)
{
    bool any = false;
    unsigned i;

    for (i = 0; length != 0 && i < QUEUES; i++)
        any |= empty(&queues[i], call, caller);
    return any;
}

static size_t count_bytes(struct queue *q)
{
    size_t bytes = 0;
    struct ali_found f;
    uint64_t i;

    for (i = q->head; i != q->tail; i++)
        if (ali_heap_find(*entry_at(q, i), &f))
            bytes += f.block_bytes;
    return bytes;
}

void ali_quarantine_fork_child(void)
{
    size_t bytes = 0;
    unsigned i;

    for (i = 0; length != 0 && i < QUEUES; i++) {
        if (ali_lock_is_taken(&queues[i].lock)) {
            ali_lock_reset(&queues[i].lock);
            queues[i].bytes = count_bytes(&queues[i]);
        }
        bytes += queues[i].bytes;
    }
    held_bytes = bytes;
}

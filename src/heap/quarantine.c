/* The quarantine: freed blocks wait, the oldest leave first.
 *
 *   ring   ... | oldest | ... | youngest | ...      pointers to HELD blocks of the default heap
 *               head                      tail      (both only grow; places modulo the length)
 *
 * The state byte stays HELD meanwhile, so nobody hands the block out, and a second free is told as
 * what it is. A block leaves by the ordinary free, on the thread that pushes it out, with no lock
 * held. Blocks of heap objects are not taken in: their heap may be destroyed before they leave.
 *
 * Lock: one, of rank QUARANTINE, around the ring alone. The ring is right at every instant (an
 * entry is stored before tail moves), so a forked child in which the lock was taken only makes the
 * byte count anew. */
#include "heap/internal.h"

#define BYTES_PER_ENTRY 64         /* length of the ring: its bytes by this */
#define SMALL_BYTES (64 * ALI_KIB) /* with uaf and without quarantine */
#define LEAVE_AT_ONCE 32           /* blocks taken out under the lock in one go */

static struct {
    struct ali_lock lock;
    _Atomic(void *) *entries; /* set at start, as the next two: NULL when there is no quarantine */
    size_t length;            /* a power of two */
    size_t max_bytes;
    _Atomic(uint64_t) head, tail;
    _Atomic(size_t) bytes;
} ring = {.lock = ALI_LOCK_INIT(ALI_RANK_QUARANTINE)};

static size_t wanted_bytes(void)
{
    if (ali_hardens(ALI_HARDEN_QUARANTINE))
        return (size_t)ali_min(ali_options.quarantine_bytes, SIZE_MAX / 4);
    return ali_hardens(ALI_HARDEN_UAF) ? SMALL_BYTES : 0;
}

static size_t length_for(size_t bytes)
{
    size_t length = 64;

    while (length < bytes / BYTES_PER_ENTRY)
        length *= 2;
    return length;
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
    size_t length = length_for(want);
    void *entries;

    if (want == 0)
        return;
    entries = ali_os_map(length * sizeof *ring.entries, ALI_OS_READ_WRITE, NULL);
    if (entries == NULL) {
        say_refused();
        return;
    }
    ring.length = length;
    ring.max_bytes = want;
    ring.entries = entries;
}

static uint64_t count_locked(void)
{
    return atomic_load_explicit(&ring.tail, memory_order_relaxed) -
           atomic_load_explicit(&ring.head, memory_order_relaxed);
}

static void push_locked(const struct ali_found *f)
{
    uint64_t tail = atomic_load_explicit(&ring.tail, memory_order_relaxed);

    atomic_store_explicit(&ring.entries[tail & (ring.length - 1)], f->block, memory_order_relaxed);
    /* release: in this order also for a forked child */
    atomic_store_explicit(&ring.tail, tail + 1, memory_order_release);
    atomic_fetch_add_explicit(&ring.bytes, f->block_bytes, memory_order_relaxed);
}

static void pop_locked(struct ali_found *f)
{
    uint64_t head = atomic_load_explicit(&ring.head, memory_order_relaxed);
    void *block =
        atomic_load_explicit(&ring.entries[head & (ring.length - 1)], memory_order_relaxed);

    atomic_store_explicit(&ring.head, head + 1, memory_order_release);
    ali_require(ali_heap_find(block, f) && ali_state_get(f->state) == ALI_STATE_HELD);
    atomic_fetch_sub_explicit(&ring.bytes, f->block_bytes, memory_order_relaxed);
}

/* Takes out the oldest until `room` bytes and an entry are free; at most LEAVE_AT_ONCE. */
static size_t leave_locked(struct ali_found *leaving, size_t room)
{
    size_t n = 0;

    while (n < LEAVE_AT_ONCE && count_locked() != 0 &&
           (ring.bytes + room > ring.max_bytes || count_locked() == ring.length))
        pop_locked(&leaving[n++]);
    return n;
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

bool ali_quarantine_take(const struct ali_found *f, enum ali_call call, const void *caller)
{
    struct ali_found leaving[LEAVE_AT_ONCE];
    bool is_in = false;

    if (!ali_hardens_blocks() || !is_of_default_heap(f) || ring.entries == NULL ||
        f->block_bytes > ring.max_bytes / 2)
        return false;
    ali_guard_held(f);
    while (!is_in) {
        size_t n;

        ali_lock(&ring.lock);
        n = leave_locked(leaving, f->block_bytes);
        is_in = ring.bytes + f->block_bytes <= ring.max_bytes && count_locked() < ring.length;
        if (is_in)
            push_locked(f);
        ali_unlock(&ring.lock);
        release(leaving, n, call, caller);
    }
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

    if (ring.entries == NULL || !ali_hardens(ALI_HARDEN_UAF) || !ali_try_lock(&ring.lock))
        return;
    for (i = 1; i <= LOOK_AT && i <= count_locked(); i++) {
        uint64_t place = (ring.tail - i) & (ring.length - 1);
        struct ali_found *f = &found[n];

        if (!ali_heap_find(ring.entries[place], f))
            continue;
        at[n] = ali_harden_held_spoilt(f, LOOK_BYTES);
        n += at[n] < f->block_bytes;
    }
    ali_unlock(&ring.lock);
    for (i = 0; i < n; i++)
        ali_harden_blame_held(&found[i], at[i], call, caller);
}

bool ali_quarantine_empty(enum ali_call call, const void *caller)
{
    struct ali_found leaving[LEAVE_AT_ONCE];
    bool any = false;
    size_t n;

    if (ring.entries == NULL)
        return false;
    do {
        ali_lock(&ring.lock);
        n = leave_locked(leaving, ring.max_bytes);
        ali_unlock(&ring.lock);
        release(leaving, n, call, caller);
        any = any || n != 0;
    } while (n != 0);
    return any;
}

void ali_quarantine_fork_child(void)
{
    uint64_t i;
    size_t bytes = 0;
    struct ali_found f;

    if (!ali_lock_is_taken(&ring.lock))
        return;
    ali_lock_reset(&ring.lock);
    if (ring.entries == NULL)
        return;
    for (i = ring.head; i != ring.tail; i++)
        if (ali_heap_find(ring.entries[i & (ring.length - 1)], &f))
            bytes += f.block_bytes;
    ring.bytes = bytes;
}

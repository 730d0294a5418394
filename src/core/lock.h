/* A futex lock of one word with a rank.
 *
 * Locks are taken in increasing rank only; debug builds assert it. No lock is held across a
 * system call (other than the futex itself), and none across fork: a child resets the words and
 * rebuilds what a lock protected if it was taken (see span/ and heap/fork.c).
 *
 * Source: U. Drepper, "Futexes are tricky", 2011, mutex 2. */
#ifndef ALI_CORE_LOCK_H
#define ALI_CORE_LOCK_H

#include "base/base.h"

enum ali_lock_rank {
    ALI_RANK_NONE = 0,        /* of objects that the program owns: their order is its own */
    ALI_RANK_REGION = 1,      /* the groups of fused arenas; held across fork */
    ALI_RANK_POOL_LIST = 2,   /* the list of shared pools (region) */
    ALI_RANK_POOL = 3,        /* one shared pool */
    ALI_RANK_HEAP_LIST = 4,   /* the list of heap objects */
    ALI_RANK_HEAP = 5,        /* one heap object: its blocks and spans */
    ALI_RANK_SPAN = 6,        /* the span allocator */
    ALI_RANK_METADATA = 7,    /* memory for our own structures */
    ALI_RANK_REPORT = 8,      /* one report at a time */
    ALI_RANK_QUARANTINE = 9,  /* a queue of freed blocks; nothing is locked inside */
    ALI_RANK_TRACE = 10,      /* one trace file; nothing is locked inside */
};

struct ali_lock {
    _Atomic(uint32_t) word; /* 0 free, 1 taken, 2 taken and somebody sleeps */
    uint32_t rank;
};

#define ALI_LOCK_INIT(r)                                                                           \
    {                                                                                              \
        0, (r)                                                                                     \
    }

void ali_lock_slow(struct ali_lock *l);
void ali_unlock_slow(struct ali_lock *l);
void ali_lock_rank_push(uint32_t rank);
void ali_lock_rank_pop(uint32_t rank);

static inline void ali_lock(struct ali_lock *l)
{
    uint32_t zero = 0;

#ifdef ALI_DEBUG
    ali_lock_rank_push(l->rank);
#endif
    /* acquire: pairs with the release in ali_unlock */
    if (!atomic_compare_exchange_strong_explicit(&l->word, &zero, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        ali_lock_slow(l);
}

static inline bool ali_try_lock(struct ali_lock *l)
{
    uint32_t zero = 0;
    bool got = atomic_compare_exchange_strong_explicit(&l->word, &zero, 1, memory_order_acquire,
                                                       memory_order_relaxed);
#ifdef ALI_DEBUG
    if (got)
        ali_lock_rank_push(l->rank);
#endif
    return got;
}

static inline void ali_unlock(struct ali_lock *l)
{
#ifdef ALI_DEBUG
    ali_lock_rank_pop(l->rank);
#endif
    /* release: pairs with the acquire in ali_lock */
    if (atomic_exchange_explicit(&l->word, 0, memory_order_release) == 2)
        ali_unlock_slow(l);
}

static inline bool ali_lock_is_taken(const struct ali_lock *l)
{
    return atomic_load_explicit(&l->word, memory_order_relaxed) != 0;
}

/* In a forked child, where the thread that held it does not exist. */
static inline void ali_lock_reset(struct ali_lock *l)
{
    atomic_store_explicit(&l->word, 0, memory_order_relaxed);
}

#endif

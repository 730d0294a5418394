/* The slow paths of the lock, and the assertion of ranks. */
#include "core/lock.h"
#include "plat/plat.h"

enum { SPINS = 100 };

/* A critical section is a few hundred instructions, so a short spin mostly saves the sleep. */
static bool spin(struct ali_lock *l)
{
    for (unsigned i = 0; i < SPINS; i++) {
        uint32_t seen = atomic_load_explicit(&l->word, memory_order_relaxed);

        /* acquire: pairs with the release in ali_unlock */
        if (seen == 0 && atomic_compare_exchange_weak_explicit(
                             &l->word, &seen, 1, memory_order_acquire, memory_order_relaxed))
            return true;
        if (seen == 2) /* others already sleep: no use to spin past them */
            return false;
        ali_os_spin_pause();
    }
    return false;
}

ALI_COLD void ali_lock_slow(struct ali_lock *l)
{
    if (spin(l))
        return;
    /* Whoever gets it here cannot know whether others sleep, and so keeps the 2.
     * acquire: pairs with the release in ali_unlock */
    while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire) != 0)
        ali_os_wait(&l->word, 2);
}

ALI_COLD void ali_unlock_slow(struct ali_lock *l)
{
    ali_os_wake_one(&l->word);
}

/* Bit r: this thread holds a lock of rank r. */
static _Thread_local uint32_t held __attribute__((tls_model("initial-exec")));

void ali_lock_rank_push(uint32_t rank)
{
    if (rank == ALI_RANK_NONE)
        return;
    ali_require(rank < 32 && held >> rank == 0);
    held |= UINT32_C(1) << rank;
}

void ali_lock_rank_pop(uint32_t rank)
{
    if (rank == ALI_RANK_NONE)
        return;
    ali_require(rank < 32 && (held >> rank & 1) != 0);
    held &= ~(UINT32_C(1) << rank);
}

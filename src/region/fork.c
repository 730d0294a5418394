/* Fork: the child has no other thread, so nobody may be in the middle of a group of fused arenas
 * when it is made. The lock is held for a few stores only. Pools are consistent at every instant.
 */
#include "region/region.h"

static void before(void)
{
    ali_group_before_fork();
}

static void in_parent(void)
{
    ali_group_after_fork(false);
}

static void in_child(void)
{
    ali_group_after_fork(true);
    ali_scratch_fork_child();
}

void ali_region_hook_fork(void)
{
    static _Atomic(bool) hooked;

    /* relaxed: who comes second needs nothing of what the first does */
    if (!atomic_load_explicit(&hooked, memory_order_relaxed) &&
        !atomic_exchange_explicit(&hooked, true, memory_order_relaxed))
        (void)ali_os_fork_hook(before, in_parent, in_child);
}

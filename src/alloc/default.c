/* The default allocator of the process: one word, NULL while it is the default heap. */
#include "alloc/alloc.h"

/* release and acquire: who gets the allocator by NULL sees it made. */
static _Atomic(allot_allocator *) chosen;

allot_allocator *ali_allocator_meant(allot_allocator *a)
{
    if (a == NULL)
        a = atomic_load_explicit(&chosen, memory_order_acquire);
    return a != NULL ? a : allot_heap_allocator(NULL);
}

allot_allocator *allot_allocator_default(void)
{
    return ali_allocator_meant(NULL);
}

allot_allocator *allot_allocator_set_default(allot_allocator *a)
{
    a = atomic_exchange_explicit(&chosen, a, memory_order_acq_rel);
    return a != NULL ? a : allot_heap_allocator(NULL);
}

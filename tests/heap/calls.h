/* malloc and free as the drop-in has them, without a public call around them. */
#ifndef ALI_TEST_HEAP_CALLS_H
#define ALI_TEST_HEAP_CALLS_H

#include "heap/internal.h"

static inline void *take(size_t size)
{
    void *p;

    if (!ali_heap_alloc_hit(size, &p))
        p = ali_heap_alloc_miss(size, ALI_CALL_MALLOC, NULL);
    assert_non_null(p);
    return p;
}

static inline void give(const void *p)
{
    void *q = (void *)(uintptr_t)p;

    if (!ali_heap_free_hit(q))
        ali_heap_free_miss(q, ALI_CALL_FREE, __builtin_return_address(0));
}

#endif

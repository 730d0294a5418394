/* The inlined functions of allot/pool.h, each in a function of its own, for tools/codegen.py. */
#include <stddef.h>

#include "allot/pool.h"

__attribute__((noinline)) void *pool_get(allot_pool *pool)
{
    return allot_pool_get(pool);
}

__attribute__((noinline)) void pool_put(allot_pool *pool, void *object)
{
    allot_pool_put(pool, object);
}

int main(void)
{
    allot_pool pool;
    void *p;

    if (allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = 48}) != 0)
        return 1;
    p = pool_get(&pool);
    pool_put(&pool, p);
    allot_pool_release(&pool);
    return p == NULL;
}

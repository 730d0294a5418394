/* Allot's pools that threads share; the includer has defined SHARED_FLAGS. */
#include "bench.h"

#include <stdlib.h>

#include <allot/pool.h>

enum { POOL_BYTES = 64 };
#define SHARED allot_pool

static allot_pool *shared_open(void)
{
    static allot_pool pool;
    struct allot_pool_options options = {.object_bytes = POOL_BYTES, .flags = SHARED_FLAGS};

    if (allot_pool_init(&pool, &options) != 0)
        abort();
    return &pool;
}

#define shared_close(p) allot_pool_release(p)
#define shared_get(p) allot_pool_get(p)
#define shared_put(p, object) allot_pool_put((p), (object))

#include "shared_rows.h"

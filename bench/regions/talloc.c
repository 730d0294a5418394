/* talloc, with a pool in front of what is small. */
#include "regions.h"

#include <stdlib.h>
#include <talloc.h>

#define REGION void
#define HAS_MARKS 0

static void *region_open(void)
{
    void *pool = talloc_pool(NULL, 65536);

    if (pool == NULL)
        abort();
    return pool;
}

static void region_close(void *pool)
{
    talloc_free(pool);
}

static inline void *region_push(void *pool, size_t bytes)
{
    return talloc_size(pool, bytes);
}

static inline void *region_bytes(void *pool, size_t bytes)
{
    return talloc_size(pool, bytes);
}

static void region_reset(void *pool)
{
    talloc_free_children(pool);
}

#include "rows.h"

const struct peer peer_talloc = {"talloc", PEER_PASSES};

/* Pools of the Apache Portable Runtime. */
#include "regions.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <stdlib.h>

#define REGION apr_pool_t
#define HAS_MARKS 0

static apr_pool_t *region_open(void)
{
    apr_pool_t *pool;

    (void)apr_initialize();
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS)
        abort();
    return pool;
}

static void region_close(apr_pool_t *pool)
{
    apr_pool_destroy(pool);
}

static inline void *region_push(apr_pool_t *pool, size_t bytes)
{
    return apr_palloc(pool, bytes);
}

static inline void *region_bytes(apr_pool_t *pool, size_t bytes)
{
    return apr_palloc(pool, bytes);
}

static void region_reset(apr_pool_t *pool)
{
    apr_pool_clear(pool);
}

#include "rows.h"

const struct peer peer_apr = {"apr", PEER_PASSES};

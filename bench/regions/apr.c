/* Pools of the Apache Portable Runtime. */
#include "bench.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <stdlib.h>

#define REGION apr_pool_t

static apr_pool_t *open_in(apr_pool_t *parent)
{
    apr_pool_t *pool;

    if (apr_pool_create(&pool, parent) != APR_SUCCESS)
        abort();
    return pool;
}

static apr_pool_t *region_open(int which)
{
    (void)which;
    (void)apr_initialize();
    return open_in(NULL);
}

static void region_close(apr_pool_t *pool)
{
    apr_pool_destroy(pool);
}

static inline void *region_push(apr_pool_t *pool, size_t bytes)
{
    return apr_palloc(pool, bytes);
}

static void region_reset(apr_pool_t *pool)
{
    apr_pool_clear(pool);
}

/* A pool within one of the thread. */
static inline apr_pool_t *scope_begin(void)
{
    static _Thread_local apr_pool_t *mine;

    if (mine == NULL)
        mine = region_open(0);
    return open_in(mine);
}

#define SCOPE(s) apr_pool_t *s = scope_begin()
#define scope_push(s, bytes) region_push((s), (bytes))
#define scope_end(s) apr_pool_destroy(s)

#include "arena_rows.h"

#define TREE apr_pool_t
#define tree_open() region_open(0)
#define tree_close(t) region_close(t)
#define tree_node(t, bytes) region_push((t), (bytes))
#define tree_text(t, bytes) region_push((t), (bytes))
#define tree_drop(t) region_reset(t)

#include "parse_rows.h"

static const struct pass passes[] = {ARENA_PASSES, PARSE_PASSES};
const struct peer peer_apr = PEER("APR", passes);

/* talloc, with a pool in front of what is small. */
#include "bench.h"

#include <stdlib.h>
#include <talloc.h>

#define REGION void

static void *region_open(int which)
{
    void *pool = talloc_pool(NULL, 65536);

    (void)which;
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

static void region_reset(void *pool)
{
    talloc_free_children(pool);
}

static inline void *scope_begin(void)
{
    static _Thread_local void *mine;

    if (mine == NULL)
        mine = region_open(0);
    return talloc_new(mine);
}

#define SCOPE(s) void *s = scope_begin()
#define scope_push(s, bytes) region_push((s), (bytes))
#define scope_end(s) ((void)talloc_free(s))

#include "arena_rows.h"

#define TREE void
#define tree_open() region_open(0)
#define tree_close(t) region_close(t)
#define tree_node(t, bytes) region_push((t), (bytes))
#define tree_text(t, bytes) region_push((t), (bytes))
#define tree_drop(t) region_reset(t)

#include "parse_rows.h"

enum { POOL_BYTES = 64, STACK_BYTES = 64 };

#define POOL void
#define pool_open() region_open(0)
#define pool_close(pool) region_close(pool)
#define pool_get(pool) region_push((pool), POOL_BYTES)
#define pool_put(pool, object) ((void)(pool), (void)talloc_free(object))

#include "pool_rows.h"

#define STACK void
#define STACK_ANY_ORDER
#define stack_open() region_open(0)
#define stack_open_any() region_open(0)
#define stack_close(s) region_close(s)
#define stack_push(s) region_push((s), STACK_BYTES)
#define stack_pop(s, object) ((void)(s), (void)talloc_free(object))

#include "stack_rows.h"

static const struct pass passes[] = {ARENA_PASSES, PARSE_PASSES, POOL_PASSES, STACK_PASSES};
const struct peer peer_talloc = PEER("talloc", passes);

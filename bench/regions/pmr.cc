/* Memory resources of the C++ library: monotonic, from a buffer that it can come back to; and
 * pools. They are used as the types that they are, so that the compiler may inline what it can. */
#include "bench.h"

#include <memory_resource>

using Monotonic = std::pmr::monotonic_buffer_resource;

#define REGION Monotonic

static REGION *region_open(int which)
{
    static char buffers[2][65536];

    return new REGION(buffers[which], sizeof buffers[which]);
}

static void region_close(REGION *r)
{
    delete r;
}

static inline void *region_push(REGION *r, size_t bytes)
{
    return r->allocate(bytes, 16);
}

static void region_reset(REGION *r)
{
    r->release();
}

/* With a buffer in the frame of the function, as it is used there. */
struct Scope {
    alignas(16) char buffer[1024];
    Monotonic resource{buffer, sizeof buffer};
};

#define SCOPE(s) Scope s
#define scope_push(s, bytes) region_push(&(s).resource, (bytes))
#define scope_end(s) ((void)(s))

#include "arena_rows.h"

#define TREE Monotonic
#define tree_open() region_open(0)
#define tree_close(t) region_close(t)
#define tree_node(t, bytes) (t)->allocate((bytes), 16)
#define tree_text(t, bytes) (t)->allocate((bytes), 1)
#define tree_drop(t) region_reset(t)

#include "parse_rows.h"

enum { POOL_BYTES = 64, STACK_BYTES = 64 };

/* Debian's library lacks the deleting destructors of the two. */
struct Pools final : std::pmr::unsynchronized_pool_resource {
};
#define POOL Pools
#define pool_open() (new Pools)
#define pool_close(pool) delete (pool)
#define pool_get(pool) (pool)->allocate(POOL_BYTES, 16)
#define pool_put(pool, object) (pool)->deallocate((object), POOL_BYTES, 16)

#include "pool_rows.h"

struct SharedPools final : std::pmr::synchronized_pool_resource {
};
#define SHARED SharedPools
#define shared_open() (new SharedPools)
#define shared_close(pool) delete (pool)
#define shared_get(pool) (pool)->allocate(POOL_BYTES, 16)
#define shared_put(pool, object) (pool)->deallocate((object), POOL_BYTES, 16)

#include "shared_rows.h"

#define STACK Pools
#define STACK_ANY_ORDER
#define stack_open() (new Pools)
#define stack_open_any() (new Pools)
#define stack_close(s) delete (s)
#define stack_push(s) (s)->allocate(STACK_BYTES, 16)
#define stack_pop(s, object) (s)->deallocate((object), STACK_BYTES, 16)

#include "stack_rows.h"

static const struct pass passes[] = {ARENA_PASSES, PARSE_PASSES, POOL_PASSES, SHARED_PASSES,
                                     STACK_PASSES};
extern "C" const struct peer peer_pmr = PEER("std::pmr", passes);

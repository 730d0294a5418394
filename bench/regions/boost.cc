/* Boost.Pool. It frees all objects at once, too, but has one size a pool: trees and frames of
 * several sizes are not for it. */
#include "bench.h"

#include <boost/pool/pool.hpp>
#include <boost/pool/singleton_pool.hpp>

using Pool = boost::pool<>;

struct Sizes {
    Pool small{16}, middle{32}, large{64};
};

#define REGION Sizes
#define REGION_FIXED
#define region_open(which) (new Sizes)
#define region_close(r) delete (r)

static inline void *region_push(Sizes *r, size_t bytes)
{
    return bytes <= 16 ? r->small.malloc() : bytes <= 32 ? r->middle.malloc() : r->large.malloc();
}

static void region_reset(Sizes *r)
{
    r->small.purge_memory();
    r->middle.purge_memory();
    r->large.purge_memory();
}

#include "arena_rows.h"

enum { POOL_BYTES = 64, STACK_BYTES = 64 };

#define POOL Pool
#define pool_open() (new Pool(POOL_BYTES))
#define pool_close(pool) delete (pool)
#define pool_get(pool) (pool)->malloc()
#define pool_put(pool, object) (pool)->free(object)

#include "pool_rows.h"

struct Tag {
};
using Singleton = boost::singleton_pool<Tag, POOL_BYTES>;

#define SHARED void
#define shared_open() nullptr
#define shared_close(pool) ((void)(pool), (void)Singleton::purge_memory())
#define shared_get(pool) ((void)(pool), Singleton::malloc())
#define shared_put(pool, object) ((void)(pool), Singleton::free(object))

#include "shared_rows.h"

#define STACK Pool
#define STACK_ANY_ORDER
#define stack_open() (new Pool(STACK_BYTES))
#define stack_open_any() (new Pool(STACK_BYTES))
#define stack_close(s) delete (s)
#define stack_push(s) (s)->malloc()
#define stack_pop(s, object) (s)->free(object)

#include "stack_rows.h"

static const struct pass passes[] = {ARENA_PASSES, POOL_PASSES, SHARED_PASSES, STACK_PASSES};
extern "C" const struct peer peer_boost = PEER("Boost.Pool", passes);

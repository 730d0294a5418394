/* std::pmr::monotonic_buffer_resource, from a buffer that it can come back to; beyond that, from
 * new. It is used as the type it is, so that the compiler may inline what it can. */
#include "regions.h"

#include <memory_resource>

#define REGION std::pmr::monotonic_buffer_resource
#define HAS_MARKS 0

static char buffer[65536];

static REGION *region_open()
{
    return new REGION(buffer, sizeof buffer);
}

static void region_close(REGION *r)
{
    delete r;
}

static inline void *region_push(REGION *r, size_t bytes)
{
    return r->allocate(bytes, 16);
}

static inline void *region_bytes(REGION *r, size_t bytes)
{
    return r->allocate(bytes, 1);
}

static void region_reset(REGION *r)
{
    r->release();
}

#include "rows.h"

extern "C" const struct peer peer_pmr = {"std::pmr", PEER_PASSES};

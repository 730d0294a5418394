/* Slices of GLib: the size is told when one is freed. */
#include "bench.h"

#include <glib.h>

#define TAKE(bytes) g_slice_alloc(bytes)
#define GIVE(p, bytes) g_slice_free1((bytes), (p))
#define SIZED_FREE
#define POOL_BULK

/* GLib frees chains: through the first word of each. */
static void pool_get_bulk(void *pool, void **objects, size_t count)
{
    (void)pool;
    for (size_t i = 0; i < count; i++)
        objects[i] = g_slice_alloc(64);
}

static void pool_put_bulk(void *pool, void **objects, size_t count)
{
    (void)pool;
    for (size_t i = 0; i < count; i++)
        *(void **)objects[i] = i + 1 < count ? objects[i + 1] : NULL;
    g_slice_free_chain_with_offset(64, objects[0], 0);
}

#include "by_object.h"

const struct peer peer_glib = PEER("GLib slice", passes);

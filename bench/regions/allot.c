/* Allot's arena, on the default heap. */
#include "regions.h"

#include <stdlib.h>

#include "allot/arena.h"

#define REGION allot_arena
#define HAS_MARKS 1
#define REGION_MARK allot_arena_mark

static allot_arena arena;

static allot_arena *region_open(void)
{
    if (allot_arena_init(&arena, NULL) != 0)
        abort();
    return &arena;
}

static void region_close(allot_arena *a)
{
    allot_arena_release(a);
}

static inline void *region_push(allot_arena *a, size_t bytes)
{
    return allot_arena_push(a, bytes);
}

static inline void *region_bytes(allot_arena *a, size_t bytes)
{
    return allot_arena_push_bytes(a, bytes);
}

static void region_reset(allot_arena *a)
{
    (void)allot_arena_reset(a, ALLOT_KEEP_ALL);
}

static allot_arena_mark region_mark(allot_arena *a)
{
    return allot_arena_mark_get(a);
}

static void region_rewind(allot_arena *a, allot_arena_mark mark)
{
    (void)allot_arena_rewind(a, &mark);
}

#include "rows.h"

const struct peer peer_allot = {"allot", PEER_PASSES};

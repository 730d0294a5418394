/* Allot, on its own heap. */
#include "bench.h"

#include <stdlib.h>

#include <allot/arena.h>
#include <allot/pool.h>
#include <allot/scratch.h>
#include <allot/stack.h>

/* --- arena, scratch, frames ---------------------------------------------------------------- */

#define REGION allot_arena
#define REGION_MARK allot_arena_mark
#define FRAMES_STATE allot_frames

static allot_arena *region_open(int which)
{
    static allot_arena arenas[2];

    if (allot_arena_init(&arenas[which], NULL) != 0)
        abort();
    return &arenas[which];
}

static void region_close(allot_arena *a)
{
    allot_arena_release(a);
}

static inline void *region_push(allot_arena *a, size_t bytes)
{
    return allot_arena_push(a, bytes);
}

static void region_reset(allot_arena *a)
{
    if (allot_arena_reset(a, ALLOT_KEEP_ALL) != 0)
        abort();
}

#define region_mark(a) allot_arena_mark_get(a)
#define region_rewind(a, mark) ((void)allot_arena_rewind((a), &(mark)))

#define SCOPE(s) struct allot_scratch s = allot_scratch_begin(NULL, 0)
#define scope_push(s, bytes) allot_arena_push((s).arena, (bytes))
#define scope_end(s) allot_scratch_end(&(s))

static allot_frames *frames_open(void)
{
    static allot_frames two;

    if (allot_frames_init(&two, 2, NULL) != 0)
        abort();
    return &two;
}

#define frames_next(f) ((void)allot_frames_next(f))
#define frames_push(f, bytes) allot_frames_alloc((f), (bytes))
#define frames_close(f) allot_frames_release(f)

#include "arena_rows.h"

/* --- a tree on an arena -------------------------------------------------------------------- */

#define TREE allot_arena
#define tree_open() region_open(0)
#define tree_close(t) region_close(t)
#define tree_node(t, bytes) allot_arena_push((t), (bytes))
#define tree_text(t, bytes) allot_arena_push_bytes((t), (bytes))
#define tree_drop(t) region_reset(t)

#include "parse_rows.h"

/* --- pool ---------------------------------------------------------------------------------- */

enum { POOL_BYTES = 64 };
#define POOL allot_pool
#define POOL_BULK

static allot_pool *pool_open(void)
{
    static allot_pool pool;

    if (allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = POOL_BYTES}) != 0)
        abort();
    return &pool;
}

#define pool_close(p) allot_pool_release(p)
#define pool_get(p) allot_pool_get(p)
#define pool_put(p, object) allot_pool_put((p), (object))

static void pool_get_bulk(allot_pool *pool, void **objects, size_t count)
{
    if (allot_pool_get_bulk(pool, objects, count) != 0)
        abort();
}

#define pool_put_bulk(p, objects, count) allot_pool_put_bulk((p), (objects), (count))

#include "pool_rows.h"

/* --- stack --------------------------------------------------------------------------------- */

enum { STACK_BYTES = 64 };
#define STACK allot_stack
#define STACK_MARK allot_stack_mark
#define STACK_ANY_ORDER

static allot_stack *open_with(uint32_t flags)
{
    static allot_stack stack;

    if (allot_stack_init(&stack, &(struct allot_stack_options){.flags = flags}) != 0)
        abort();
    return &stack;
}

#define stack_open() open_with(0)
#define stack_open_any() open_with(ALLOT_STACK_ROLLBACK)
#define stack_close(s) allot_stack_release(s)
#define stack_push(s) allot_stack_push((s), STACK_BYTES)
#define stack_pop(s, object) allot_stack_pop((s), (object))
#define stack_mark(s) allot_stack_mark_get(s)
#define stack_rewind(s, mark) ((void)allot_stack_rewind((s), (mark)))

#include "stack_rows.h"

static const struct pass passes[] = {ARENA_PASSES, PARSE_PASSES, POOL_PASSES, STACK_PASSES};
const struct peer peer_allot = PEER("allot", passes);

/* An arena as an allocator. */
#include <errno.h>

#include "region/region.h"

static allot_arena *arena_of(allot_allocator *a)
{
    return (allot_arena *)(void *)a;
}

static void *arena_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct ali_take t = {size, how, false, caller};

    return ali_arena_take(arena_of(a), &t);
}

static void clear_added(char *p, size_t old_size, size_t new_size, allot_how how)
{
    if ((how & ALLOT_ZERO) && new_size > old_size)
        memset(p + old_size, 0, new_size - old_size);
}

static bool arena_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                         allot_how how, const void *caller)
{
    if (!ali_arena_resize(arena_of(a), p, old_size, new_size, caller))
        return false;
    clear_added(p, old_size, new_size, how);
    return true;
}

/* Only an oversize block can move without a copy of ours. */
static void *arena_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                         allot_how how, const void *caller)
{
    struct allot_arena_due *due = ali_due_find(arena_of(a), p);

    if (due == NULL || due->kind == ALI_DUE_OBSERVED ||
        !ali_source_resize_object(arena_of(a), due, new_size, caller, true))
        return NULL;
    clear_added(due->object.object, old_size, new_size, how);
    return due->object.object;
}

static void arena_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    (void)how;
    ali_arena_unpush(arena_of(a), p, size, caller);
}

static int arena_owns(allot_allocator *a, const void *p)
{
    return allot_arena_owns(arena_of(a), p);
}

static size_t arena_trim(allot_allocator *a)
{
    return allot_arena_trim(arena_of(a));
}

static allot_status arena_reset(allot_allocator *a, const void *caller)
{
    return ali_arena_reset(arena_of(a), ALLOT_KEEP_ALL, caller);
}

static void arena_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_arena_stats s;

    allot_arena_stats_get(arena_of(a), &s);
    stats->live_bytes = s.used_bytes;
    stats->reserved_bytes = s.reserved_bytes;
    stats->limit_bytes = s.limit_bytes;
}

/* Objects in chunks have no bounds: only an arena that has none of them can be visited. */
static bool arena_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    return !(arena_of(a)->flags & ALI_ARENA_MIXED) && allot_arena_visit(arena_of(a), visit, arg);
}

const struct allot_allocator_ops allot_arena_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_LIFO_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN | ALLOT_CAP_OWNS |
            ALLOT_CAP_RESET,
    .kind = "arena",
    .alloc = arena_alloc,
    .resize = arena_resize,
    .remap = arena_remap,
    .free = arena_free,
    .owns = arena_owns,
    .trim = arena_trim,
    .reset = arena_reset,
    .stats = arena_stats,
    .visit = arena_visit,
};

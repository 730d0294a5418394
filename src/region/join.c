/* Arenas that share a fate: children, and arenas whose memory another takes over. */
#include <errno.h>

#include "region/region.h"

/* --- children ------------------------------------------------------------------------------ */

static allot_arena *make_child(allot_arena *parent, const struct allot_arena_options *options)
{
    struct allot_arena_options o = {0};
    struct allot_arena_due *due;
    allot_arena *child;

    if (options != NULL)
        o = *options;
    if (o.source == NULL)
        o.source = parent->source;
    child = allot_arena_push_zero(parent, sizeof *child);
    if (child == NULL)
        return NULL;
    ali_arena_settle(parent);
    due = ali_due_new(parent, ALI_DUE_CHILD);
    ali_arena_show(parent);
    if (due == NULL)
        return NULL;
    due->child = child;
    if (allot_arena_init(child, &o) != 0) {
        due->kind = ALI_DUE_NOTHING;
        return NULL;
    }
    child->own_due = due;
    return child;
}

allot_arena *allot_arena_child(allot_arena *parent, const struct allot_arena_options *options)
{
    allot_arena_mark mark;
    allot_arena *child;

    if (!ali_arena_ready(parent, "allot_arena_child", __builtin_return_address(0)))
        return NULL;
    mark = allot_arena_mark_get(parent);
    child = make_child(parent, options);
    /* of a fused arena the attempt is lost */
    if (child == NULL && !ali_arena_is_fused(parent))
        (void)allot_arena_rewind(parent, &mark);
    return child;
}

/* --- taking over --------------------------------------------------------------------------- */

static bool in_use(const allot_arena *a)
{
    return a->at != a->chunk->start || a->top != a->chunk->end;
}

/* Whether all of its memory can change hands. */
static bool can_move(const allot_arena *from)
{
    if (from->reserve != NULL)
        return false;
    if (from->buffer == NULL)
        return true;
    return from->chunk == from->buffer
               ? !in_use(from)
               : from->buffer->at == from->buffer->start && from->buffer->top == from->buffer->end;
}

static allot_status check_adoption(allot_arena *a, allot_arena *from)
{
    if (ali_arena_is_fused(a) || ali_arena_is_fused(from))
        return -EBUSY;
    if (a == from || !can_move(from))
        return -EINVAL;
    if (from->source != NULL && a->source == NULL)
        a->source = allot_allocator_default();
    if (from->source != NULL && a->source != from->source)
        return -EINVAL;
    return 0;
}

/* `due`, the newest of a, takes the chunks; the records of `from` come on top of it. */
static void splice(allot_arena *a, allot_arena *from, struct allot_arena_due *due, size_t bytes)
{
    ali_chunk_save(from);
    due->chunks.top = NULL;
    if (from->chunk != from->buffer) {
        due->chunks.top = from->chunk;
        from->lowest->below = NULL;
    }
    if (from->due != NULL) {
        from->first_due->below = due;
        a->due = from->due;
    }
    a->taken_bytes += bytes;
    a->peak_bytes = ali_max(a->peak_bytes, a->taken_bytes);
    a->flags |= from->flags & ALI_ARENA_MIXED;
    from->due = from->first_due = NULL;
    from->taken_bytes -= bytes;
}

static size_t spare_bytes(const allot_arena *a)
{
    size_t bytes = 0;

    for (const struct allot_arena_chunk *c = a->spare; c != NULL; c = c->below)
        bytes += c->bytes;
    return bytes + (a->more_steps != NULL ? a->steps_bytes : 0);
}

static allot_status adopt(allot_arena *a, allot_arena *from)
{
    size_t bytes = from->taken_bytes - spare_bytes(from);
    struct allot_arena_due *due;

    if (!ali_source_may_take(a, bytes))
        return -ENOMEM;
    due = ali_due_new(a, ALI_DUE_CHUNKS);
    if (due == NULL)
        return -ENOMEM;
    splice(a, from, due, bytes);
    ali_chunk_forget(from);
    ali_mark_forget_all(from);
    return 0;
}

static allot_status adopt_checked(allot_arena *a, allot_arena *from, const void *caller)
{
    allot_status status;

    if (!ali_arena_ready(a, "allot_arena_adopt", caller) ||
        !ali_arena_ready(from, "allot_arena_adopt", caller))
        return -EINVAL;
    status = check_adoption(a, from);
    if (status != 0)
        return status;
    ali_arena_settle(a);
    ali_arena_settle(from);
    status = adopt(a, from);
    ali_arena_show(from);
    ali_arena_show(a);
    return status;
}

allot_status allot_arena_adopt(allot_arena *arena, allot_arena *from)
{
    return adopt_checked(arena, from, __builtin_return_address(0));
}

allot_status allot_arena_merge(allot_arena *arena, allot_arena *from)
{
    allot_status status = adopt_checked(arena, from, __builtin_return_address(0));

    if (status == 0)
        allot_arena_release(from);
    return status;
}

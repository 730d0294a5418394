/* The allocator underneath an arena, and the account of what was taken from it.
 *
 * Blocks for the arena itself are hidden from observers: they are told of the objects. An object
 * that is a block of its own because everything is being watched is the source's to tell. */
#include <errno.h>

#include "region/region.h"

static allot_allocator *source_of(allot_arena *a)
{
    /* remembered: the default may be another when this is freed */
    if (a->source == NULL)
        a->source = allot_allocator_default();
    return a->source;
}

uint32_t ali_source_caps(const allot_arena *a)
{
    return (a->source != NULL ? a->source : allot_allocator_default())->ops->caps;
}

static void account(allot_arena *a, size_t bytes)
{
    a->taken_bytes += bytes;
    a->peak_bytes = ali_max(a->peak_bytes, a->taken_bytes);
}

bool ali_source_may_take(allot_arena *a, size_t bytes)
{
    size_t room;

    if (a->limit_bytes == 0)
        return true;
    room = a->limit_bytes - ali_min(a->limit_bytes, a->taken_bytes);
    if (bytes > room)
        room += ali_chunk_trim(a, 0);
    if (bytes <= room)
        return true;
    ali_error_set(ALLOT_LAYER_REGION, ALLOT_CAUSE_LIMIT, 0);
    errno = ENOMEM;
    return false;
}

void *ali_source_take(allot_arena *a, size_t bytes, size_t *given)
{
    bool was_paused = ali_observe_paused;
    void *p;

    if (!ali_source_may_take(a, bytes))
        return NULL;
    ali_observe_paused = true;
    *given = bytes;
    p = a->limit_bytes != 0 ? allot_new(source_of(a), bytes)
                            : allot_new_atleast(source_of(a), bytes, given);
    ali_observe_paused = was_paused;
    if (p != NULL)
        account(a, *given);
    return p;
}

void ali_source_give(allot_arena *a, void *block, size_t bytes)
{
    bool was_paused = ali_observe_paused;

    ali_observe_paused = true;
    allot_delete(source_of(a), block, bytes);
    ali_observe_paused = was_paused;
    a->taken_bytes -= bytes;
}

/* --- objects that are blocks --------------------------------------------------------------- */

/* Observers see the block when the source is to tell of it. */
static bool pause_for(const struct allot_arena_due *due)
{
    bool was_paused = ali_observe_paused;

    ali_observe_paused = was_paused || due->kind != ALI_DUE_INDIVIDUAL;
    return was_paused;
}

/* A source that cannot align is asked for more, and the object lies in the block where it fits. */
static size_t slack_for(const allot_allocator *source, size_t align)
{
    return align > 16 && !(source->ops->caps & ALLOT_CAP_ANY_ALIGN) ? align - 16 : 0;
}

bool ali_source_take_object(allot_arena *a, struct allot_arena_due *due, size_t size, allot_how how,
                            const void *caller)
{
    allot_allocator *source = source_of(a);
    size_t align = allot_how_align(how), slack = slack_for(source, align);
    allot_how block_how = slack != 0 ? ALLOT_ALIGN_DEFAULT | (how & ALLOT_ZERO) : how;
    bool was_paused;
    char *block;

    if (!ali_source_may_take(a, size + slack))
        return false;
    was_paused = pause_for(due);
    block = source->ops->alloc(source, size + slack, block_how, caller);
    ali_observe_paused = was_paused;
    if (block == NULL)
        return false;
    due->object.block = block;
    due->object.object = block + ((0 - (uintptr_t)block) & (align - 1));
    due->object.bytes = size;
    due->object.block_bytes = size + slack;
    due->object.how = block_how;
    account(a, size + slack);
    return true;
}

void ali_source_give_object(allot_arena *a, struct allot_arena_due *due, const void *caller)
{
    allot_allocator *source = source_of(a);
    bool was_paused = pause_for(due);

    source->ops->free(source, due->object.block, due->object.block_bytes, due->object.how, caller);
    ali_observe_paused = was_paused;
    a->taken_bytes -= due->object.block_bytes;
}

static char *resize_block(allot_allocator *source, const struct allot_arena_due *due, size_t size,
                          const void *caller, bool may_move)
{
    const struct allot_allocator_ops *ops = source->ops;
    char *block = due->object.block;
    size_t old = due->object.block_bytes;
    allot_how how = due->object.how & ALLOT_HOW_ALIGN_BITS;

    if (ops->resize != NULL && ops->resize(source, block, old, size, how, caller))
        return block;
    return may_move && ops->remap != NULL ? ops->remap(source, block, old, size, how, caller)
                                          : NULL;
}

bool ali_source_resize_object(allot_arena *a, struct allot_arena_due *due, size_t size,
                              const void *caller, bool may_move)
{
    size_t old = due->object.bytes, slack = due->object.block_bytes - old;
    bool was_paused;
    char *block;

    if (slack != 0 || (size > old && !ali_source_may_take(a, size - old)))
        return false;
    was_paused = pause_for(due);
    block = resize_block(source_of(a), due, size, caller, may_move);
    ali_observe_paused = was_paused;
    if (block == NULL)
        return false;
    due->object.block = due->object.object = block;
    due->object.bytes = due->object.block_bytes = size;
    a->taken_bytes -= old;
    account(a, size);
    return true;
}

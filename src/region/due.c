/* What falls due when an arena is rewound: records in its own chunks, newest first. */
#include <errno.h>

#include "region/region.h"

enum { FIND_MOST = 64 }; /* records that a search looks at */

struct allot_arena_due *ali_due_new(allot_arena *a, enum ali_due_kind kind)
{
    const size_t bytes = ali_align_up(sizeof(struct allot_arena_due), 16);
    struct allot_arena_due *due;

    if ((size_t)(a->top - a->at) < bytes && !ali_chunk_add(a, bytes))
        return NULL;
    due = (struct allot_arena_due *)(void *)a->at;
    a->at += bytes;
    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(due, sizeof *due, false);
    memset(due, 0, sizeof *due);
    due->kind = kind;
    due->below = a->due;
    if (a->due == NULL)
        a->first_due = due;
    a->due = due;
    return due;
}

void ali_due_cancel(allot_arena *a, struct allot_arena_due *due)
{
    const size_t bytes = ali_align_up(sizeof *due, 16);

    ali_assert(a->due == due);
    a->due = due->below;
    if ((char *)due + bytes == a->at)
        ali_chunk_back_to(a, (char *)due, a->top);
}

static void release_child(struct allot_arena_due *due)
{
    allot_arena *child = due->child;

    child->own_due = NULL;
    allot_arena_release(child);
}

static void run_one(allot_arena *a, struct allot_arena_due *due, const void *caller)
{
    switch ((enum ali_due_kind)due->kind) {
    case ALI_DUE_CLEANUP:
        due->cleanup.function(due->cleanup.arg);
        return;
    case ALI_DUE_OBSERVED:
        ali_watch_tell_freed(due, caller);
        return;
    case ALI_DUE_BLOCK:
    case ALI_DUE_INDIVIDUAL:
        ali_watch_tell_freed(due, caller);
        ali_source_give_object(a, due, caller);
        return;
    case ALI_DUE_CHILD:
        release_child(due);
        return;
    case ALI_DUE_CHUNKS:
        ali_chunk_free_list(a, due->chunks.top);
        return;
    case ALI_DUE_NOTHING:
        return;
    }
}

void ali_due_run(allot_arena *a, struct allot_arena_due *until, const void *caller)
{
    /* one at a time: a cleanup may allocate, and what it leaves behind is due as well */
    while (a->due != until) {
        struct allot_arena_due *due = a->due;

        a->due = due->below;
        run_one(a, due, caller);
    }
}

struct allot_arena_due *ali_due_find(const allot_arena *a, const void *object)
{
    struct allot_arena_due *due = a->due;

    for (int i = 0; i < FIND_MOST && due != NULL; i++, due = due->below)
        if (due->kind >= ALI_DUE_BLOCK && due->kind <= ALI_DUE_OBSERVED &&
            due->object.object == object)
            return due;
    return NULL;
}

allot_status allot_arena_cleanup(allot_arena *arena, allot_cleanup_fn function, void *arg)
{
    struct allot_arena_due *due;

    if (!ali_arena_ready(arena, "allot_arena_cleanup", __builtin_return_address(0)))
        return -EINVAL;
    ali_arena_settle(arena);
    due = ali_due_new(arena, ALI_DUE_CLEANUP);
    if (due != NULL) {
        due->cleanup.function = function;
        due->cleanup.arg = arg;
    }
    ali_arena_show(arena);
    return due != NULL ? 0 : -ENOMEM;
}

/* Layer 4: regions. Arenas, and what their parts share.
 *
 *   arena.chunk --> chunk n --below--> ... --> chunk 1 [ --> the caller's buffer ]
 *   arena.spare --> chunks not in use
 *   arena.due   --> due m --below--> ... --> due 1          records in the chunks themselves
 *
 * A due says what is to be done when the arena is rewound past it: free an oversize block, call a
 * cleanup, tell an observer. It is allocated when its cause arises, so one list has all of them in
 * the order of time, and rewinding is: do what is due down to the mark, drop chunks down to the
 * mark, set `at` and `top`.
 *
 * The position in an arena is the number of bytes consumed so far; it orders marks.
 *
 * Every function that moves `at` or `top` out of line begins with ali_arena_settle and ends with
 * ali_arena_show: in between nothing looks at `end`. */
#ifndef ALI_REGION_H
#define ALI_REGION_H

#include "allot/arena.h"
#include "allot/scratch.h"
#include "core/core.h"
#include "core/observe.h"

enum {
    /* in arena.flags, above those of enum allot_arena_flag */
    ALI_ARENA_READY = 1 << 8,    /* fields have their defaults */
    ALI_ARENA_RELEASED = 1 << 9, /* may not be used */
    ALI_ARENA_CHECKED = 1 << 10, /* AddressSanitizer or Valgrind is told of every object */
    ALI_ARENA_MIXED = 1 << 11,   /* some objects are parts of chunks */
};

enum { ALI_CHUNK_BUFFER = 1, ALI_CHUNK_RESERVED = 2 };

struct allot_arena_chunk {
    struct allot_arena_chunk *below;
    size_t base; /* position of `start` */
    char *start;
    char *end;
    char *at; /* these three while it is not the current chunk; `dirty` always */
    char *top;
    char *dirty; /* what lies above, up to `top`, reads zero */
    uint64_t flags;
    size_t bytes; /* of the block, as the source gave it; not among what a reset looks at */
    uint64_t pad;
};
_Static_assert(sizeof(struct allot_arena_chunk) % 16 == 0, "objects follow");

enum ali_due_kind {
    ALI_DUE_NOTHING,
    ALI_DUE_CLEANUP,
    ALI_DUE_BLOCK,      /* an oversize object: a block of the source */
    ALI_DUE_INDIVIDUAL, /* the same because every object is one */
    ALI_DUE_OBSERVED,   /* an object in a chunk of which an observer was told */
    ALI_DUE_CHILD,
    ALI_DUE_CHUNKS /* of an arena that was adopted */
};

struct allot_arena_due {
    struct allot_arena_due *below;
    uint32_t kind;
    uint32_t turn; /* of the observer that was told, 0 none */
    union {
        struct {
            allot_cleanup_fn function;
            void *arg;
        } cleanup;
        struct {
            char *object;
            size_t bytes; /* of the object */
            char *block;  /* what the source gave, and as what */
            size_t block_bytes;
            allot_how how;
        } object;
        allot_arena *child;
        struct {
            struct allot_arena_chunk *top;
        } chunks;
    };
};

/* What is asked for; size is at least 1. */
struct ali_take {
    size_t size;
    allot_how how;
    bool packed;
    const void *caller;
};

/* --- arena.c ------------------------------------------------------------------------------ */

/* Defaults into an arena that was only zeroed; false, and reported, for one that was released. */
bool ali_arena_ready(allot_arena *a, const char *call, const void *caller);
void ali_arena_report(const allot_arena *a, enum allot_misuse_kind kind, const char *call,
                      const char *detail, const void *pointer, const void *caller);
/* Undoes and frees everything; what release does once nobody else needs the memory. */
void ali_arena_free_all(allot_arena *a, const void *caller);
/* Whether it may be reset or rewound; what is in the way is reported. */
bool ali_arena_may_empty(allot_arena *a, const char *call, const void *caller);
allot_status ali_arena_reset(allot_arena *a, size_t keep_bytes, const void *caller);

/* --- take.c: the slow path ---------------------------------------------------------------- */

void *ali_arena_take(allot_arena *a, const struct ali_take *take);
/* What an object takes of a chunk. */
size_t ali_arena_footprint(const allot_arena *a, size_t size, bool packed);

/* In place only, of the last object or a block. */
bool ali_arena_resize(allot_arena *a, char *p, size_t old_size, size_t new_size,
                      const void *caller);
/* Takes the last object or a block back; does nothing for others. */
void ali_arena_unpush(allot_arena *a, char *p, size_t size, const void *caller);

/* --- chunk.c ------------------------------------------------------------------------------ */

/* Makes room for `bytes` at `at`. False: nothing has changed, the error is set. */
bool ali_chunk_add(allot_arena *a, size_t bytes);
/* The largest request for which a chunk is changed; a larger one is a block of its own. */
size_t ali_chunk_most(const allot_arena *a);
/* The caller's buffer as the first chunk; false when it is too small. */
bool ali_chunk_use_buffer(allot_arena *a, void *buffer, size_t bytes);
/* Goes back to a chunk in the list (NULL: none), and to where it was left. */
void ali_chunk_drop_to(allot_arena *a, struct allot_arena_chunk *chunk);
/* What lies between is nobody's now: for checkers. */
void ali_chunk_forbid_back(const allot_arena *a, const char *at, const char *top);

/* Memory above `at` reads zero only where nobody has been yet. */
ALI_INLINE void ali_chunk_note_dirty(allot_arena *a)
{
    struct allot_arena_chunk *c = a->chunk;

    if (a->top != c->end)
        c->dirty = c->end;
    else if (a->at > c->dirty)
        c->dirty = a->at;
    a->dirty = c->dirty;
}

/* Moves at and top back in the current chunk. */
ALI_INLINE void ali_chunk_back_to(allot_arena *a, char *at, char *top)
{
    ali_chunk_note_dirty(a);
    if (ali_unlikely(a->flags & ALI_ARENA_CHECKED))
        ali_chunk_forbid_back(a, at, top);
    a->at = at;
    a->top = top;
}

/* The chunks above the buffer are somebody else's now. */
void ali_chunk_forget(allot_arena *a);
void ali_chunk_reset(allot_arena *a, size_t keep_bytes);
/* Frees spares until `keep_bytes` are left; bytes freed. */
size_t ali_chunk_trim(allot_arena *a, size_t keep_bytes);
/* Frees a list of chunks. */
void ali_chunk_free_list(allot_arena *a, struct allot_arena_chunk *top);
ALI_INLINE size_t ali_arena_position(const allot_arena *a)
{
    const struct allot_arena_chunk *c = a->chunk;

    return c == NULL ? 0 : c->base + (size_t)(a->at - c->start) + (size_t)(c->end - a->top);
}

/* What the current chunk is like goes into its header. */
void ali_chunk_save(allot_arena *a);
/* A chunk of so many bytes in the reservation, of which those before `dirty` may not be zero. */
void ali_chunk_add_reserved(allot_arena *a, struct allot_arena_chunk *c, size_t bytes, char *dirty);

/* --- reserve.c ---------------------------------------------------------------------------- */

int ali_reserve_init(allot_arena *a, size_t bytes);
bool ali_reserve_add(allot_arena *a, size_t bytes);
void ali_reserve_drop(allot_arena *a, const struct allot_arena_chunk *chunk);
size_t ali_reserve_trim(allot_arena *a, size_t keep_bytes);
void ali_reserve_release(allot_arena *a);

/* --- source.c: the allocator underneath ---------------------------------------------------- */

/* A block for the arena itself, of *given bytes; no observer is told. */
void *ali_source_take(allot_arena *a, size_t bytes, size_t *given);
void ali_source_give(allot_arena *a, void *block, size_t bytes);
/* An object as a block of its own. */
bool ali_source_take_object(allot_arena *a, struct allot_arena_due *due, size_t size, allot_how how,
                            const void *caller);
void ali_source_give_object(allot_arena *a, struct allot_arena_due *due, const void *caller);
bool ali_source_resize_object(allot_arena *a, struct allot_arena_due *due, size_t size,
                              const void *caller, bool may_move);
/* Whether the limit allows so much more; gives up spares for it. Sets the error. */
bool ali_source_may_take(allot_arena *a, size_t bytes);
uint32_t ali_source_caps(const allot_arena *a);

/* --- due.c -------------------------------------------------------------------------------- */

/* A new record; NULL: no memory, the error is set. Takes it back as if it had not been. */
struct allot_arena_due *ali_due_new(allot_arena *a, enum ali_due_kind kind);
void ali_due_cancel(allot_arena *a, struct allot_arena_due *due);
/* Does what is due down to `until`, which stays. */
void ali_due_run(allot_arena *a, struct allot_arena_due *until, const void *caller);
/* The record of an object; among the newest only. */
struct allot_arena_due *ali_due_find(const allot_arena *a, const void *object);

/* --- mark.c ------------------------------------------------------------------------------- */

ALI_INLINE void ali_mark_forget_all(allot_arena *a)
{
    a->reset_epoch = ++a->epoch;
    a->step_count = 0;
    a->marked = 0;
    a->marked_chunk = NULL;
    a->marked_at = NULL;
}

ALI_INLINE allot_arena_mark ali_mark_take(allot_arena *a)
{
    allot_arena_mark mark = {
        .arena = a,
        .chunk = a->chunk,
        .due = a->due,
        .at = a->at,
        .packed = a->chunk != NULL ? (size_t)(a->chunk->end - a->top) : 0,
        .position = ali_arena_position(a),
        .epoch = a->epoch,
    };

    a->mark_count++;
    a->marked = mark.position;
    a->marked_chunk = mark.chunk;
    a->marked_at = mark.at;
    return mark;
}

void ali_mark_release(allot_arena *a);
/* Ends a scope: its mark is as if it had not been taken, if no other was since. */
void ali_mark_undo(allot_arena *a, const allot_arena_mark *mark,
                   const struct allot_scratch_before *before);

/* --- watch.c: observers and checkers ------------------------------------------------------- */

/* The second halves of the two below, when somebody watches. */
void ali_watch_settle(allot_arena *a);
void ali_watch_show(allot_arena *a);

/* Charges the countdown with what the inlined functions handed out. */
ALI_INLINE void ali_arena_settle(allot_arena *a)
{
    if (ali_unlikely(a->sampled_for != NULL))
        ali_watch_settle(a);
}

ALI_INLINE bool ali_arena_is_watched(const allot_arena *a)
{
    return ali_observer_turn_now() != 0 || (a->flags & ALI_ARENA_CHECKED) ||
           ali_options.regions != ALI_REGIONS_CHUNKED;
}

/* Sets `end`: how much of the chunk they may hand out. Here of one that nobody watches. */
ALI_INLINE void ali_arena_show_all(allot_arena *a)
{
    a->sampled_for = NULL;
    a->end = a->top;
    if (a->end != a->at)
        a->flags |= ALI_ARENA_MIXED;
}

ALI_INLINE void ali_arena_show(allot_arena *a)
{
    if (ali_unlikely(ali_arena_is_watched(a)))
        ali_watch_show(a);
    else
        ali_arena_show_all(a);
}

/* Whether every object is to be a block of the source. */
bool ali_arena_is_individual(const allot_arena *a);
/* The turn of the observer that is to be told of an object of so many bytes; 0 none. */
uint32_t ali_watch_due(allot_arena *a, size_t bytes);
void ali_watch_tell_allocated(const struct allot_arena_due *due, size_t charged,
                              const void *caller);
void ali_watch_tell_freed(const struct allot_arena_due *due, const void *caller);

/* --- group.c ------------------------------------------------------------------------------ */

ALI_INLINE bool ali_arena_is_fused(const allot_arena *a)
{
    /* acquire: pairs with the release in group.c */
    return __atomic_load_n(&a->group, __ATOMIC_ACQUIRE) != NULL;
}

/* Leaves the group; true when the memory is others' business now. */
bool ali_group_leave(allot_arena *a, const void *caller);
void ali_group_before_fork(void);
void ali_group_after_fork(bool child);

/* --- scratch.c, fork.c -------------------------------------------------------------------- */

void ali_scratch_fork_child(void);
/* Before the first use of what a fork could meet in the middle of a change. */
void ali_region_hook_fork(void);

#endif

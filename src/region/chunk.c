/* The chunks of an arena: added when one is full, dropped by rewind, kept or freed by reset.
 *
 *     block  | header | colour | start  objects -->  at  ...  top  <-- strings | end
 *
 * The colour keeps chunks from starting at the same offset in a page, where the first objects of
 * all of them would share a few sets of the cache. */
#include <errno.h>

#include "region/region.h"

enum {
    COLOURS = 16,
    COLOUR_BYTES = ALI_LINE_BYTES,
    COLOUR_SHARE = 64, /* at most such a part of a chunk */
    OVERSIZE_SHARE =
        4,            /* what is larger than such a part of the next chunk is a block of its own */
    SOURCE_BYTES = 32 /* left to the source for its own header */
};

size_t ali_chunk_most(const allot_arena *a)
{
    return a->next_bytes / OVERSIZE_SHARE;
}

/* --- the current chunk --------------------------------------------------------------------- */

void ali_chunk_save(allot_arena *a)
{
    if (a->chunk == NULL)
        return;
    ali_chunk_note_dirty(a);
    a->chunk->at = a->at;
    a->chunk->top = a->top;
}

/* Makes the head of the list the current chunk, as it was left. */
static void enter(allot_arena *a, struct allot_arena_chunk *c)
{
    a->chunk = c;
    a->at = c != NULL ? c->at : NULL;
    a->top = c != NULL ? c->top : NULL;
    a->dirty = c != NULL ? c->dirty : NULL;
    a->end = a->at;
}

static void forbid(const allot_arena *a, const char *from, const char *to)
{
    if ((a->flags & ALI_ARENA_CHECKED) && to > from)
        ali_os_forbid(from, (size_t)(to - from));
}

static void make_empty(const allot_arena *a, struct allot_arena_chunk *c)
{
    c->at = c->start;
    c->top = c->end;
    forbid(a, c->start, c->end);
}

/* An empty chunk on top of the list. */
static void push_chunk(allot_arena *a, struct allot_arena_chunk *c)
{
    ali_chunk_save(a);
    c->base = ali_arena_position(a) + 1; /* a mark in it is above every mark below */
    c->below = a->chunk;
    if (!(c->flags & ALI_CHUNK_BUFFER) && c->below == a->buffer)
        a->lowest = c;
    make_empty(a, c);
    enter(a, c);
}

void ali_chunk_forbid_back(const allot_arena *a, const char *at, const char *top)
{
    forbid(a, at, a->at);
    forbid(a, a->top, top);
}

/* --- spares -------------------------------------------------------------------------------- */

static void free_chunk(allot_arena *a, struct allot_arena_chunk *c)
{
    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(c, c->bytes, false);
    ali_source_give(a, c, c->bytes);
}

void ali_chunk_free_list(allot_arena *a, struct allot_arena_chunk *top)
{
    while (top != NULL) {
        struct allot_arena_chunk *below = top->below;

        free_chunk(a, top);
        top = below;
    }
}

static void push_spare(allot_arena *a, struct allot_arena_chunk *c)
{
    c->below = a->spare;
    a->spare = c;
}

static struct allot_arena_chunk *pop_spare(allot_arena *a)
{
    struct allot_arena_chunk *c = a->spare;

    a->spare = c->below;
    return c;
}

static size_t largest_spare(const allot_arena *a)
{
    size_t most = 0;

    for (const struct allot_arena_chunk *c = a->spare; c != NULL; c = c->below)
        most = ali_max(most, c->bytes);
    return most;
}

size_t ali_chunk_trim(allot_arena *a, size_t keep_bytes)
{
    struct allot_arena_chunk *c = a->spare;
    size_t before = a->taken_bytes;

    if (keep_bytes == ALLOT_KEEP_ALL)
        return 0;
    if (keep_bytes == ALLOT_KEEP_LARGEST)
        keep_bytes = largest_spare(a);
    a->spare = NULL;
    while (c != NULL) {
        struct allot_arena_chunk *below = c->below;

        if (c->bytes <= keep_bytes) {
            keep_bytes -= c->bytes;
            push_spare(a, c);
        } else {
            free_chunk(a, c);
        }
        c = below;
    }
    return before - a->taken_bytes;
}

/* A spare with room for so many bytes; those that have not are freed. */
static struct allot_arena_chunk *fitting_spare(allot_arena *a, size_t bytes)
{
    while (a->spare != NULL) {
        struct allot_arena_chunk *c = pop_spare(a);

        if ((size_t)(c->end - c->start) >= bytes)
            return c;
        free_chunk(a, c);
    }
    return NULL;
}

/* --- adding -------------------------------------------------------------------------------- */

static void lay_out(struct allot_arena_chunk *c, size_t bytes, size_t colour, bool zero)
{
    memset(c, 0, sizeof *c);
    c->bytes = bytes;
    c->start = (char *)(c + 1) + colour;
    c->end = (char *)c + bytes;
    c->dirty = zero ? c->start : c->end;
}

static size_t colour_for(size_t number, size_t bytes)
{
    size_t colours = ali_min(bytes / COLOUR_SHARE / COLOUR_BYTES + 1, COLOURS);

    return number % colours * COLOUR_BYTES;
}

/* The size to ask the source for: what is next, but not less than needed, nor more than allowed. */
static size_t size_for(allot_arena *a, size_t needed)
{
    size_t room, want = ali_max(a->next_bytes, needed);

    if (a->limit_bytes == 0)
        return want;
    room = a->limit_bytes - ali_min(a->limit_bytes, a->taken_bytes);
    return ali_max(ali_min(want, ali_align_down(room, 16)), needed);
}

static bool add_from_source(allot_arena *a, size_t bytes)
{
    size_t number = a->chunk_count, colour, given, needed, size;
    struct allot_arena_chunk *c;

    needed = bytes + sizeof *c + colour_for(COLOURS - 1, bytes) + SOURCE_BYTES;
    size = size_for(a, ali_align_up(needed, 16));
    c = ali_source_take(a, size - SOURCE_BYTES, &given);
    if (c == NULL)
        return false;
    colour = ali_min(colour_for(number, size), (given - bytes - sizeof *c) & ~(size_t)15);
    lay_out(c, given, colour, false);
    a->chunk_count++;
    a->next_bytes = ali_min(2 * a->next_bytes, a->chunk_max_bytes);
    push_chunk(a, c);
    return true;
}

bool ali_chunk_add(allot_arena *a, size_t bytes)
{
    struct allot_arena_chunk *spare;

    if (a->reserve != NULL)
        return ali_reserve_add(a, bytes);
    if (a->flags & ALLOT_ARENA_BUFFER_ONLY) {
        ali_error_set(ALLOT_LAYER_REGION, ALLOT_CAUSE_EXHAUSTED, 0);
        errno = ENOMEM;
        return false;
    }
    spare = fitting_spare(a, bytes);
    if (spare == NULL)
        return add_from_source(a, bytes);
    push_chunk(a, spare);
    return true;
}

bool ali_chunk_use_buffer(allot_arena *a, void *buffer, size_t bytes)
{
    uintptr_t from = ali_align_up((uintptr_t)buffer, 16);
    uintptr_t to = ali_align_down((uintptr_t)buffer + bytes, 16);
    struct allot_arena_chunk *c = (struct allot_arena_chunk *)from;

    if (to < from || to - from < sizeof *c + 16)
        return false;
    lay_out(c, to - from, 0, a->flags & ALLOT_ARENA_BUFFER_IS_ZERO);
    c->flags = ALI_CHUNK_BUFFER;
    a->buffer = NULL;
    push_chunk(a, c);
    a->buffer = c;
    return true;
}

void ali_chunk_add_reserved(allot_arena *a, struct allot_arena_chunk *c, size_t bytes, char *dirty)
{
    lay_out(c, bytes, 0, false);
    c->flags = ALI_CHUNK_RESERVED;
    c->dirty = dirty;
    push_chunk(a, c);
}

/* --- dropping ------------------------------------------------------------------------------ */

/* One dropped chunk is kept, so that a scope at the edge of a chunk does not take and give one
 * each time; the first that is dropped is the largest as a rule. */
static void drop_one(allot_arena *a)
{
    struct allot_arena_chunk *c = a->chunk, *below = c->below;

    ali_chunk_save(a);
    forbid(a, c->start, c->end);
    if (c->flags & ALI_CHUNK_RESERVED)
        ali_reserve_drop(a, c);
    else if (a->spare == NULL)
        push_spare(a, c);
    else
        free_chunk(a, c);
    enter(a, below);
}

void ali_chunk_drop_to(allot_arena *a, struct allot_arena_chunk *chunk)
{
    while (a->chunk != chunk)
        drop_one(a);
}

static void forbid_all(const allot_arena *a)
{
    for (struct allot_arena_chunk *c = a->chunk; c != NULL; c = c->below)
        forbid(a, c->start, c->end);
}

/* All chunks above the buffer become spares without a look at each. */
static void spare_all(allot_arena *a)
{
    ali_chunk_save(a);
    if (a->flags & ALI_ARENA_CHECKED)
        forbid_all(a);
    if (a->chunk != NULL && a->chunk != a->buffer) {
        /* as a rule there is nothing to link: then the oldest chunk, which has left the cache, is
         * not touched */
        if (a->spare != NULL || a->buffer != NULL)
            a->lowest->below = a->spare;
        a->spare = a->chunk;
    }
    enter(a, a->buffer);
}

void ali_chunk_forget(allot_arena *a)
{
    enter(a, a->buffer);
}

void ali_chunk_reset(allot_arena *a, size_t keep_bytes)
{
    if (keep_bytes == ALLOT_KEEP_ALL && a->chunk != NULL && a->chunk->below == NULL) {
        ali_chunk_back_to(a, a->chunk->start, a->chunk->end);
        return;
    }
    if (a->reserve != NULL) {
        ali_chunk_drop_to(a, a->buffer);
        ali_reserve_trim(a, keep_bytes);
    } else {
        spare_all(a);
        if (keep_bytes != ALLOT_KEEP_ALL)
            ali_chunk_trim(a, keep_bytes);
    }
    if (keep_bytes == ALLOT_KEEP_NONE)
        a->next_bytes = a->chunk_bytes;
    if (a->chunk != NULL)
        ali_chunk_back_to(a, a->chunk->start, a->chunk->end);
    else if (a->spare != NULL)
        push_chunk(a, pop_spare(a));
}

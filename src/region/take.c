/* The slow path of an arena: a new chunk, an oversize block, or somebody who watches. */
#include <errno.h>

#include "region/region.h"

enum { REDZONE_BYTES = 16 }; /* behind every object, where a checker is */

size_t ali_arena_footprint(const allot_arena *a, size_t size, bool packed)
{
    if (a->flags & ALI_ARENA_CHECKED)
        return ali_align_up(size, 16) + REDZONE_BYTES;
    return packed ? size : ali_align_up(size, 16);
}

/* What an observer's countdown is charged with: what the inlined functions would have taken. */
static size_t charge_of(const struct ali_take *t)
{
    return t->packed ? t->size : ali_align_up(t->size, 16);
}

static void *refuse(enum allot_cause cause, int os_error)
{
    ali_error_set(ALLOT_LAYER_PROGRAM, cause, os_error);
    errno = os_error;
    return NULL;
}

/* --- in a chunk ---------------------------------------------------------------------------- */

static size_t gap_at(const allot_arena *a, const struct ali_take *t)
{
    return t->packed ? 0 : (0 - (uintptr_t)a->at) & (allot_how_align(t->how) - 1);
}

static bool fits(const allot_arena *a, const struct ali_take *t, size_t need)
{
    size_t space = (size_t)((uintptr_t)a->top - (uintptr_t)a->at), gap = gap_at(a, t);

    return space >= need && space - need >= gap;
}

/* From a checker's view the object ends where the program was told so. */
static void issue(const allot_arena *a, const struct ali_take *t, char *p)
{
    bool zero = t->how & ALLOT_ZERO;

    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(p, t->size, false);
    if (zero && (p < a->dirty || (a->flags & ALI_ARENA_CHECKED)))
        memset(p, 0, t->size);
}

static char *bump(allot_arena *a, const struct ali_take *t, size_t need)
{
    char *p;

    if (t->packed) {
        a->top -= need;
        p = a->top;
    } else {
        p = a->at + gap_at(a, t);
        a->at = p + need;
    }
    issue(a, t, p);
    return p;
}

static char *take_from_chunk(allot_arena *a, const struct ali_take *t)
{
    size_t need = ali_arena_footprint(a, t->size, t->packed);
    size_t align = allot_how_align(t->how);

    if (!fits(a, t, need) && !ali_chunk_add(a, need + (align > 16 ? align - 16 : 0)))
        return NULL;
    return bump(a, t, need);
}

static char *take_observed(allot_arena *a, const struct ali_take *t, uint32_t turn)
{
    /* the record first: the object stays the last thing in the chunk, and can be extended */
    struct allot_arena_due *due = ali_due_new(a, ALI_DUE_OBSERVED);
    char *p;

    if (due == NULL)
        return NULL;
    p = take_from_chunk(a, t);
    if (p == NULL) {
        ali_due_cancel(a, due);
        return NULL;
    }
    due->turn = turn;
    due->object.object = p;
    due->object.bytes = t->size;
    due->object.how = t->how;
    ali_watch_tell_allocated(due, charge_of(t), t->caller);
    return p;
}

/* --- as a block of its own ----------------------------------------------------------------- */

static char *take_block(allot_arena *a, const struct ali_take *t, enum ali_due_kind kind,
                        uint32_t turn)
{
    struct allot_arena_due *due = ali_due_new(a, kind);

    if (due == NULL)
        return NULL;
    if (!ali_source_take_object(a, due, t->size, t->how, t->caller)) {
        ali_due_cancel(a, due);
        return NULL;
    }
    due->turn = turn;
    if (turn != 0)
        ali_watch_tell_allocated(due, charge_of(t), t->caller);
    return due->object.object;
}

static bool is_oversize(const allot_arena *a, const struct ali_take *t)
{
    size_t align = allot_how_align(t->how);
    size_t need = ali_arena_footprint(a, t->size, t->packed);

    if (a->reserve != NULL || (a->flags & ALLOT_ARENA_BUFFER_ONLY) || fits(a, t, need))
        return false;
    return need + (align > 16 ? align - 16 : 0) > ali_chunk_most(a);
}

static char *take_any(allot_arena *a, const struct ali_take *t)
{
    uint32_t turn;

    if (ali_arena_is_individual(a))
        return take_block(a, t, ALI_DUE_INDIVIDUAL, 0);
    a->flags |= ALI_ARENA_MIXED;
    turn = ali_watch_due(a, charge_of(t));
    if (is_oversize(a, t))
        return take_block(a, t, ALI_DUE_BLOCK, turn);
    return turn != 0 ? take_observed(a, t, turn) : take_from_chunk(a, t);
}

/* --- entries ------------------------------------------------------------------------------- */

void *ali_arena_take(allot_arena *a, const struct ali_take *take)
{
    struct ali_take t = *take;
    char *p;

    if (!ali_arena_ready(a, "allot_arena_push", t.caller))
        return NULL;
    if (t.size == 0)
        t.size = 1;
    if (t.size > PTRDIFF_MAX)
        return refuse(ALLOT_CAUSE_TOO_LARGE, ENOMEM);
    if (allot_how_align(t.how) > ALLOT_ALIGN_MAX || t.how > (ALLOT_HOW_ALIGN_BITS | ALLOT_ZERO))
        return refuse(ALLOT_CAUSE_BAD_ALIGNMENT, EINVAL);
    if ((t.how & ALLOT_HOW_ALIGN_BITS) < ALLOT_ALIGN_DEFAULT)
        t.how = (t.how & ALLOT_ZERO) | ALLOT_ALIGN_DEFAULT;
    ali_arena_settle(a);
    p = take_any(a, &t);
    ali_arena_show(a);
    return p;
}

ALI_NOINLINE void *allot_arena_push_slow(allot_arena *arena, size_t size)
{
    struct ali_take t = {size, ALLOT_ALIGN_DEFAULT, false, __builtin_return_address(0)};

    return ali_arena_take(arena, &t);
}

ALI_NOINLINE void *allot_arena_push_how(allot_arena *arena, size_t size, allot_how how)
{
    struct ali_take t = {size, how, false, __builtin_return_address(0)};

    return ali_arena_take(arena, &t);
}

ALI_NOINLINE void *allot_arena_push_bytes_slow(allot_arena *arena, size_t size)
{
    struct ali_take t = {size, ALLOT_ALIGN_DEFAULT, true, __builtin_return_address(0)};

    return ali_arena_take(arena, &t);
}

/* --- resizing ------------------------------------------------------------------------------ */

/* Objects that are older than a mark keep their place and size: rewinding would cut them. */
static bool is_last(const allot_arena *a, const char *p, size_t size)
{
    const struct allot_arena_chunk *c = a->chunk;

    return c != NULL && p >= c->start && p < a->at &&
           p + ali_arena_footprint(a, size, false) == a->at &&
           (c != a->marked_chunk || p >= a->marked_at);
}

static bool can_extend(allot_arena *a, size_t bytes)
{
    const struct allot_arena_chunk *c = a->chunk;

    if (bytes <= (size_t)(a->top - a->at))
        return true;
    return (c->flags & ALI_CHUNK_RESERVED) && a->top == c->end && ali_reserve_add(a, bytes);
}

static bool resize_in_chunk(allot_arena *a, char *p, size_t size)
{
    size_t need = ali_arena_footprint(a, size, false), have = (size_t)(a->at - p);
    struct allot_arena_due *due = a->due;

    if (need > have && !can_extend(a, need - have))
        return false;
    ali_chunk_back_to(a, p, a->top);
    a->at = p + need;
    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(p, size, true);
    if (due != NULL && due->kind == ALI_DUE_OBSERVED && due->object.object == p)
        due->object.bytes = size;
    return true;
}

bool ali_arena_resize(allot_arena *a, char *p, size_t old_size, size_t new_size, const void *caller)
{
    struct allot_arena_due *due;
    bool done = false;

    if (new_size > PTRDIFF_MAX || old_size > PTRDIFF_MAX)
        return false;
    ali_arena_settle(a);
    if (is_last(a, p, old_size)) {
        done = resize_in_chunk(a, p, new_size);
    } else {
        due = ali_due_find(a, p);
        if (due != NULL && due->kind != ALI_DUE_OBSERVED)
            done = ali_source_resize_object(a, due, new_size, caller, false);
    }
    ali_arena_show(a);
    return done;
}

bool allot_arena_resize_last(allot_arena *arena, void *p, size_t old_size, size_t new_size)
{
    return ali_arena_resize(arena, p, ali_max(old_size, 1), ali_max(new_size, 1),
                            __builtin_return_address(0));
}

void ali_arena_unpush(allot_arena *a, char *p, size_t size, const void *caller)
{
    struct allot_arena_due *due = ali_due_find(a, p);

    ali_arena_settle(a);
    if (due != NULL) {
        ali_watch_tell_freed(due, caller);
        if (due->kind != ALI_DUE_OBSERVED)
            ali_source_give_object(a, due, caller);
        due->kind = ALI_DUE_NOTHING;
    }
    if (is_last(a, p, size))
        ali_chunk_back_to(a, p, a->top);
    ali_arena_show(a);
}

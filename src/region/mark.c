/* Marks, and which of them are stale.
 *
 * A mark is stale when the arena was rewound to an earlier position after the mark was taken. What
 * has to be remembered of the rewinds is a stack of steps (position, epoch), both growing: a rewind
 * to Q in epoch e makes every older mark above Q stale, and so makes all steps at or above Q
 * pointless. A mark (P, e) is stale when the topmost step below P is newer than e.
 *
 * A rewind that no mark is above needs no step, so that plain nesting has none at all. Else steps
 * lie in different objects of the arena, and their number is bounded by its size; beyond the few in
 * the arena they are in a block of the source. When that cannot be had the two lowest become one,
 * of the lower position and the newer epoch: it lets no stale mark pass, and refuses good ones that
 * lie between the two and are older than the second. */
#include <errno.h>

#include "region/region.h"

static struct allot_arena_step *steps_of(allot_arena *a)
{
    return a->more_steps != NULL ? a->more_steps : a->steps;
}

static uint32_t room_of(const allot_arena *a)
{
    return a->more_steps != NULL ? a->step_room : ALLOT_ARENA_STEPS;
}

static void merge_lowest(allot_arena *a)
{
    struct allot_arena_step *steps = steps_of(a);

    steps[1].position = steps[0].position;
    memmove(steps, steps + 1, (a->step_count - 1) * sizeof *steps);
    a->step_count--;
}

static void make_room(allot_arena *a)
{
    size_t bytes = 4 * (size_t)room_of(a) * sizeof(struct allot_arena_step), given;
    struct allot_arena_step *more = NULL;

    if (a->step_count < room_of(a))
        return;
    if (a->reserve == NULL && !(a->flags & ALLOT_ARENA_BUFFER_ONLY) && bytes <= UINT32_MAX)
        more = ali_source_take(a, bytes, &given);
    if (more == NULL) {
        merge_lowest(a);
        return;
    }
    memcpy(more, steps_of(a), a->step_count * sizeof *more);
    ali_mark_release(a);
    a->more_steps = more;
    a->steps_bytes = given;
    a->step_room = (uint32_t)(given / sizeof *more);
}

void ali_mark_release(allot_arena *a)
{
    if (a->more_steps != NULL)
        ali_source_give(a, a->more_steps, a->steps_bytes);
    a->more_steps = NULL;
}

static bool is_stale(allot_arena *a, const allot_arena_mark *mark)
{
    const struct allot_arena_step *steps = steps_of(a);
    uint32_t i = a->step_count;

    if (mark->epoch < a->reset_epoch)
        return true;
    while (i > 0 && steps[i - 1].position >= mark->position)
        i--;
    return i > 0 && steps[i - 1].epoch > mark->epoch;
}

/* Everything above the mark has become stale. */
static void note_rewind(allot_arena *a, const allot_arena_mark *mark)
{
    if (a->marked <= mark->position)
        return;
    while (a->step_count > 0 && steps_of(a)[a->step_count - 1].position >= mark->position)
        a->step_count--;
    make_room(a);
    steps_of(a)[a->step_count++] = (struct allot_arena_step){mark->position, ++a->epoch};
    a->marked = mark->position;
    a->marked_chunk = mark->chunk;
    a->marked_at = mark->at;
}

allot_arena_mark allot_arena_mark_get(allot_arena *arena)
{
    return ali_mark_take(arena);
}

void ali_mark_undo(allot_arena *a, const allot_arena_mark *mark,
                   const struct allot_scratch_before *before)
{
    if (a->mark_count != before->mark_count + 1 || a->marked != mark->position)
        return;
    a->mark_count = before->mark_count;
    a->marked = before->marked;
    a->marked_chunk = before->marked_chunk;
    a->marked_at = before->marked_at;
}

static const char *fault_of(allot_arena *a, const allot_arena_mark *mark)
{
    if (mark->arena != a)
        return "the mark is of another arena";
    if (is_stale(a, mark))
        return "the arena was rewound past the mark, or reset, since";
    return NULL;
}

static ALI_NOINLINE allot_status rewind_slow(allot_arena *arena,
                                             const allot_arena_mark *mark,
                                             const void *caller)
{
    const char *fault = NULL;

    if (ali_unlikely(!(arena->flags & ALI_ARENA_READY) || ali_arena_is_fused(arena)) &&
        !ali_arena_may_empty(arena, "allot_arena_rewind", caller))
        return -EBUSY;
    fault = fault_of(arena, mark);
    if (fault != NULL) {
        ali_arena_report(arena, ALLOT_MISUSE_STALE_MARK, "allot_arena_rewind", fault, mark->at,
                         caller);
        return -EINVAL;
    }
    ali_arena_settle(arena);
    if (arena->due != mark->due)
        ali_due_run(arena, mark->due, caller);
    note_rewind(arena, mark);
    if (arena->chunk != mark->chunk)
        ali_chunk_drop_to(arena, mark->chunk);
    /* a reserved chunk may have another end now, but only if nothing is packed there */
    if (mark->chunk != NULL)
        ali_chunk_back_to(arena, mark->at, mark->chunk->end - mark->packed);
    ali_arena_show(arena);
    return 0;
}

/* The newest mark, in the chunk that is still the current one, and nothing due: as a rule. No epoch
 * has begun since it was taken, so it is not stale. */
static bool is_innermost(const allot_arena *a, const allot_arena_mark *mark)
{
    return mark->arena == a && mark->epoch == a->epoch && a->marked <= mark->position &&
           a->due == mark->due && a->chunk == mark->chunk && a->chunk != NULL &&
           a->sampled_for == NULL && (a->flags & ALI_ARENA_READY) && !ali_arena_is_fused(a);
}

allot_status allot_arena_rewind(allot_arena *arena, const allot_arena_mark *mark)
{
    if (ali_unlikely(!is_innermost(arena, mark) || ali_arena_is_watched(arena)))
        return rewind_slow(arena, mark, __builtin_return_address(0));
    ali_chunk_note_dirty(arena);
    arena->at = mark->at;
    arena->top = arena->chunk->end - mark->packed;
    ali_arena_show_all(arena);
    return 0;
}

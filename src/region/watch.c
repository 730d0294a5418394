/* The region's side of the observe seam, and of checkers.
 *
 * `end` is what the inlined functions see of a chunk; the rest waits behind it:
 *   everything is watched   end == at: every call misses
 *   a sample                end lies in front of the byte where the countdown falls, so that the
 *                           object with that byte misses, and is the sample
 *   nobody watches          end == top
 * A hit is charged when the arena comes out of line the next time (settle), by how far `at` and
 * `top` have moved since they were shown. */
#include "region/region.h"
#include "region/seam.h"

static int64_t next_interval(allot_arena *a, const struct ali_observer *observer)
{
    struct ali_random random = {a->random};
    uint64_t bytes = ali_observe_interval(observer->mean_bytes, &random);

    a->random = random.state;
    return (int64_t)(bytes < INT64_MAX ? bytes : INT64_MAX);
}

static void seed(allot_arena *a)
{
    uint64_t words[2];

    ali_os_random(words);
    a->random = words[0] ^ (words[1] + (uintptr_t)a) ^ a->epoch << 32;
}

static void arm_for(allot_arena *a, const struct ali_observer *observer)
{
    if (a->sampled_for == observer)
        return;
    if (a->random == 0)
        seed(a);
    a->sampled_for = observer;
    a->sample_left = observer->mean_bytes == 0 ? 0 : next_interval(a, observer);
}

void ali_watch_settle(allot_arena *a)
{
    a->sample_left -= (a->at - a->shown_at) + (a->shown_top - a->top);
}

/* How much may be handed out before the sample. */
static size_t visible_bytes(const allot_arena *a)
{
    uint64_t left = a->sample_left > 0 ? (uint64_t)a->sample_left - 1 : 0;

    return ali_min(left & ~UINT64_C(15), (size_t)(a->top - a->at));
}

static void show_to(allot_arena *a, const struct ali_observer *observer)
{
    arm_for(a, observer);
    a->end = a->at;
    if (observer->mean_bytes != 0 && a->chunk != NULL)
        a->end += visible_bytes(a);
}

void ali_watch_show(allot_arena *a)
{
    const struct ali_observer *observer = ali_observer_now();

    a->shown_at = a->at;
    a->shown_top = a->top;
    a->end = a->top;
    if (ali_unlikely(observer != NULL))
        show_to(a, observer);
    else
        a->sampled_for = NULL;
    if (ali_unlikely((a->flags & ALI_ARENA_CHECKED) || ali_arena_is_individual(a)))
        a->end = a->at;
    else if (a->end != a->at)
        a->flags |= ALI_ARENA_MIXED;
}

static bool wants_individual(void)
{
    const struct ali_observer *observer = ali_observer_at(ali_seam_turn());

    return (observer != NULL && observer->mean_bytes == 0) ||
           ali_options.regions == ALI_REGIONS_INDIVIDUAL;
}

bool ali_arena_is_individual(const allot_arena *a)
{
    return ali_unlikely(wants_individual()) && a->reserve == NULL &&
           !(a->flags & ALLOT_ARENA_BUFFER_ONLY) && (ali_source_caps(a) & ALLOT_CAP_FREE);
}

uint32_t ali_watch_due(allot_arena *a, size_t bytes)
{
    uint32_t turn = ali_seam_turn();
    const struct ali_observer *observer = ali_observer_at(turn);

    if (ali_likely(observer == NULL))
        return 0;
    arm_for(a, observer);
    if (observer->mean_bytes == 0)
        return turn;
    a->sample_left -= (int64_t)bytes;
    if (a->sample_left > 0)
        return 0;
    a->sample_left = next_interval(a, observer);
    return turn;
}

void ali_watch_tell_allocated(const struct allot_arena_due *due, size_t charged, const void *caller)
{
    ali_seam_tell_allocated(due->turn, due->object.object, due->object.bytes, charged, caller);
}

void ali_watch_tell_freed(const struct allot_arena_due *due, const void *caller)
{
    ali_seam_tell_freed(due->turn, due->object.object, due->object.bytes, caller);
}

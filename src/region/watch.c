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

/* The arena's own fields lie where they are looked at. */
static struct ali_sampler sampler_of(const allot_arena *a)
{
    return (struct ali_sampler){{a->random}, a->sampled_for, a->sample_left};
}

static void keep_sampler(allot_arena *a, const struct ali_sampler *sampler)
{
    a->random = sampler->random.state;
    a->sampled_for = sampler->armed_for;
    a->sample_left = sampler->left_bytes;
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
    struct ali_sampler sampler = sampler_of(a);

    ali_sampler_arm(&sampler, observer);
    keep_sampler(a, &sampler);
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

bool ali_arena_is_individual(const allot_arena *a)
{
    return ali_unlikely(ali_seam_is_individual()) && a->reserve == NULL &&
           !(a->flags & ALLOT_ARENA_BUFFER_ONLY) && (ali_source_caps(a) & ALLOT_CAP_FREE);
}

uint32_t ali_watch_due(allot_arena *a, size_t bytes)
{
    struct ali_sampler sampler = sampler_of(a);
    uint32_t turn = ali_sampler_due(&sampler, bytes);

    keep_sampler(a, &sampler);
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

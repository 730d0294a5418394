/* What regions need of the observe seam, and of the allocator underneath.
 *
 * Memory for a region itself is taken unobserved: observers are told of its objects. An object that
 * is an allocation of its own, because all are to be seen, is the source's to tell of. */
#ifndef ALI_REGION_SEAM_H
#define ALI_REGION_SEAM_H

#include "allot/alloc.h"
#include "core/core.h"
#include "core/observe.h"

ALI_INLINE uint32_t ali_seam_turn(void)
{
    return ali_observe_paused ? 0 : ali_observer_turn_now();
}

/* Whether every object is to be an allocation of its own; and of that source (NULL: it has none),
 * which can free it. */
bool ali_seam_is_individual(void);
bool ali_seam_wants_individual(const allot_allocator *source);

/* Who is to be told of which allocation. All zero at first. */
struct ali_sampler {
    struct ali_random random;
    const struct ali_observer *armed_for;
    int64_t left_bytes;
};

/* A new countdown, unless there is one for this observer. */
void ali_sampler_arm(struct ali_sampler *sampler, const struct ali_observer *observer);
/* The turn of the observer to be told of an allocation of so many bytes, which are charged; 0:
 * none. */
uint32_t ali_sampler_due(struct ali_sampler *sampler, size_t bytes);
/* How many of the next objects need not be looked at, at most `count`; they are charged. */
size_t ali_sampler_skip(struct ali_sampler *sampler, size_t bytes, size_t count);

/* Nobody is told when the turn is over. `charged`: what the countdown of samples was charged. */
void ali_seam_tell_allocated(uint32_t turn, void *p, size_t bytes, size_t charged,
                             const void *caller);
void ali_seam_tell_freed(uint32_t turn, void *p, size_t bytes, const void *caller);

/* Memory of the source that no observer sees. */
void *ali_seam_alloc(allot_allocator *source, size_t bytes, allot_how how, const void *caller);
void ali_seam_free(allot_allocator *source, void *p, size_t bytes, allot_how how);

#endif

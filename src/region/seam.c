/* Observers, checkers and sources of pools and stacks. See seam.h. */
#include "region/seam.h"

static const struct ali_observer *listener(uint32_t turn)
{
    return turn != 0 && turn == ali_seam_turn() ? ali_observer_at(turn) : NULL;
}

bool ali_seam_is_individual(void)
{
    const struct ali_observer *observer = listener(ali_seam_turn());

    return (observer != NULL && observer->mean_bytes == 0) ||
           ali_options.regions == ALI_REGIONS_INDIVIDUAL;
}

bool ali_seam_wants_individual(const allot_allocator *source)
{
    return ali_unlikely(ali_seam_is_individual()) && source != NULL &&
           (source->ops->caps & ALLOT_CAP_FREE) != 0;
}

static void seed(struct ali_sampler *sampler)
{
    uint64_t words[2];

    ali_os_random(words);
    sampler->random.state = words[0] ^ (words[1] + (uintptr_t)sampler);
}

static void rearm(struct ali_sampler *sampler, const struct ali_observer *observer)
{
    uint64_t bytes = ali_observe_interval(observer->mean_bytes, &sampler->random);

    sampler->left_bytes = (int64_t)(bytes < INT64_MAX ? bytes : INT64_MAX);
}

void ali_sampler_arm(struct ali_sampler *sampler, const struct ali_observer *observer)
{
    if (sampler->armed_for == observer)
        return;
    if (sampler->random.state == 0)
        seed(sampler);
    sampler->armed_for = observer;
    if (observer->mean_bytes != 0)
        rearm(sampler, observer);
}

uint32_t ali_sampler_due(struct ali_sampler *sampler, size_t bytes)
{
    uint32_t turn = ali_seam_turn();
    const struct ali_observer *observer = listener(turn);

    if (ali_likely(observer == NULL))
        return 0;
    ali_sampler_arm(sampler, observer);
    if (observer->mean_bytes == 0)
        return turn;
    sampler->left_bytes -= (int64_t)bytes;
    if (sampler->left_bytes > 0)
        return 0;
    rearm(sampler, observer);
    return turn;
}

size_t ali_sampler_skip(struct ali_sampler *sampler, size_t bytes, size_t count)
{
    const struct ali_observer *observer = listener(ali_seam_turn());
    size_t skipped;

    if (ali_likely(observer == NULL))
        return count;
    ali_sampler_arm(sampler, observer);
    if (observer->mean_bytes == 0 || sampler->left_bytes <= 1)
        return 0;
    skipped = ali_min(count, (size_t)(sampler->left_bytes - 1) / bytes);
    sampler->left_bytes -= (int64_t)(skipped * bytes);
    return skipped;
}

void ali_seam_tell_allocated(uint32_t turn, void *p, size_t bytes, size_t charged,
                             const void *caller)
{
    const struct ali_observer *observer = listener(turn);
    struct ali_event event = {.p = p, .size = bytes, .align = 16, .caller = caller};

    if (observer == NULL)
        return;
    event.weight_bytes =
        observer->mean_bytes == 0 ? bytes : ali_observe_weight(observer->mean_bytes, charged);
    ali_observe_paused = true;
    observer->allocated(&event, observer->arg);
    ali_observe_paused = false;
}

void ali_seam_tell_freed(uint32_t turn, void *p, size_t bytes, const void *caller)
{
    const struct ali_observer *observer = listener(turn);
    struct ali_event event = {.p = p, .size = bytes, .caller = caller};

    if (observer == NULL)
        return;
    ali_observe_paused = true;
    observer->freed(&event, observer->arg);
    ali_observe_paused = false;
}

void *ali_seam_alloc(allot_allocator *source, size_t bytes, allot_how how, const void *caller)
{
    bool was_paused = ali_observe_paused;
    void *p;

    ali_observe_paused = true;
    p = source->ops->alloc(source, bytes, how, caller);
    ali_observe_paused = was_paused;
    return p;
}

void ali_seam_free(allot_allocator *source, void *p, size_t bytes, allot_how how)
{
    bool was_paused = ali_observe_paused;

    ali_observe_paused = true;
    source->ops->free(source, p, bytes, how, __builtin_return_address(0));
    ali_observe_paused = was_paused;
}

/* The stack's side of the observe seam: as that of the pool (pool_alone.c), but what is needed to
 * free an object that is an allocation of its own stands in its record. */
#include "region/stack.h"

static uint32_t turn_now(void)
{
    return ali_observe_paused ? 0 : ali_observer_turn_now();
}

uint32_t ali_stack_turn_due(struct ali_stack *s, size_t size)
{
    uint32_t turn = turn_now();
    const struct ali_observer *observer = ali_observer_at(turn);

    if (ali_likely(observer == NULL))
        return 0;
    if (observer->mean_bytes == 0)
        return turn;
    if (s->sampled_for != observer) {
        s->sampled_for = observer;
        s->sample_left = (int64_t)ali_observe_interval(observer->mean_bytes, &s->random);
    }
    s->sample_left -= (int64_t)size;
    if (s->sample_left > 0)
        return 0;
    s->sample_left = (int64_t)ali_observe_interval(observer->mean_bytes, &s->random);
    return turn;
}

bool ali_stack_is_alone(const struct ali_stack *s, uint32_t turn)
{
    return turn != 0 && s->source != NULL && ali_observer_at(turn)->mean_bytes == 0;
}

void ali_stack_tell_pushed(uint32_t turn, void *p, size_t size, const void *caller)
{
    const struct ali_observer *observer = ali_observer_at(turn);

    if (turn != turn_now() || observer == NULL)
        return;
    ali_observe_paused = true;
    observer->allocated(p, size, ali_observe_weight(observer->mean_bytes, size), caller,
                        observer->arg);
    ali_observe_paused = false;
}

static void tell_popped(uint32_t turn, void *p, size_t size, const void *caller)
{
    const struct ali_observer *observer = ali_observer_at(turn);

    if (turn != turn_now() || observer == NULL)
        return;
    ali_observe_paused = true;
    observer->freed(p, size, caller, observer->arg);
    ali_observe_paused = false;
}

void ali_stack_end_watched(struct ali_stack *s, const struct ali_record *r, const void *caller)
{
    bool paused = ali_observe_paused;

    s->watched--;
    tell_popped((uint32_t)(r->info & ALI_WATCHED_TURN), r->object, r->size, caller);
    if (!(r->info & ALI_WATCHED_ALONE))
        return;
    ali_observe_paused = true;
    s->source->ops->free(s->source, r->object, r->size,
                         (allot_how)(r->info >> ALI_WATCHED_HOW_SHIFT), caller);
    ali_observe_paused = paused;
    s->reserved_bytes -= r->size;
}

void ali_stack_end_watched_above(struct ali_stack *s, const uintptr_t *slot, const void *caller)
{
    struct ali_record r;
    bool more = s->watched != 0 && ali_record_first(s, &r);

    for (; more && r.slot != slot; more = ali_record_next(&r))
        if (r.tag == ALI_RECORD_WATCHED)
            ali_stack_end_watched(s, &r, caller);
}

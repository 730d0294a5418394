/* The pool's side of the observe seam.
 *
 * An observer of everything gets each object as an allocation of its own of the source:
 *
 *     | ali_alone ... | object |      the object at the end, so that a guard behind it is next to it
 *
 * so that a put is a free of the source, and what checks the source checks the pool. A fixed pool
 * has no source; there, and for a sample, the object is one of a chunk, and has a state of its own,
 * so that its put is seen. The source itself is called unobserved: what it gives is told of here.
 */
#include <errno.h>

#include "region/pool.h"

struct ali_alone {
    struct ali_area area; /* of the object */
    uint32_t turn;
    size_t front_bytes; /* from here to the object */
};

/* --- who is told -------------------------------------------------------------------------- */

static uint32_t turn_now(void)
{
    return ali_observe_paused ? 0 : ali_observer_turn_now();
}

static void arm_for(struct ali_opool *o, const struct ali_observer *observer)
{
    if (o->sampled_for == observer)
        return;
    o->sampled_for = observer;
    o->sample_left = observer->mean_bytes == 0
                         ? 0
                         : (int64_t)ali_observe_interval(observer->mean_bytes, &o->random);
}

uint32_t ali_opool_turn_due(struct ali_opool *o)
{
    uint32_t turn = turn_now();
    const struct ali_observer *observer = ali_observer_at(turn);

    if (ali_likely(observer == NULL))
        return 0;
    arm_for(o, observer);
    if (observer->mean_bytes == 0)
        return turn;
    o->sample_left -= (int64_t)o->object_bytes;
    if (o->sample_left > 0)
        return 0;
    o->sample_left = (int64_t)ali_observe_interval(observer->mean_bytes, &o->random);
    return turn;
}

uint64_t ali_opool_unwatched(struct ali_opool *o, uint64_t bits)
{
    const struct ali_observer *observer = ali_observer_at(turn_now());
    uint64_t unwatched = 0;

    if (ali_likely(observer == NULL))
        return bits;
    arm_for(o, observer);
    if (observer->mean_bytes == 0)
        return 0;
    while (bits != 0 && o->sample_left > (int64_t)o->object_bytes) {
        unwatched |= bits & -bits;
        bits &= bits - 1;
        o->sample_left -= (int64_t)o->object_bytes;
    }
    return unwatched;
}

/* Nobody, when the turn is over. */
void ali_opool_tell_taken(const struct ali_opool *o, uint32_t turn, void *p, const void *caller)
{
    const struct ali_observer *observer = ali_observer_at(turn);

    if (turn != turn_now() || observer == NULL)
        return;
    ali_observe_paused = true;
    observer->allocated(p, o->object_bytes,
                        ali_observe_weight(observer->mean_bytes, o->object_bytes), caller,
                        observer->arg);
    ali_observe_paused = false;
}

void ali_opool_tell_given(const struct ali_opool *o, uint32_t turn, void *p, const void *caller)
{
    const struct ali_observer *observer = ali_observer_at(turn);

    if (turn == 0 || turn != turn_now() || observer == NULL)
        return;
    ali_observe_paused = true;
    observer->freed(p, o->object_bytes, caller, observer->arg);
    ali_observe_paused = false;
}

/* --- objects of their own ----------------------------------------------------------------- */

bool ali_opool_is_alone(const struct ali_opool *o, uint32_t turn)
{
    return turn != 0 && o->source != NULL && ali_observer_at(turn)->mean_bytes == 0;
}

void *ali_alone_object(const struct ali_area *area)
{
    return (void *)area->start;
}

/* What is in front needs an alignment, too. */
static allot_how alone_how(const struct ali_opool *o)
{
    return (allot_how)ali_max(o->how, ALLOT_ALIGN_DEFAULT);
}

static size_t front_bytes(const struct ali_opool *o)
{
    return ali_align_up(sizeof(struct ali_alone), allot_how_align(alone_how(o)));
}

static size_t alone_bytes(const struct ali_opool *o)
{
    return front_bytes(o) + o->object_bytes;
}

/* The cap holds for objects of both kinds. */
static bool reserve_one(struct ali_opool *o)
{
    bool good;

    ali_opool_enter(o);
    good = o->max_objects == 0 ||
           o->objects - o->free_objects + o->alone.count + o->planned < o->max_objects;
    o->planned += good;
    ali_opool_leave(o);
    if (!good) {
        ali_error_set(ALLOT_LAYER_REGION, ALLOT_CAUSE_EXHAUSTED, 0);
        errno = ENOMEM;
    }
    return good;
}

static void enlist(struct ali_opool *o, struct ali_alone *a)
{
    ali_opool_enter(o);
    o->planned--;
    if (a != NULL) {
        ali_areas_add(&o->alone, &a->area);
        o->opened++;
        o->reserved_bytes += alone_bytes(o);
        o->peak_objects = ali_max(o->peak_objects, o->objects - o->free_objects + o->alone.count);
    }
    ali_opool_leave(o);
}

static struct ali_alone *make_alone(struct ali_opool *o, uint32_t turn, const void *caller)
{
    size_t front = front_bytes(o);
    char *memory = ali_opool_alloc(o, alone_bytes(o), alone_how(o), caller);
    struct ali_alone *a;
    allot_status s = 0;

    if (memory == NULL)
        return NULL;
    a = (struct ali_alone *)(void *)(memory + front) - 1;
    *a = (struct ali_alone){.turn = turn, .front_bytes = front};
    a->area.start = (uintptr_t)memory + front;
    a->area.bytes = o->object_bytes;
    if (o->construct != NULL)
        s = o->construct(memory + front, o->arg);
    if (s == 0)
        return a;
    ali_opool_free(o, memory, alone_bytes(o), alone_how(o));
    ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_OS, s);
    errno = ENOMEM;
    return NULL;
}

static void end_alone(struct ali_opool *o, struct ali_alone *a, const void *caller)
{
    char *p = ali_alone_object(&a->area);

    ali_opool_tell_given(o, a->turn, p, caller);
    if (o->destroy != NULL)
        o->destroy(p, o->arg);
    ali_opool_free(o, p - a->front_bytes, alone_bytes(o), alone_how(o));
}

void *ali_alone_take(struct ali_opool *o, uint32_t turn, const struct ali_site *site)
{
    struct ali_alone *a;

    if (!reserve_one(o))
        return NULL;
    a = make_alone(o, turn, site->caller);
    enlist(o, a);
    if (a == NULL)
        return NULL;
    ali_opool_tell_taken(o, turn, ali_alone_object(&a->area), site->caller);
    return ali_alone_object(&a->area);
}

bool ali_alone_give(struct ali_opool *o, void *p, const void *caller)
{
    struct ali_area *area;

    ali_opool_enter(o);
    area = ali_areas_find(&o->alone, p);
    if (area != NULL && ali_alone_object(area) == p) {
        ali_areas_remove(&o->alone, area);
        o->reserved_bytes -= alone_bytes(o);
    } else {
        area = NULL;
    }
    ali_opool_leave(o);
    if (area == NULL)
        return false;
    end_alone(o, (struct ali_alone *)area, caller);
    return true;
}

void ali_alone_end_all(struct ali_opool *o, const void *caller)
{
    while (o->alone.first != NULL) {
        struct ali_area *area = o->alone.first;

        ali_areas_remove(&o->alone, area);
        o->reserved_bytes -= alone_bytes(o);
        end_alone(o, (struct ali_alone *)area, caller);
    }
}

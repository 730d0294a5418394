/* Objects of a pool that are allocations of their own, because an observer (or the option regions=)
 * is to see each:
 *
 *     | ali_alone ... | object |      the object at the end, so that a guard behind it is next to
 * it
 *
 * A put is a free of the source then, and what checks the source checks the pool. A fixed pool has
 * no source; there, and for a sample, the object is one of a chunk, and has a state of its own, so
 * that its put is seen. */
#include <errno.h>

#include "region/pool.h"

struct ali_alone {
    struct ali_area area; /* of the object */
    size_t front_bytes;   /* from here to the object */
};

/* --- objects of their own ----------------------------------------------------------------- */

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

static struct ali_alone *make_alone(struct ali_opool *o, const void *caller)
{
    size_t front = front_bytes(o);
    char *memory = o->source->ops->alloc(o->source, alone_bytes(o), alone_how(o), caller);
    struct ali_alone *a;
    allot_status s = 0;

    if (memory == NULL)
        return NULL;
    a = (struct ali_alone *)(void *)(memory + front) - 1;
    *a = (struct ali_alone){.front_bytes = front};
    a->area.start = (uintptr_t)memory + front;
    a->area.bytes = o->object_bytes;
    if (o->construct != NULL)
        s = o->construct(memory + front, o->arg);
    if (s == 0)
        return a;
    o->source->ops->free(o->source, memory, alone_bytes(o), alone_how(o), caller);
    ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_OS, s);
    errno = ENOMEM;
    return NULL;
}

static void end_alone(struct ali_opool *o, struct ali_alone *a, const void *caller)
{
    char *p = ali_alone_object(&a->area);

    if (o->destroy != NULL)
        o->destroy(p, o->arg);
    o->source->ops->free(o->source, p - a->front_bytes, alone_bytes(o), alone_how(o), caller);
}

void *ali_alone_take(struct ali_opool *o, const struct ali_site *site)
{
    struct ali_alone *a;

    if (!reserve_one(o))
        return NULL;
    a = make_alone(o, site->caller);
    enlist(o, a);
    return a != NULL ? ali_alone_object(&a->area) : NULL;
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

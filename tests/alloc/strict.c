#include "alloc/strict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { GUARD_BYTES = 32, GUARD = 0xe7, FRESH = 0xa5, FREED = 0xdb, STEP = 64 };

/* raw |guard ...|object: size ...|guard up to capacity + GUARD_BYTES| */
struct strict_object {
    struct strict_object *next;
    unsigned char *raw;
    unsigned char *p;
    size_t size;
    size_t capacity;
    size_t limit; /* where the guard begins: size, or capacity once that was told */
    unsigned align_log2;
};

static struct strict *of(allot_allocator *a)
{
    return (struct strict *)a;
}

static void complain(struct strict *s, const char *what)
{
    if (s->error == NULL)
        s->error = what;
}

static void count(struct strict *s, size_t bytes)
{
    s->live_bytes += bytes;
    if (s->live_bytes > s->peak_bytes)
        s->peak_bytes = s->live_bytes;
}

static struct strict_object **place_of(struct strict *s, const void *p)
{
    struct strict_object **at = &s->buckets[((uintptr_t)p >> 4) % STRICT_BUCKETS];

    while (*at != NULL && (*at)->p != p)
        at = &(*at)->next;
    return at;
}

static bool guards_stand(const struct strict_object *o)
{
    const unsigned char *end = o->p + o->capacity + GUARD_BYTES;

    for (const unsigned char *c = o->p - GUARD_BYTES; c < o->p; c++)
        if (*c != GUARD)
            return false;
    for (const unsigned char *c = o->p + o->limit; c < end; c++)
        if (*c != GUARD)
            return false;
    return true;
}

static bool is_due(struct strict *s)
{
    uint64_t nth = ++s->attempts;

    if (s->fail_at == 0 || (s->fail_on ? nth < s->fail_at : nth != s->fail_at))
        return false;
    s->failures++;
    return true;
}

static void guard(struct strict_object *o, size_t from)
{
    o->limit = from;
    memset(o->p + from, GUARD, o->capacity + GUARD_BYTES - from);
}

static struct strict_object *make(struct strict *s, size_t size, allot_how how)
{
    size_t align = allot_how_align(how);
    size_t lead = ali_align_up(GUARD_BYTES, 2 * align) + align;
    struct strict_object *o;
    void *raw;

    if (size > ALI_GIB || is_due(s) || (o = calloc(1, sizeof *o)) == NULL)
        return NULL;
    o->size = size;
    o->capacity = ali_align_up(size, STEP);
    o->align_log2 = how & ALLOT_HOW_ALIGN_BITS;
    if (posix_memalign(&raw, ali_max(2 * align, 16), lead + o->capacity + GUARD_BYTES) != 0) {
        free(o);
        return NULL;
    }
    o->raw = raw;
    o->p = o->raw + lead;
    memset(o->p - GUARD_BYTES, GUARD, GUARD_BYTES);
    memset(o->p, (how & ALLOT_ZERO) != 0 ? 0 : FRESH, size);
    guard(o, size);
    *place_of(s, o->p) = o;
    s->live_objects++;
    s->allocations++;
    count(s, size);
    return o;
}

static void drop(struct strict *s, struct strict_object **at)
{
    struct strict_object *o = *at;

    if (!guards_stand(o))
        complain(s, "something was written outside an object");
    *at = o->next;
    s->live_objects--;
    s->live_bytes -= o->size;
    s->frees++;
    memset(o->p, FREED, o->size);
    free(o->raw);
    free(o);
}

/* The object as the call tells it; NULL: it is another one, which is noted. */
static struct strict_object **claimed(struct strict *s, const void *p, size_t size, allot_how how)
{
    struct strict_object **at = place_of(s, p);

    if (*at == NULL)
        complain(s, "no such object");
    else if ((*at)->align_log2 != (how & ALLOT_HOW_ALIGN_BITS))
        complain(s, "another alignment than that of the object");
    else if (size == (*at)->size || size == ALLOT_SIZE_UNKNOWN)
        return at;
    else if (size == (*at)->limit) { /* it has that size from now on */
        count(s, size - (*at)->size);
        (*at)->size = size;
        return at;
    } else
        complain(s, "another size than that of the object");
    return NULL;
}

/* NULL: the last one stays. */
static void enter(struct strict *s, const void *caller)
{
    pthread_mutex_lock(&s->lock);
    if (caller != NULL)
        s->caller = caller;
}

static void leave(struct strict *s)
{
    pthread_mutex_unlock(&s->lock);
}

/* --- the table ---------------------------------------------------------------------------- */

static void *strict_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct strict *s = of(a);
    struct strict_object *o;
    void *p;

    enter(s, caller);
    if (size == 0 || size > PTRDIFF_MAX || (how & ~(ALLOT_HOW_ALIGN_BITS | ALLOT_ZERO)) != 0)
        complain(s, "a size or a how-word that no table may be given");
    o = make(s, size, how);
    p = o == NULL ? NULL : o->p;
    leave(s);
    return p != NULL ? p : allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_INJECTED, 0);
}

static void strict_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    struct strict *s = of(a);
    struct strict_object **at;

    enter(s, caller);
    at = claimed(s, p, size, how);
    if (at != NULL)
        drop(s, at);
    leave(s);
}

static bool change(struct strict *s, struct strict_object *o, size_t size, allot_how how)
{
    size_t was = o->size;

    if (size > o->capacity)
        return false;
    if (!guards_stand(o))
        complain(s, "something was written outside an object");
    s->live_bytes -= was;
    count(s, size);
    o->size = size;
    if (size > was)
        memset(o->p + was, (how & ALLOT_ZERO) != 0 ? 0 : FRESH, size - was);
    guard(o, size);
    return true;
}

static bool strict_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    struct strict *s = of(a);
    struct strict_object **at;
    bool done;

    enter(s, caller);
    at = claimed(s, p, old_size, how);
    done = at != NULL && change(s, *at, new_size, how);
    leave(s);
    return done;
}

/* Every other time it cannot, so that both ways are gone. */
static void *strict_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    struct strict *s = of(a);
    struct strict_object **at;
    struct strict_object *o = NULL;
    void *to = NULL;

    enter(s, caller);
    at = claimed(s, p, old_size, how);
    if (at != NULL && s->allocations % 2 == 0)
        o = make(s, new_size, how);
    if (o != NULL) {
        to = o->p;
        memcpy(to, p, ali_min(old_size, new_size));
        drop(s, place_of(s, p));
        s->allocations--; /* still one object */
        s->frees--;
    }
    leave(s);
    return to != NULL ? to : allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_INJECTED, 0);
}

static size_t strict_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    struct strict *s = of(a);
    struct strict_object **at;
    size_t usable = size;

    enter(s, NULL);
    at = claimed(s, p, size, how);
    if (at != NULL && s->slack)
        (*at)->limit = (*at)->capacity;
    if (at != NULL)
        usable = (*at)->limit;
    leave(s);
    return usable;
}

static int strict_owns(allot_allocator *a, const void *p)
{
    struct strict *s = of(a);
    int owns = 0;

    enter(s, NULL);
    for (size_t i = 0; i < STRICT_BUCKETS && owns == 0; i++)
        for (struct strict_object *o = s->buckets[i]; o != NULL; o = o->next)
            owns |= (uintptr_t)p - (uintptr_t)o->p < o->size;
    leave(s);
    return owns;
}

static allot_status strict_reset(allot_allocator *a, const void *caller)
{
    struct strict *s = of(a);

    enter(s, caller);
    for (size_t i = 0; i < STRICT_BUCKETS; i++)
        while (s->buckets[i] != NULL)
            drop(s, &s->buckets[i]);
    leave(s);
    return 0;
}

static void strict_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct strict *s = of(a);

    enter(s, NULL);
    stats->live_bytes = s->live_bytes;
    stats->live_objects = s->live_objects;
    stats->peak_live_bytes = s->peak_bytes;
    stats->allocations = s->allocations;
    stats->frees = s->frees;
    leave(s);
}

static bool strict_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    struct strict *s = of(a);

    for (size_t i = 0; i < STRICT_BUCKETS; i++)
        for (struct strict_object *o = s->buckets[i]; o != NULL; o = o->next)
            if (!visit(o->p, o->size, arg))
                return false;
    return true;
}

void strict_init(struct strict *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->base.ops = &s->ops;
    s->ops = (struct allot_allocator_ops){
        .abi = ALLOT_ALLOCATOR_ABI,
        .caps = ALLOT_CAP_THREADS | ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN |
                ALLOT_CAP_OWNS | ALLOT_CAP_UNSIZED | ALLOT_CAP_RESET | ALLOT_CAP_INDIVIDUAL,
        .kind = "strict",
        .alloc = strict_alloc,
        .resize = strict_resize,
        .remap = strict_remap,
        .free = strict_free,
        .usable = strict_usable,
        .owns = strict_owns,
        .reset = strict_reset,
        .stats = strict_stats,
        .visit = strict_visit,
    };
}

bool strict_release(struct strict *s)
{
    if (s->live_objects != 0)
        complain(s, "an object was lost");
    (void)strict_reset(&s->base, NULL);
    pthread_mutex_destroy(&s->lock);
    return s->error == NULL;
}

void strict_fail(struct strict *s, uint64_t nth, bool and_later)
{
    s->attempts = 0;
    s->failures = 0;
    s->fail_at = nth;
    s->fail_on = and_later;
}

bool strict_check(struct strict *s)
{
    for (size_t i = 0; i < STRICT_BUCKETS; i++)
        for (struct strict_object *o = s->buckets[i]; o != NULL; o = o->next)
            if (!guards_stand(o))
                complain(s, "something was written outside an object");
    return s->error == NULL;
}

/* Objects by size: each size has one allocator, also when it is freed or resized. */
#include "alloc/decorate.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_segregator);

static struct allot_segregator *of(allot_allocator *a)
{
    return (struct allot_segregator *)a;
}

/* NULL: too large for all. */
static const struct allot_segregator_step *step_for(const struct allot_segregator *s, size_t size)
{
    for (size_t i = 0; i < s->count; i++)
        if (size <= s->steps[i].max_bytes)
            return &s->steps[i];
    return NULL;
}

static void *segregator_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_segregator *s = of(a);
    const struct allot_segregator_step *step = step_for(s, size);
    void *p;

    p = step == NULL ? allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_UNSUPPORTED, 0)
                     : ali_inner_alloc(step->allocator, size, how, caller);
    if (p == NULL)
        ali_tally(&s->failures, 1);
    return p;
}

static void segregator_free(allot_allocator *a, void *p, size_t size, allot_how how,
                            const void *caller)
{
    const struct allot_segregator_step *step = step_for(of(a), size);

    if (step != NULL)
        ali_inner_free(step->allocator, p, size, how, caller);
    else
        ali_blame_object(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete", p, "no object is that large",
                         caller);
}

static bool segregator_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                              allot_how how, const void *caller)
{
    const struct allot_segregator_step *step = step_for(of(a), old_size);

    return step != NULL && step == step_for(of(a), new_size) &&
           ali_inner_resize(step->allocator, p, old_size, new_size, how, caller);
}

static size_t segregator_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    const struct allot_segregator_step *step = step_for(of(a), size);

    /* a size that it could have been asked with */
    return step == NULL ? 0
                        : ali_min(ali_inner_usable(step->allocator, p, size, how), step->max_bytes);
}

static void *segregator_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                              allot_how how, const void *caller)
{
    const struct ali_change change = {old_size, new_size, how, caller};
    const struct allot_segregator_step *step = step_for(of(a), old_size);

    if (step != NULL && step == step_for(of(a), new_size))
        return ali_inner_move(step->allocator, &p, &change) == 0 ? p : NULL;
    if (segregator_usable(a, p, old_size, how) < old_size)
        ali_blame_object(ALLOT_MISUSE_INVALID_REALLOC, "allot_resize", p, "no object of that size",
                         caller);
    return NULL; /* the caller copies from one to the other */
}

/* --- for all steps ------------------------------------------------------------------------ */

static size_t list_of(const struct allot_segregator *s, allot_allocator **list)
{
    for (size_t i = 0; i < s->count; i++)
        list[i] = s->steps[i].allocator;
    return s->count;
}

static int segregator_owns(allot_allocator *a, const void *p)
{
    const struct allot_segregator *s = of(a);
    int answer = 0;

    for (size_t i = 0; i < s->count && answer != 1; i++) {
        int owns = ali_inner_owns(s->steps[i].allocator, p);

        if (owns != 0)
            answer = owns;
    }
    return answer;
}

static size_t segregator_trim(allot_allocator *a)
{
    const struct allot_segregator *s = of(a);
    size_t bytes = 0;

    for (size_t i = 0; i < s->count; i++)
        bytes += ali_inner_trim(s->steps[i].allocator);
    return bytes;
}

static allot_status segregator_reset(allot_allocator *a, const void *caller)
{
    const struct allot_segregator *s = of(a);
    allot_status status = 0;

    for (size_t i = 0; i < s->count && status == 0; i++)
        status = ali_inner_reset(s->steps[i].allocator, caller);
    return status;
}

static void segregator_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    allot_allocator *list[ALLOT_SEGREGATOR_MAX];

    ali_stats_sum(list, list_of(of(a), list), stats);
    stats->failures = ali_tally_get(&of(a)->failures);
}

static bool segregator_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    const struct allot_segregator *s = of(a);

    for (size_t i = 0; i < s->count; i++)
        if (!ali_inner_visit(s->steps[i].allocator, visit, arg))
            return false;
    return true;
}

static const struct allot_allocator_ops segregator_ops = {
    .kind = "segregator",
    .alloc = segregator_alloc,
    .resize = segregator_resize,
    .remap = segregator_remap,
    .free = segregator_free,
    .usable = segregator_usable,
    .owns = segregator_owns,
    .trim = segregator_trim,
    .reset = segregator_reset,
    .stats = segregator_stats,
    .visit = segregator_visit,
};

static bool is_growing(const struct allot_segregator_step *steps, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (steps[i].max_bytes <= steps[i - 1].max_bytes)
            return false;
    return steps[0].max_bytes != 0;
}

allot_status allot_segregator_init(struct allot_segregator *segregator,
                                   const struct allot_segregator_step *steps, size_t count)
{
    allot_allocator *list[ALLOT_SEGREGATOR_MAX];
    const struct allot_segregator_step *last;

    if (count == 0 || count > ALLOT_SEGREGATOR_MAX || !is_growing(steps, count))
        return -EINVAL;
    memset(segregator, 0, sizeof *segregator);
    segregator->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        segregator->steps[i] = steps[i];
        segregator->steps[i].allocator = ali_allocator_meant(steps[i].allocator);
    }
    ali_decorate_many(segregator, list, list_of(segregator, list), &segregator_ops);
    segregator->under.ops.caps &= ~(uint32_t)ALLOT_CAP_UNSIZED;
    last = &segregator->steps[count - 1];
    if (last->max_bytes >= PTRDIFF_MAX)
        segregator->under.ops.caps |= last->allocator->ops->caps & ALLOT_CAP_ANY_SIZE;
    else
        segregator->under.ops.caps &= ~(uint32_t)ALLOT_CAP_ANY_SIZE;
    return 0;
}

void allot_segregator_release(struct allot_segregator *segregator)
{
    segregator->count = 0;
}

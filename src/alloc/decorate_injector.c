/* Failures on purpose. Which allocation fails depends on its number alone, so that a run of one
 * thread can be had again. */
#include "alloc/decorate.h"

ALI_IS_DECORATOR(struct allot_injector);

#define MILLION 1000000U

static bool is_unlucky(const struct allot_injector_plan *plan, uint64_t nth)
{
    struct ali_random r = {.state = plan->seed + nth * UINT64_C(0x9e3779b97f4a7c15)};

    return plan->chance_million != 0 && ali_random_next(&r) % MILLION < plan->chance_million;
}

static bool is_due(const struct allot_injector_plan *plan, uint64_t nth, size_t size)
{
    return nth == plan->nth || (plan->from != 0 && nth >= plan->from) ||
           (plan->every != 0 && nth % plan->every == 0) ||
           (plan->above_bytes != 0 && size > plan->above_bytes) || is_unlucky(plan, nth);
}

static void *injector_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_injector *i = (struct allot_injector *)a;
    uint64_t nth = __atomic_add_fetch(&i->calls, 1, __ATOMIC_RELAXED);

    if (!is_due(&i->plan, nth, size))
        return ali_inner_alloc(i->under.inner, size, how, caller);
    __atomic_add_fetch(&i->failures, 1, __ATOMIC_RELAXED);
    if (i->plan.on_inject != NULL)
        i->plan.on_inject(nth, size, caller, i->plan.arg);
    return allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_INJECTED, 0);
}

static bool injector_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                            allot_how how, const void *caller)
{
    return new_size <= old_size &&
           ali_inner_resize(ali_inner_of(a), p, old_size, new_size, how, caller);
}

static void injector_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    const struct allot_injector *i = (const struct allot_injector *)a;

    ali_inner_stats(i->under.inner, stats);
    if (stats->failures != ALLOT_STAT_UNKNOWN)
        stats->failures += allot_injector_failures(i);
}

static const struct allot_allocator_ops injector_ops = {
    .kind = "injector",
    .alloc = injector_alloc,
    .resize = injector_resize,
    .free = ali_pass_free,
    .usable = ali_pass_usable,
    .owns = ali_pass_owns,
    .trim = ali_pass_trim,
    .reset = ali_pass_reset,
    .stats = injector_stats,
    .visit = ali_pass_visit,
};

void allot_injector_init(struct allot_injector *injector, allot_allocator *inner,
                         const struct allot_injector_plan *plan)
{
    memset(injector, 0, sizeof *injector);
    ali_decorate(injector, inner, &injector_ops, 0);
    allot_injector_set(injector, plan);
}

void allot_injector_release(struct allot_injector *injector)
{
    injector->under.inner = NULL;
}

void allot_injector_set(struct allot_injector *injector, const struct allot_injector_plan *plan)
{
    injector->plan = plan == NULL ? (struct allot_injector_plan){0} : *plan;
    __atomic_store_n(&injector->calls, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&injector->failures, 0, __ATOMIC_RELAXED);
}

uint64_t allot_injector_calls(const struct allot_injector *injector)
{
    return __atomic_load_n(&injector->calls, __ATOMIC_RELAXED);
}

uint64_t allot_injector_failures(const struct allot_injector *injector)
{
    return __atomic_load_n(&injector->failures, __ATOMIC_RELAXED);
}

/* The functions that hand a call down as it is, and the making of a decorator's table. */
#include "alloc/decorate.h"

void ali_decorate(void *decorator, allot_allocator *inner, const struct allot_allocator_ops *table,
                  uint32_t lost)
{
    struct ali_decorator *d = decorator;
    struct allot_allocator_ops *ops = &d->under.ops;

    inner = ali_allocator_meant(inner);
    d->base.ops = ops;
    d->under.inner = inner;
    *ops = *table;
    ops->abi = ALLOT_ALLOCATOR_ABI;
    ops->caps |= inner->ops->caps & ~(lost | ALLOT_CAP_PAGES);
    if (table->resize == ali_pass_resize && inner->ops->resize == NULL)
        ops->resize = NULL;
    if (table->remap == ali_pass_remap && inner->ops->remap == NULL)
        ops->remap = NULL;
    if (table->reset == ali_pass_reset && inner->ops->reset == NULL)
        ops->reset = NULL;
}

uint32_t ali_caps_of_any(allot_allocator *const *list, size_t count)
{
    uint32_t caps = 0;

    for (size_t i = 0; i < count; i++)
        caps |= list[i]->ops->caps;
    return caps;
}

/* The object allocated last is also the last of its own allocator; and who frees in any order
 * frees in this one. */
static uint32_t caps_of_all(allot_allocator *const *list, size_t count)
{
    uint32_t caps = ~(uint32_t)ALLOT_CAP_PAGES;

    for (size_t i = 0; i < count; i++) {
        uint32_t own = list[i]->ops->caps;

        caps &= own | ((own & ALLOT_CAP_FREE) != 0 ? ALLOT_CAP_LIFO_FREE : 0);
    }
    return caps;
}

void ali_decorate_many(void *decorator, allot_allocator *const *list, size_t count,
                       const struct allot_allocator_ops *table)
{
    struct ali_decorator *d = decorator;

    ali_decorate(decorator, list[0], table, ~0U);
    d->under.ops.caps |= caps_of_all(list, count);
    if ((d->under.ops.caps & ALLOT_CAP_RESET) == 0)
        d->under.ops.reset = NULL;
}

static void add(size_t *sum, size_t more)
{
    *sum =
        *sum == ALLOT_STAT_UNKNOWN || more == ALLOT_STAT_UNKNOWN ? ALLOT_STAT_UNKNOWN : *sum + more;
}

void ali_stats_sum(allot_allocator *const *list, size_t count, struct allot_allocator_stats *sum)
{
    const struct allot_allocator_stats unknown = *sum;
    struct allot_allocator_stats one;

    sum->live_bytes = sum->live_objects = sum->reserved_bytes = 0;
    sum->allocations = sum->frees = 0;
    for (size_t i = 0; i < count; i++) {
        one = unknown;
        ali_inner_stats(list[i], &one);
        add(&sum->live_bytes, one.live_bytes);
        add(&sum->live_objects, one.live_objects);
        add(&sum->reserved_bytes, one.reserved_bytes);
        add(&sum->allocations, one.allocations);
        add(&sum->frees, one.frees);
    }
}

/* These two are in a table only when the inner allocator has them. */
bool ali_pass_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                     const void *caller)
{
    allot_allocator *inner = ali_inner_of(a);

    return inner->ops->resize(inner, p, old_size, new_size, how, caller);
}

void *ali_pass_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                     const void *caller)
{
    allot_allocator *inner = ali_inner_of(a);

    return inner->ops->remap(inner, p, old_size, new_size, how, caller);
}

void ali_pass_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    ali_inner_free(ali_inner_of(a), p, size, how, caller);
}

size_t ali_pass_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    return ali_inner_usable(ali_inner_of(a), p, size, how);
}

size_t ali_pass_usable_exact(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    return ali_min(ali_inner_usable(ali_inner_of(a), p, size, how), size);
}

int ali_pass_owns(allot_allocator *a, const void *p)
{
    return ali_inner_owns(ali_inner_of(a), p);
}

size_t ali_pass_trim(allot_allocator *a)
{
    return ali_inner_trim(ali_inner_of(a));
}

allot_status ali_pass_reset(allot_allocator *a, const void *caller)
{
    return ali_inner_reset(ali_inner_of(a), caller);
}

void ali_pass_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    ali_inner_stats(ali_inner_of(a), stats);
}

bool ali_pass_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    return ali_inner_visit(ali_inner_of(a), visit, arg);
}

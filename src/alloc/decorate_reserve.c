/* Memory held back for an emergency: one object of the inner allocator, which nobody is told of. */
#include "alloc/decorate.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_reserve);

static struct allot_reserve *of(allot_allocator *a)
{
    return (struct allot_reserve *)a;
}

static void *take_held(struct allot_reserve *r)
{
    return __atomic_exchange_n(&r->held, NULL, __ATOMIC_ACQ_REL);
}

static void *reserve_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_reserve *r = of(a);
    void *p = ali_inner_alloc(r->under.inner, size, how, caller);
    void *held;

    if (p != NULL || (held = take_held(r)) == NULL)
        return p;
    ali_inner_free(r->under.inner, held, r->bytes, ALLOT_ALIGN_DEFAULT, caller);
    if (r->on_release != NULL)
        r->on_release(a, r->bytes, r->arg);
    return ali_inner_alloc(r->under.inner, size, how, caller);
}

static allot_status fill(struct allot_reserve *r, const void *caller)
{
    void *none = NULL;
    void *p;

    if (allot_reserve_is_held(r))
        return 0;
    p = ali_inner_alloc(r->under.inner, r->bytes, ALLOT_ALIGN_DEFAULT, caller);
    if (p == NULL)
        return -ENOMEM;
    /* release: pairs with take_held; another thread may have been faster */
    if (!__atomic_compare_exchange_n(&r->held, &none, p, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ali_inner_free(r->under.inner, p, r->bytes, ALLOT_ALIGN_DEFAULT, caller);
    return 0;
}

/* All objects of the inner allocator go, the held one too. */
static allot_status reserve_reset(allot_allocator *a, const void *caller)
{
    struct allot_reserve *r = of(a);
    allot_status status = ali_inner_reset(r->under.inner, caller);

    if (status == 0 && take_held(r) != NULL)
        (void)fill(r, caller);
    return status;
}

static void reserve_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    const struct allot_reserve *r = of(a);

    ali_inner_stats(r->under.inner, stats);
    stats->allocations = stats->frees = ALLOT_STAT_UNKNOWN; /* its own are among them */
    if (!allot_reserve_is_held(r))
        return;
    if (stats->live_objects != ALLOT_STAT_UNKNOWN)
        stats->live_objects -= 1;
    if (stats->live_bytes != ALLOT_STAT_UNKNOWN)
        stats->live_bytes -= ali_min(stats->live_bytes, r->bytes);
}

struct visit {
    allot_visit_fn fn;
    void *arg;
    const void *held;
};

static bool visit_other(void *object, size_t bytes, void *arg)
{
    const struct visit *v = arg;

    return object == v->held || v->fn(object, bytes, v->arg);
}

static bool reserve_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    struct allot_reserve *r = of(a);
    struct visit v = {visit, arg, __atomic_load_n(&r->held, __ATOMIC_ACQUIRE)};

    return ali_inner_visit(r->under.inner, visit_other, &v);
}

static const struct allot_allocator_ops reserve_ops = {
    .kind = "reserve",
    .alloc = reserve_alloc,
    .resize = ali_pass_resize,
    .remap = ali_pass_remap,
    .free = ali_pass_free,
    .usable = ali_pass_usable,
    .owns = ali_pass_owns,
    .trim = ali_pass_trim,
    .reset = reserve_reset,
    .stats = reserve_stats,
    .visit = reserve_visit,
};

allot_status allot_reserve_init(struct allot_reserve *reserve, allot_allocator *inner, size_t bytes,
                                allot_reserve_fn on_release, void *arg)
{
    memset(reserve, 0, sizeof *reserve);
    if (bytes > PTRDIFF_MAX) {
        (void)allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return -ENOMEM;
    }
    reserve->bytes = bytes + (bytes == 0);
    reserve->on_release = on_release;
    reserve->arg = arg;
    ali_decorate(reserve, inner, &reserve_ops, ALLOT_CAP_LIFO_FREE);
    return fill(reserve, __builtin_return_address(0));
}

void allot_reserve_release(struct allot_reserve *reserve)
{
    void *held = take_held(reserve);

    if (held != NULL)
        ali_inner_free(reserve->under.inner, held, reserve->bytes, ALLOT_ALIGN_DEFAULT,
                       __builtin_return_address(0));
    reserve->under.inner = NULL;
}

allot_status allot_reserve_refill(struct allot_reserve *reserve)
{
    return fill(reserve, __builtin_return_address(0));
}

bool allot_reserve_is_held(const struct allot_reserve *reserve)
{
    return __atomic_load_n(&reserve->held, __ATOMIC_RELAXED) != NULL;
}

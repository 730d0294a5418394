/* A limit on bytes: charged before the inner allocator is asked, so that threads together never
 * pass it; given back when it fails. */
#include "alloc/decorate.h"

ALI_IS_DECORATOR(struct allot_limiter);

static struct allot_limiter *of(allot_allocator *a)
{
    return (struct allot_limiter *)a;
}

static bool charge(struct allot_limiter *l, size_t bytes)
{
    size_t hard = ali_tally_get(&l->options.hard_bytes);
    size_t live = ali_tally_get(&l->live_bytes);

    if (bytes == 0) /* also of what is over a limit that was lowered */
        return true;
    do {
        if (hard != 0 && (live > hard || bytes > hard - live))
            return false;
    } while (!__atomic_compare_exchange_n(&l->live_bytes, &live, live + bytes, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static void uncharge(struct allot_limiter *l, size_t bytes)
{
    __atomic_fetch_sub(&l->live_bytes, bytes, __ATOMIC_RELAXED);
}

/* An allocation of what was charged has been successful. */
static void note_more(struct allot_limiter *l, size_t bytes)
{
    size_t live = ali_tally_get(&l->live_bytes);
    size_t peak = ali_tally_get(&l->peak_bytes);
    size_t soft = ali_tally_get(&l->options.soft_bytes);

    while (live > peak && !__atomic_compare_exchange_n(&l->peak_bytes, &peak, live, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    if (soft != 0 && l->options.on_soft != NULL && live > soft &&
        live - ali_min(live, bytes) <= soft)
        l->options.on_soft(l, live, l->options.arg);
}

static void *limiter_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_limiter *l = of(a);
    void *p;

    if (!charge(l, size)) {
        ali_tally(&l->failures, 1);
        return allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_LIMIT, 0);
    }
    p = ali_inner_alloc(l->under.inner, size, how, caller);
    if (p == NULL) {
        uncharge(l, size);
        ali_tally(&l->failures, 1);
    } else {
        note_more(l, size);
    }
    return p;
}

static void limiter_free(allot_allocator *a, void *p, size_t size, allot_how how,
                         const void *caller)
{
    struct allot_limiter *l = of(a);
    bool live = ali_inner_is_live(l->under.inner, p, size, how);

    ali_inner_free(l->under.inner, p, size, how, caller);
    if (live)
        uncharge(l, size);
}

static size_t more_of(size_t old_size, size_t new_size)
{
    return new_size > old_size ? new_size - old_size : 0;
}

/* The size has changed, or not; what it has more was charged. */
static bool settle(struct allot_limiter *l, size_t old_size, size_t new_size, bool done)
{
    size_t more = more_of(old_size, new_size);

    if (!done)
        uncharge(l, more);
    else if (more != 0)
        note_more(l, more);
    else
        uncharge(l, old_size - new_size);
    return done;
}

static bool limiter_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                           allot_how how, const void *caller)
{
    struct allot_limiter *l = of(a);

    return charge(l, more_of(old_size, new_size)) &&
           settle(l, old_size, new_size,
                  ali_inner_resize(l->under.inner, p, old_size, new_size, how, caller));
}

static void *limiter_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                           allot_how how, const void *caller)
{
    const struct ali_change change = {old_size, new_size, how, caller};
    struct allot_limiter *l = of(a);

    if (!charge(l, more_of(old_size, new_size)))
        return allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_LIMIT, 0);
    return settle(l, old_size, new_size, ali_inner_move(l->under.inner, &p, &change) == 0) ? p
                                                                                           : NULL;
}

static allot_status limiter_reset(allot_allocator *a, const void *caller)
{
    struct allot_limiter *l = of(a);
    allot_status status = ali_inner_reset(l->under.inner, caller);

    if (status == 0)
        __atomic_store_n(&l->live_bytes, 0, __ATOMIC_RELAXED);
    return status;
}

static void limiter_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    const struct allot_limiter *l = of(a);

    stats->live_bytes = ali_tally_get(&l->live_bytes);
    stats->peak_live_bytes = ali_tally_get(&l->peak_bytes);
    stats->limit_bytes = ali_tally_get(&l->options.hard_bytes);
    stats->failures = ali_tally_get(&l->failures);
}

static const struct allot_allocator_ops limiter_ops = {
    .kind = "limiter",
    .alloc = limiter_alloc,
    .resize = limiter_resize,
    .remap = limiter_remap,
    .free = limiter_free,
    .usable = ali_pass_usable_exact,
    .owns = ali_pass_owns,
    .trim = ali_pass_trim,
    .reset = limiter_reset,
    .stats = limiter_stats,
    .visit = ali_pass_visit,
};

void allot_limiter_init(struct allot_limiter *limiter, allot_allocator *inner,
                        const struct allot_limiter_options *options)
{
    memset(limiter, 0, sizeof *limiter);
    if (options != NULL)
        limiter->options = *options;
    ali_decorate(limiter, inner, &limiter_ops, ALLOT_CAP_UNSIZED);
}

void allot_limiter_release(struct allot_limiter *limiter)
{
    limiter->under.inner = NULL;
}

void allot_limiter_set(struct allot_limiter *limiter, size_t soft_bytes, size_t hard_bytes)
{
    __atomic_store_n(&limiter->options.soft_bytes, soft_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&limiter->options.hard_bytes, hard_bytes, __ATOMIC_RELAXED);
}

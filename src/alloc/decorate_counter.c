/* Figures, and scopes that nest. All under one lock, so that they agree with each other. */
#include "alloc/decorate.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_counter);

static struct allot_counter *of(allot_allocator *a)
{
    return (struct allot_counter *)a;
}

static void enter(struct allot_counter *c)
{
    ali_lock(ali_lock_of(&c->lock));
}

static void leave(struct allot_counter *c)
{
    ali_unlock(ali_lock_of(&c->lock));
}

static void add_bytes(struct allot_counter *c, size_t bytes)
{
    c->now.live_bytes += bytes;
    c->now.allocated_bytes += bytes;
    c->now.peak_bytes = ali_max(c->now.peak_bytes, c->now.live_bytes);
}

static void *counter_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_counter *c = of(a);
    void *p = ali_inner_alloc(c->under.inner, size, how, caller);

    enter(c);
    if (p == NULL) {
        c->now.failures++;
    } else {
        c->now.allocations++;
        c->now.live_objects++;
        c->now.bins[ali_high_bit(size)]++;
        add_bytes(c, size);
    }
    leave(c);
    return p;
}

static void counter_free(allot_allocator *a, void *p, size_t size, allot_how how,
                         const void *caller)
{
    struct allot_counter *c = of(a);
    bool live = ali_inner_is_live(c->under.inner, p, size, how);

    ali_inner_free(c->under.inner, p, size, how, caller);
    if (!live)
        return;
    enter(c);
    c->now.frees++;
    c->now.live_objects--;
    c->now.live_bytes -= size;
    leave(c);
}

static bool note_resize(struct allot_counter *c, size_t old_size, size_t new_size, bool done)
{
    if (!done)
        return false;
    enter(c);
    c->now.resizes++;
    if (new_size > old_size)
        add_bytes(c, new_size - old_size);
    else
        c->now.live_bytes -= old_size - new_size;
    leave(c);
    return true;
}

static bool counter_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                           allot_how how, const void *caller)
{
    return note_resize(of(a), old_size, new_size,
                       ali_inner_resize(ali_inner_of(a), p, old_size, new_size, how, caller));
}

static void *counter_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                           allot_how how, const void *caller)
{
    const struct ali_change change = {old_size, new_size, how, caller};
    bool done = ali_inner_move(ali_inner_of(a), &p, &change) == 0;

    return note_resize(of(a), old_size, new_size, done) ? p : NULL;
}

static allot_status counter_reset(allot_allocator *a, const void *caller)
{
    struct allot_counter *c = of(a);
    allot_status status = ali_inner_reset(c->under.inner, caller);

    if (status != 0)
        return status;
    enter(c);
    c->now.frees += c->now.live_objects;
    c->now.live_objects = 0;
    c->now.live_bytes = 0;
    leave(c);
    return 0;
}

static void counter_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_counts now;

    allot_counter_get(of(a), &now);
    stats->live_bytes = now.live_bytes;
    stats->live_objects = now.live_objects;
    stats->peak_live_bytes = of(a)->scope == NULL ? now.peak_bytes : ALLOT_STAT_UNKNOWN;
    stats->allocations = now.allocations;
    stats->frees = now.frees;
    stats->failures = now.failures;
}

static const struct allot_allocator_ops counter_ops = {
    .kind = "counter",
    .alloc = counter_alloc,
    .resize = counter_resize,
    .remap = counter_remap,
    .free = counter_free,
    .usable = ali_pass_usable_exact,
    .owns = ali_pass_owns,
    .trim = ali_pass_trim,
    .reset = counter_reset,
    .stats = counter_stats,
    .visit = ali_pass_visit,
};

void allot_counter_init(struct allot_counter *counter, allot_allocator *inner)
{
    memset(counter, 0, sizeof *counter);
    ali_decorate(counter, inner, &counter_ops, ALLOT_CAP_UNSIZED);
}

void allot_counter_release(struct allot_counter *counter)
{
    counter->under.inner = NULL;
}

/* --- figures and scopes ------------------------------------------------------------------- */

/* The peak of an outer scope is kept aside while an inner one has its own. */
static size_t peak_of_all(const struct allot_counter *c)
{
    const struct allot_counter_scope *s;
    size_t peak = c->now.peak_bytes;

    for (s = c->scope; s != NULL; s = s->outer)
        peak = ali_max(peak, s->outer_peak_bytes);
    return peak;
}

void allot_counter_get(struct allot_counter *counter, struct allot_counts *counts)
{
    enter(counter);
    *counts = counter->now;
    counts->peak_bytes = peak_of_all(counter);
    leave(counter);
}

void allot_counter_begin(struct allot_counter *counter, struct allot_counter_scope *scope)
{
    enter(counter);
    scope->outer = counter->scope;
    scope->outer_peak_bytes = counter->now.peak_bytes;
    counter->now.peak_bytes = counter->now.live_bytes;
    scope->begin = counter->now;
    counter->scope = scope;
    leave(counter);
}

static void subtract(struct allot_counts *counts, const struct allot_counts *begin)
{
    counts->live_bytes -= begin->live_bytes;
    counts->live_objects -= begin->live_objects;
    counts->peak_bytes -= begin->live_bytes;
    counts->allocations -= begin->allocations;
    counts->frees -= begin->frees;
    counts->resizes -= begin->resizes;
    counts->failures -= begin->failures;
    counts->allocated_bytes -= begin->allocated_bytes;
    for (size_t i = 0; i < ALLOT_COUNTER_BINS; i++)
        counts->bins[i] -= begin->bins[i];
}

allot_status allot_counter_end(struct allot_counter *counter, struct allot_counter_scope *scope,
                               struct allot_counts *counts)
{
    bool innermost;

    enter(counter);
    innermost = counter->scope == scope && scope != NULL;
    if (innermost) {
        *counts = counter->now;
        subtract(counts, &scope->begin);
        counter->scope = scope->outer;
        counter->now.peak_bytes = ali_max(counter->now.peak_bytes, scope->outer_peak_bytes);
    }
    leave(counter);
    if (innermost)
        return 0;
    memset(counts, 0, sizeof *counts);
    ali_blame_object(ALLOT_MISUSE_OUT_OF_ORDER, "allot_counter_end", scope,
                     "not the scope that was begun last", __builtin_return_address(0));
    return -EINVAL;
}

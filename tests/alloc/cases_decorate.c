/* The decorators, each over the strict allocator, and some stacks of them. */
#include "alloc/cases.h"

/* One of each: the suite has one allocator at a time. */
static union {
    struct allot_limiter limiter;
    struct allot_fallback fallback;
    struct allot_segregator segregator;
    struct allot_retrier retrier;
    struct allot_reserve reserve;
    struct allot_locked locked;
    struct allot_tracker tracker;
    struct allot_counter counter;
    struct allot_logger logger;
    struct allot_canary canary;
    struct allot_one_thread one;
    struct allot_injector injector;
} it;

allot_allocator *case_limiter(allot_allocator *inner)
{
    allot_limiter_init(&it.limiter, inner, NULL);
    return &it.limiter.base;
}

allot_allocator *case_limiter_with_limits(allot_allocator *inner)
{
    const struct allot_limiter_options options = {.soft_bytes = 1000, .hard_bytes = 64 * ALI_MIB};

    allot_limiter_init(&it.limiter, inner, &options);
    return &it.limiter.base;
}

void case_limiter_end(allot_allocator *a)
{
    (void)a;
    allot_limiter_release(&it.limiter);
}

/* The first has little, the second is another one underneath. */
static struct limited {
    struct allot_limiter limiter;
    struct strict *inner;
    struct strict other;
} little;

static void part_from(struct strict *inner)
{
    little.inner = inner;
    strict_init(&little.other);
    allot_limiter_init(&little.limiter, &inner->base,
                       &(struct allot_limiter_options){.hard_bytes = 5000});
}

static allot_allocator *fallback_to_other(void)
{
    allot_allocator *list[] = {&little.limiter.base, &little.other.base};

    return allot_fallback_init(&it.fallback, list, 2) == 0 ? &it.fallback.base : NULL;
}

static void silence(struct allot_allocator_ops *ops)
{
    ops->caps &= ~(uint32_t)ALLOT_CAP_OWNS;
    ops->owns = NULL;
}

allot_allocator *case_fallback(allot_allocator *inner)
{
    part_from((struct strict *)inner);
    return fallback_to_other();
}

/* One who cannot tell is found by asking the others. */
allot_allocator *case_fallback_half_silent(allot_allocator *inner)
{
    part_from((struct strict *)inner);
    silence(&little.other.ops);
    return fallback_to_other();
}

allot_allocator *case_fallback_tagged(allot_allocator *inner)
{
    part_from((struct strict *)inner);
    silence(&little.other.ops);
    silence(&little.limiter.under.ops);
    return fallback_to_other();
}

void case_fallback_end(allot_allocator *a)
{
    (void)a;
    allot_fallback_release(&it.fallback);
    allot_limiter_release(&little.limiter);
    if (!strict_release(&little.other) && little.inner->error == NULL)
        little.inner->error = little.other.error;
}

static struct allot_limiter small;

/* Sizes decide; objects of each are in both. */
allot_allocator *case_segregator(allot_allocator *inner)
{
    const struct allot_segregator_step steps[] = {
        {64, inner}, {4096, &small.base}, {SIZE_MAX, inner}};

    allot_limiter_init(&small, inner, NULL);
    small.under.ops.caps &= ~(uint32_t)(ALLOT_CAP_INDIVIDUAL | ALLOT_CAP_RESET);
    ((struct strict *)inner)->ops.stats = NULL;
    return allot_segregator_init(&it.segregator, steps, 3) == 0 ? &it.segregator.base : NULL;
}

void case_segregator_end(allot_allocator *a)
{
    (void)a;
    allot_segregator_release(&it.segregator);
    allot_limiter_release(&small);
}

static struct allot_tracker low, high;

allot_allocator *case_segregator_of_trackers(allot_allocator *inner)
{
    const struct allot_segregator_step steps[] = {{100, &low.base}, {SIZE_MAX, &high.base}};

    allot_tracker_init(&low, inner, NULL);
    allot_tracker_init(&high, inner, &(struct allot_tracker_options){.table = inner});
    return allot_segregator_init(&it.segregator, steps, 2) == 0 ? &it.segregator.base : NULL;
}

void case_segregator_of_trackers_end(allot_allocator *a)
{
    (void)a;
    allot_segregator_release(&it.segregator);
    (void)allot_tracker_release(&low);
    (void)allot_tracker_release(&high);
}

static bool never(allot_allocator *retrier, size_t size, unsigned attempt, void *arg)
{
    (void)retrier;
    (void)size;
    (void)arg;
    return attempt == 0;
}

allot_allocator *case_retrier(allot_allocator *inner)
{
    allot_retrier_init(&it.retrier, inner, never, NULL);
    return &it.retrier.base;
}

void case_retrier_end(allot_allocator *a)
{
    (void)a;
    allot_retrier_release(&it.retrier);
}

allot_allocator *case_reserve(allot_allocator *inner)
{
    return allot_reserve_init(&it.reserve, inner, 1000, NULL, NULL) == 0 ? &it.reserve.base : NULL;
}

void case_reserve_end(allot_allocator *a)
{
    (void)a;
    allot_reserve_release(&it.reserve);
}

/* Over what only one thread at a time may use. */
allot_allocator *case_locked(allot_allocator *inner)
{
    ((struct strict *)inner)->ops.caps &= ~(uint32_t)ALLOT_CAP_THREADS;
    allot_locked_init(&it.locked, inner);
    return &it.locked.base;
}

void case_locked_end(allot_allocator *a)
{
    (void)a;
    allot_locked_release(&it.locked);
}

allot_allocator *case_tracker(allot_allocator *inner)
{
    allot_tracker_init(&it.tracker, inner, NULL);
    return &it.tracker.base;
}

/* Its table is of the memory that fails, too. */
allot_allocator *case_tracker_with_stacks(allot_allocator *inner)
{
    const struct allot_tracker_options options = {.table = inner, .frames = 8};

    allot_tracker_init(&it.tracker, inner, &options);
    return &it.tracker.base;
}

void case_tracker_end(allot_allocator *a)
{
    (void)a;
    (void)allot_tracker_release(&it.tracker);
}

allot_allocator *case_counter(allot_allocator *inner)
{
    allot_counter_init(&it.counter, inner);
    return &it.counter.base;
}

void case_counter_end(allot_allocator *a)
{
    (void)a;
    allot_counter_release(&it.counter);
}

static void log_nothing(const struct allot_log_event *event, void *arg)
{
    (void)event;
    (void)arg;
}

allot_allocator *case_logger(allot_allocator *inner)
{
    allot_logger_init(&it.logger, inner, log_nothing, NULL);
    return &it.logger.base;
}

void case_logger_end(allot_allocator *a)
{
    (void)a;
    allot_logger_release(&it.logger);
}

allot_allocator *case_canary(allot_allocator *inner)
{
    allot_canary_init(&it.canary, inner);
    return &it.canary.base;
}

allot_allocator *case_canary_on_heap(allot_allocator *inner)
{
    (void)inner;
    allot_canary_init(&it.canary, NULL);
    return &it.canary.base;
}

void case_canary_end(allot_allocator *a)
{
    (void)a;
    (void)allot_canary_release(&it.canary);
}

allot_allocator *case_one_thread(allot_allocator *inner)
{
    allot_one_thread_init(&it.one, inner);
    return &it.one.base;
}

void case_one_thread_end(allot_allocator *a)
{
    (void)a;
    allot_one_thread_release(&it.one);
}

allot_allocator *case_injector(allot_allocator *inner)
{
    allot_injector_init(&it.injector, inner, NULL);
    return &it.injector.base;
}

void case_injector_end(allot_allocator *a)
{
    (void)a;
    allot_injector_release(&it.injector);
}

/* --- stacks ------------------------------------------------------------------------------- */

static struct {
    struct allot_canary canary;
    struct allot_tracker tracker;
    struct allot_counter counter;
    struct allot_limiter limiter;
    struct allot_retrier retrier;
    struct allot_logger logger;
    struct allot_locked locked;
    struct allot_injector injector;
} all;

allot_allocator *case_stack(allot_allocator *inner)
{
    allot_canary_init(&all.canary, inner);
    allot_tracker_init(&all.tracker, &all.canary.base,
                       &(struct allot_tracker_options){.table = inner});
    allot_counter_init(&all.counter, &all.tracker.base);
    allot_limiter_init(&all.limiter, &all.counter.base, NULL);
    allot_retrier_init(&all.retrier, &all.limiter.base, NULL, NULL);
    allot_logger_init(&all.logger, &all.retrier.base, log_nothing, NULL);
    allot_locked_init(&all.locked, &all.logger.base);
    allot_injector_init(&all.injector, &all.locked.base, NULL);
    return &all.injector.base;
}

void case_stack_end(allot_allocator *a)
{
    (void)a;
    (void)allot_tracker_release(&all.tracker);
    (void)allot_canary_release(&all.canary);
}

/* Those that must know each size, over a heap: what it finds wrong they must not count. */
allot_allocator *case_stack_on_heap(allot_allocator *inner)
{
    (void)inner;
    allot_counter_init(&all.counter, NULL);
    allot_limiter_init(&all.limiter, &all.counter.base, NULL);
    allot_one_thread_init(&it.one, &all.limiter.base);
    return &it.one.base;
}

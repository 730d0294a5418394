/* Every allocator there is. */
#include "alloc/cases.h"

#include "core/core.h"

static allot_allocator *default_heap(allot_allocator *inner)
{
    (void)inner;
    return allot_heap_allocator(NULL);
}

static allot_allocator *libc(allot_allocator *inner)
{
    (void)inner;
    return allot_libc_allocator();
}

static allot_allocator *heap_object(allot_allocator *inner)
{
    allot_heap *heap = allot_heap_create(NULL);

    (void)inner;
    return heap == NULL ? NULL : allot_heap_allocator(heap);
}

static void heap_object_end(allot_allocator *a)
{
    allot_heap_destroy((allot_heap *)(void *)a);
}

/* What the others stand on. */
static allot_allocator *strict(allot_allocator *inner)
{
    return inner;
}

static allot_allocator *strict_with_slack(allot_allocator *inner)
{
    ((struct strict *)inner)->slack = true;
    return inner;
}

static allot_allocator *arena(allot_allocator *inner)
{
    static allot_arena a;
    const struct allot_arena_options options = {.source = inner, .name = "conform"};

    return allot_arena_init(&a, &options) == 0 ? &a.base : NULL;
}

static allot_allocator *arena_of_blocks(allot_allocator *inner)
{
    ali_options.regions = ALI_REGIONS_INDIVIDUAL;
    return arena(inner);
}

static allot_allocator *arena_reserved(allot_allocator *inner)
{
    static allot_arena a;
    /* a quarter of what there may be: the suite has other memory, too */
    const struct allot_arena_options options = {
        .source = inner,
        .reserve_bytes = (size_t)ali_min(16 * ALI_GIB, ali_os_limit_address_space() / 4)};

    return allot_arena_init(&a, &options) == 0 ? &a.base : NULL;
}

static void arena_end(allot_allocator *a)
{
    allot_arena_release((allot_arena *)(void *)a);
    ali_options.regions = ALI_REGIONS_CHUNKED;
}

/* No more than must be. */
static allot_allocator *strict_bare(allot_allocator *inner)
{
    struct strict *s = (struct strict *)inner;

    s->ops.caps &=
        ~(uint32_t)(ALLOT_CAP_OWNS | ALLOT_CAP_UNSIZED | ALLOT_CAP_RESET | ALLOT_CAP_INDIVIDUAL);
    s->ops.resize = NULL;
    s->ops.remap = NULL;
    s->ops.usable = NULL;
    s->ops.owns = NULL;
    s->ops.reset = NULL;
    s->ops.stats = NULL;
    s->ops.visit = NULL;
    return inner;
}

/* The same decorator over what can no more than must be. */
#define OVER_BARE(create)                                                                          \
    static allot_allocator *bare_##create(allot_allocator *inner)                                  \
    {                                                                                              \
        return create(strict_bare(inner));                                                         \
    }

OVER_BARE(case_limiter)
OVER_BARE(case_fallback_tagged)
OVER_BARE(case_segregator)
OVER_BARE(case_retrier)
OVER_BARE(case_reserve)
OVER_BARE(case_locked)
OVER_BARE(case_tracker_with_stacks)
OVER_BARE(case_counter)
OVER_BARE(case_logger)
OVER_BARE(case_canary)
OVER_BARE(case_one_thread)
OVER_BARE(case_injector)

const struct conform_case conform_cases[] = {
    {"default heap", default_heap, NULL, CONFORM_LEAF, 0, 0, 0},
    {"heap object", heap_object, heap_object_end, CONFORM_LEAF, 0, 0, 0},
    {"libc", libc, NULL, CONFORM_LEAF, 0, 0, 0},
    {"strict", strict, NULL, CONFORM_DIRECT, 0, 0, 0},
    {"strict, with slack", strict_with_slack, NULL, CONFORM_DIRECT, 0, 0, 0},
    {"strict, bare", strict_bare, NULL, CONFORM_DIRECT, 0, 0, 0},
    {"arena", arena, arena_end, 0, 0, 0, 0},
    {"arena of blocks", arena_of_blocks, arena_end, 0, 0, 0, 0},
    {"arena, reserved", arena_reserved, arena_end, CONFORM_LEAF, 0, 0, 0},
    {"pool", case_pool, case_pool_end, 0, 512, 64, 0},
    {"pool of blocks", case_pool_of_blocks, case_pool_end, 0, 512, 64, 0},
    {"pool, shared", case_pool_shared, case_pool_end, 0, 512, 64, 0},
    {"pool, cached", case_pool_cached, case_pool_end, 0, 512, 64, 0},
    {"pool, fixed", case_pool_fixed, case_pool_end, CONFORM_LEAF, 512, 64, 1 << 20},
    {"multipool", case_multipool, case_multipool_end, 0, 0, 0, 0},
    {"stack", case_lifo, case_lifo_end, 0, 0, 0, 0},
    {"stack of blocks", case_lifo_of_blocks, case_lifo_end, 0, 0, 0, 0},
    {"frames", case_frames, case_frames_end, 0, 0, 0, 0},
    {"limiter", case_limiter, case_limiter_end, CONFORM_DIRECT, 0, 0, 0},
    {"limiter, with limits", case_limiter_with_limits, case_limiter_end, CONFORM_DIRECT, 0, 0, 0},
    {"fallback", case_fallback, case_fallback_end, CONFORM_DIRECT, 0, 0, 0},
    {"fallback, one silent", case_fallback_half_silent, case_fallback_end, CONFORM_DIRECT, 0, 0, 0},
    {"fallback, tagged", case_fallback_tagged, case_fallback_end, CONFORM_DIRECT, 0, 0, 0},
    {"segregator", case_segregator, case_segregator_end, CONFORM_DIRECT, 0, 0, 0},
    {"segregator of trackers", case_segregator_of_trackers, case_segregator_of_trackers_end, 0, 0,
     0, 0},
    {"retrier", case_retrier, case_retrier_end, CONFORM_DIRECT, 0, 0, 0},
    {"reserve", case_reserve, case_reserve_end, CONFORM_DIRECT, 0, 0, 0},
    {"locked", case_locked, case_locked_end, CONFORM_DIRECT, 0, 0, 0},
    {"tracker", case_tracker, case_tracker_end, CONFORM_DIRECT, 0, 0, 0},
    {"tracker, with stacks", case_tracker_with_stacks, case_tracker_end, CONFORM_DIRECT, 0, 0, 0},
    {"counter", case_counter, case_counter_end, CONFORM_DIRECT, 0, 0, 0},
    {"logger", case_logger, case_logger_end, CONFORM_DIRECT, 0, 0, 0},
    {"canary", case_canary, case_canary_end, CONFORM_DIRECT, 0, 0, 0},
    {"canary on the heap", case_canary_on_heap, case_canary_end, 0, 0, 0, 0},
    {"one thread", case_one_thread, case_one_thread_end, CONFORM_DIRECT, 0, 0, 0},
    {"injector", case_injector, case_injector_end, CONFORM_DIRECT, 0, 0, 0},
    {"stack of decorators", case_stack, case_stack_end, CONFORM_DIRECT, 0, 0, 0},
    {"counter, limiter, one thread on the heap", case_stack_on_heap, NULL, 0, 0, 0, 0},
    {"limiter over bare", bare_case_limiter, case_limiter_end, CONFORM_DIRECT, 0, 0, 0},
    {"fallback, tagged over bare", bare_case_fallback_tagged, case_fallback_end, CONFORM_DIRECT, 0,
     0, 0},
    {"segregator over bare", bare_case_segregator, case_segregator_end, CONFORM_DIRECT, 0, 0, 0},
    {"retrier over bare", bare_case_retrier, case_retrier_end, CONFORM_DIRECT, 0, 0, 0},
    {"reserve over bare", bare_case_reserve, case_reserve_end, CONFORM_DIRECT, 0, 0, 0},
    {"locked over bare", bare_case_locked, case_locked_end, CONFORM_DIRECT, 0, 0, 0},
    {"tracker over bare", bare_case_tracker_with_stacks, case_tracker_end, CONFORM_DIRECT, 0, 0, 0},
    {"counter over bare", bare_case_counter, case_counter_end, CONFORM_DIRECT, 0, 0, 0},
    {"logger over bare", bare_case_logger, case_logger_end, CONFORM_DIRECT, 0, 0, 0},
    {"canary over bare", bare_case_canary, case_canary_end, CONFORM_DIRECT, 0, 0, 0},
    {"one thread over bare", bare_case_one_thread, case_one_thread_end, CONFORM_DIRECT, 0, 0, 0},
    {"injector over bare", bare_case_injector, case_injector_end, CONFORM_DIRECT, 0, 0, 0},
};

const size_t conform_case_count = ALI_ARRAY_COUNT(conform_cases);

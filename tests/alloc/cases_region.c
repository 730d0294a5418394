/* Pools, stacks and frames for the table in cases.c. The arenas are there. */
#include "alloc/cases.h"

#include "core/core.h"

enum { POOL_BYTES = 512, POOL_ALIGN = 64 };

static allot_pool pool;
static allot_multipool multipool;
static allot_stack stack;
static allot_frames frames;
static char buffer[4 << 20];

static allot_allocator *make_pool(struct allot_pool_options options)
{
    options.object_bytes = POOL_BYTES;
    options.align = POOL_ALIGN;
    return allot_pool_init(&pool, &options) == 0 ? &pool.base : NULL;
}

allot_allocator *case_pool(allot_allocator *inner)
{
    return make_pool((struct allot_pool_options){.source = inner});
}

allot_allocator *case_pool_of_blocks(allot_allocator *inner)
{
    ali_options.regions = ALI_REGIONS_INDIVIDUAL;
    return case_pool(inner);
}

allot_allocator *case_pool_shared(allot_allocator *inner)
{
    return make_pool((struct allot_pool_options){.source = inner, .flags = ALLOT_POOL_SHARED});
}

allot_allocator *case_pool_cached(allot_allocator *inner)
{
    return make_pool((struct allot_pool_options){.source = inner, .flags = ALLOT_POOL_CACHED});
}

allot_allocator *case_pool_fixed(allot_allocator *inner)
{
    (void)inner;
    return make_pool((struct allot_pool_options){
        .buffer = buffer, .buffer_bytes = sizeof buffer, .flags = ALLOT_POOL_FIXED});
}

void case_pool_end(allot_allocator *a)
{
    allot_pool_release((allot_pool *)(void *)a);
    ali_options.regions = ALI_REGIONS_CHUNKED;
}

allot_allocator *case_multipool(allot_allocator *inner)
{
    const struct allot_multipool_options options = {.source = inner};

    return allot_multipool_init(&multipool, &options) == 0 ? &multipool.base : NULL;
}

void case_multipool_end(allot_allocator *a)
{
    allot_multipool_release((allot_multipool *)(void *)a);
}

allot_allocator *case_lifo(allot_allocator *inner)
{
    const struct allot_stack_options options = {.source = inner};

    return allot_stack_init(&stack, &options) == 0 ? &stack.base : NULL;
}

allot_allocator *case_lifo_of_blocks(allot_allocator *inner)
{
    ali_options.regions = ALI_REGIONS_INDIVIDUAL;
    return case_lifo(inner);
}

void case_lifo_end(allot_allocator *a)
{
    allot_stack_release((allot_stack *)(void *)a);
    ali_options.regions = ALI_REGIONS_CHUNKED;
}

allot_allocator *case_frames(allot_allocator *inner)
{
    const struct allot_stack_options options = {.source = inner};

    return allot_frames_init(&frames, 2, &options) == 0 ? &frames.base : NULL;
}

void case_frames_end(allot_allocator *a)
{
    allot_frames_release((allot_frames *)(void *)a);
}

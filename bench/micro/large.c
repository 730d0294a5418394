/* One thread: zeroed, aligned, growing and large blocks. */
#include "micro.h"

#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 2000, PAGE = 4096, LARGE_LIVE = 4 };

#define MIB ((size_t)1 << 20)

static void *objects[OBJECTS];

/* A block that is not zero would make a fast calloc worthless, so both ends are read. The first
 * and last bytes are then made dirty: memory that comes back has to be zeroed again. */
static void calloc_pass(size_t size, size_t count, size_t rounds)
{
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            char *block = escape(calloc(1, size));
            if (!block || block[0] || block[size - 1])
                process_fail("calloc failed or did not zero");
            block[0] = block[size - 1] = 1;
            objects[i] = block;
        }
        for (size_t i = 0; i < count; i++)
            free(objects[i]);
    }
}

static void calloc_run(struct context *context, size_t count, size_t rounds)
{
    process_pin(0);
    calloc_pass(context->row->argument, count, 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        calloc_pass(context->row->argument, count, rounds);
        meter_stop((double)(count * rounds));
    }
}

static void calloc_small(struct context *context)
{
    calloc_run(context, 1000, scaled(context, 500));
}

static void calloc_page(struct context *context)
{
    calloc_run(context, OBJECTS, scaled(context, 16));
}

static void aligned_pass(size_t align, size_t rounds)
{
    enum { COUNT = 100 };
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < COUNT; i++)
            objects[i] = touched(aligned_alloc(align, align));
        for (size_t i = 0; i < COUNT; i++) {
            if ((uintptr_t)objects[i] % align)
                process_fail("aligned_alloc did not align");
            free(objects[i]);
        }
    }
}

static void aligned(struct context *context)
{
    size_t rounds = scaled(context, 2000);
    process_pin(0);
    aligned_pass(context->row->argument, rounds / 4 + 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        aligned_pass(context->row->argument, rounds);
        meter_stop((double)(100 * rounds));
    }
}

static void pages_touch(char *block, size_t from, size_t to)
{
    for (size_t at = from; at < to; at += PAGE)
        ((volatile char *)block)[at] = 1;
}

static void realloc_linear_pass(size_t limit)
{
    size_t step = 64 << 10;
    char *block = NULL;
    for (size_t size = step; size <= limit; size += step) {
        block = touched(realloc(block, size));
        pages_touch(block, size - step, size);
    }
    if (block && block[limit - step] != 1)
        process_fail("realloc lost bytes");
    free(block);
}

static void realloc_geometric_pass(size_t limit)
{
    size_t had = 0;
    char *block = NULL;
    for (size_t size = 64; had < limit; size += size / 2) {
        if (size > limit)
            size = limit;
        block = touched(realloc(block, size));
        pages_touch(block, had, size);
        had = size;
    }
    if (block && block[0] != 1)
        process_fail("realloc lost bytes");
    free(block);
}

static void realloc_run(struct context *context, void (*grow)(size_t limit))
{
    size_t limit = 64 * MIB;
    process_pin(0);
    grow(limit);
    for (unsigned pass = 0; pass < (context->passes + 1) / 2; pass++) {
        meter_start();
        grow(limit);
        meter_stop(1);
    }
    meter_note("rss_after_mib", (double)process_rss_kib() / 1024);
}

static void realloc_linear(struct context *context)
{
    realloc_run(context, realloc_linear_pass);
}

static void realloc_geometric(struct context *context)
{
    realloc_run(context, realloc_geometric_pass);
}

/* Sizes are spread evenly over the powers of two from 1 to 64 MiB. */
static size_t large_size(uint64_t *seed)
{
    size_t base = MIB << random_next(seed) % 6;
    return base + random_next(seed) % base;
}

static void large_step(uint64_t *seed)
{
    size_t at = random_next(seed) % LARGE_LIVE, size = large_size(seed);
    free(objects[at]);
    objects[at] = touched(malloc(size));
    pages_touch(objects[at], 0, size);
}

static void large_churn(struct context *context)
{
    size_t count = scaled(context, 64);
    uint64_t seed = 11;
    process_pin(0);
    for (size_t i = 0; i < count; i++)
        large_step(&seed);
    for (unsigned pass = 0; pass < 3; pass++) {
        meter_start();
        for (size_t i = 0; i < count; i++)
            large_step(&seed);
        meter_stop((double)count);
    }
    for (size_t i = 0; i < LARGE_LIVE; i++)
        free(objects[i]);
    meter_note("rss_after_mib", (double)process_rss_kib() / 1024);
}

const struct row large_rows[] = {
    {"calloc-64", calloc_small, 64, "ns"},       {"calloc-4k-x2000", calloc_page, 4096, "ns"},
    {"aligned-64-64", aligned, 64, "ns"},        {"aligned-4k-4k", aligned, 4096, "ns"},
    {"realloc-linear", realloc_linear, 0, "ms"}, {"realloc-geometric", realloc_geometric, 0, "ms"},
    {"large-churn", large_churn, 0, "ms"},       {0},
};

/* One thread, small objects: the paths that are nearly always hits. */
#include "micro.h"

#include <stdlib.h>
#include <string.h>

enum { LIVE_MAX = 200 * 1000, MILLION = 1000 * 1000 };

static void *live[MILLION];

/* Three of four sizes are at most 128 bytes, as in most programs; the rest reach 1 KiB. */
static uint16_t sizes[SIZES];

static void sizes_fill(void)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < SIZES; i++) {
        size_t limit = i % 4 ? 128 : 1024;
        sizes[i] = (uint16_t)(8 + random_next(&seed) % (limit - 7));
    }
}

static void ping_pong_pass(size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(touched(malloc(size)));
}

static void ping_pong(struct context *context)
{
    size_t count = scaled(context, 1000 * 1000);
    process_pin(0);
    ping_pong_pass(context->row->argument, count / 4 + 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        ping_pong_pass(context->row->argument, count);
        meter_stop((double)count);
    }
}

static void burst_pass(size_t objects, size_t rounds)
{
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < objects; i++)
            live[i] = touched(malloc(64));
        for (size_t i = objects; i-- > 0;)
            free(live[i]);
    }
}

static void burst(struct context *context)
{
    size_t objects = context->row->argument, rounds = scaled(context, 2000);
    process_pin(0);
    burst_pass(objects, rounds / 4 + 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        burst_pass(objects, rounds);
        meter_stop((double)(objects * rounds));
    }
}

static void batch_pass(size_t objects, size_t rounds)
{
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < objects; i++)
            live[i] = touched(malloc(64));
        for (size_t i = 0; i < objects; i++)
            free(live[i]);
    }
}

static void batch(struct context *context)
{
    size_t objects = context->row->argument, rounds = scaled(context, 800);
    process_pin(0);
    batch_pass(objects, rounds / 4 + 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        batch_pass(objects, rounds);
        meter_stop((double)(objects * rounds));
    }
}

static void random_pass(size_t objects, size_t count, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = random_next(seed);
        size_t at = (size_t)((draw * objects) >> 31);
        free(live[at]);
        live[at] = touched(malloc(sizes[draw % SIZES]));
    }
}

static void random_set(struct context *context)
{
    size_t objects = context->row->argument, count = scaled(context, 800 * 1000);
    uint64_t seed = 42;
    process_pin(0);
    sizes_fill();
    memset(live, 0, sizeof live);
    for (size_t i = 0; i < objects; i++)
        live[i] = touched(malloc(sizes[i % SIZES]));
    random_pass(objects, 4 * objects, &seed);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        random_pass(objects, count, &seed);
        meter_stop((double)count);
    }
}

/* The array is written first so that only the objects' own pages are new. */
static void million_cold(struct context *context)
{
    size_t count = scaled(context, MILLION);
    process_pin(0);
    memset(live, 1, sizeof live);
    meter_start();
    for (size_t i = 0; i < count; i++)
        live[i] = touched(malloc(64));
    meter_stop((double)count);
}

static void million_reuse(struct context *context)
{
    size_t count = scaled(context, MILLION);
    process_pin(0);
    memset(live, 1, sizeof live);
    batch_pass(count, 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        batch_pass(count, 1);
        meter_stop((double)count);
    }
}

const struct row hot_rows[] = {
    {"ping-pong-16", ping_pong, 16, "ns"},          {"ping-pong-32", ping_pong, 32, "ns"},
    {"ping-pong-64", ping_pong, 64, "ns"},          {"ping-pong-256", ping_pong, 256, "ns"},
    {"ping-pong-1k", ping_pong, 1024, "ns"},        {"ping-pong-4k", ping_pong, 4096, "ns"},
    {"ping-pong-16k", ping_pong, 16 << 10, "ns"},   {"ping-pong-64k", ping_pong, 64 << 10, "ns"},
    {"ping-pong-256k", ping_pong, 256 << 10, "ns"}, {"burst-400x64", burst, 400, "ns"},
    {"batch-1000x64", batch, 1000, "ns"},           {"random-1k", random_set, 1000, "ns"},
    {"random-200k", random_set, LIVE_MAX, "ns"},    {"million-64-cold", million_cold, 0, "ns"},
    {"million-64-reuse", million_reuse, 0, "ns"},   {0},
};

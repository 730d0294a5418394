/* Two threads: objects that one allocates and the other frees. */
#define _GNU_SOURCE
#include "micro.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { RING = 16384, PUBLISH = 1024, SLOTS = 4096, SPINS = 1000 };

/* Single producer, single consumer. Indices grow without wrapping and are published in large steps:
 * a consumer close behind its producer would measure cache lines travelling between cores. */
static struct {
    _Alignas(64) _Atomic size_t written;
    _Alignas(64) _Atomic size_t consumed;
    _Alignas(64) void *items[RING];
} ring;

static size_t wait_above(_Atomic size_t *index, size_t seen)
{
    size_t now;
    for (unsigned spins = 0; (now = atomic_load_explicit(index, memory_order_acquire)) <= seen;) {
        if (++spins < SPINS)
            cpu_relax();
        else
            sched_yield();
    }
    return now;
}

static void *consume(void *argument)
{
    size_t total = *(size_t *)argument, done = 0;
    process_pin(1);
    while (done < total) {
        size_t written = wait_above(&ring.written, done);
        for (; done < written; done++)
            free(ring.items[done % RING]);
        atomic_store_explicit(&ring.consumed, done, memory_order_release);
    }
    return NULL;
}

static void produce(size_t total)
{
    size_t consumed = 0;
    for (size_t i = 0; i < total; i++) {
        if (i - consumed == RING)
            consumed = wait_above(&ring.consumed, consumed);
        ring.items[i % RING] = touched(malloc(64));
        if ((i + 1) % PUBLISH == 0 || i + 1 == total)
            atomic_store_explicit(&ring.written, i + 1, memory_order_release);
    }
}

static void producer_consumer(struct context *context)
{
    size_t total = scaled(context, 1000 * 1000);
    pthread_t consumer;
    process_pin(0);
    for (unsigned pass = 0; pass <= context->passes; pass++) {
        ring.written = ring.consumed = 0;
        meter_start();
        if (pthread_create(&consumer, NULL, consume, &total))
            process_fail("no thread");
        produce(total);
        pthread_join(consumer, NULL);
        if (pass)
            meter_stop((double)total);
    }
}

static _Atomic(void *) slots[SLOTS];
static size_t swap_count;

static void swap_pass(uint64_t seed)
{
    for (size_t i = 0; i < swap_count; i++) {
        void *fresh = touched(malloc(64));
        free(atomic_exchange_explicit(&slots[random_next(&seed) % SLOTS], fresh,
                                      memory_order_acq_rel));
    }
}

static void *swap_thread(void *argument)
{
    process_pin(1);
    swap_pass((uint64_t)(uintptr_t)argument);
    return NULL;
}

static void swap_free(struct context *context)
{
    pthread_t other;
    swap_count = scaled(context, 500 * 1000);
    process_pin(0);
    for (uintptr_t pass = 0; pass <= context->passes; pass++) {
        meter_start();
        if (pthread_create(&other, NULL, swap_thread, (void *)(2 * pass + 1)))
            process_fail("no thread");
        swap_pass(2 * pass + 2);
        pthread_join(other, NULL);
        if (pass)
            meter_stop((double)swap_count);
    }
}

const struct row thread_rows[] = {
    {"producer-consumer", producer_consumer, 0, "ns"},
    {"swap-free", swap_free, 0, "ns"},
    {0},
};

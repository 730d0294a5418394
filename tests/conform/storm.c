/* A storm of short threads that allocate again in their last round of
 * destructors: after the warm-up the process does not grow.
 */
#include "t.h"
#include <limits.h>
#include <pthread.h>

#ifndef PTHREAD_DESTRUCTOR_ITERATIONS
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#endif

enum { at_once = 4 };
static pthread_key_t key;
static void *handed_over[at_once];

static void in_destructor(void *value)
{
    uintptr_t round = (uintptr_t)value;
    void *block[8];
    for (size_t i = 0; i < 8; i++) {
        block[i] = malloc(30 + i * i * 100);
        memset(block[i], 1, 30 + i * i * 100);
    }
    for (size_t i = 0; i < 8; i++)
        free(block[i]);
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(key, (void *)(round + 1));
}

static void *body(void *arg)
{
    uintptr_t index = (uintptr_t)arg;
    void *own = malloc(500 + index * 1000);
    memset(own, 1, 500);
    free(__atomic_exchange_n(&handed_over[index], own, __ATOMIC_ACQ_REL));
    pthread_setspecific(key, (void *)1);
    return NULL;
}

static void wave(pthread_attr_t *attr)
{
    pthread_t thread[at_once];
    for (uintptr_t i = 0; i < at_once; i++) {
        int error = pthread_create(&thread[i], attr, body, (void *)i);
        REQUIRE(error == 0, "pthread_create: %d", error);
    }
    for (int i = 0; i < at_once; i++)
        pthread_join(thread[i], NULL);
}

/* Blocks placed at random, or waiting in the quarantine, keep slabs from going back: how many is a
 * matter of chance, but bounded.
 */
static long growth_limit_kib(void)
{
    return t_hardens(NULL) ? 5 * 1024 : 1024;
}

int main(void)
{
    long threads = t_env("ALLOT_TEST_THREADS", 100000), warm_up = threads / 20 + at_once;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024 > PTHREAD_STACK_MIN ? 64 * 1024 : PTHREAD_STACK_MIN);
    REQUIRE(!pthread_key_create(&key, in_destructor), "pthread_key_create");
    long at_start = t_rss_kib();
    for (long i = 0; i < warm_up; i += at_once)
        wave(&attr);
    REQUIRE(t_rss_kib() - at_start < 256 * 1024, "256 MiB after the warm-up");
    long before = t_rss_kib(), before_size = t_statm_pages(0);
    for (long i = 0; i < threads; i += at_once) {
        wave(&attr);
        if (i % 1000 == 0)
            REQUIRE(t_rss_kib() - before < 256 * 1024, "256 MiB more after %ld threads", i);
    }
    long grown = t_rss_kib() - before;
    long mapped = (t_statm_pages(0) - before_size) * (sysconf(_SC_PAGESIZE) / 1024);
    t_say("%ld threads: %ld KiB resident more, %ld KiB mapped more", threads, grown, mapped);
    CHECK(grown < growth_limit_kib(), "%ld KiB more after %ld threads", grown, threads);
    return t_done();
}

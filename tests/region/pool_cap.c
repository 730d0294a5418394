/* Shared pools at their cap, and threads that get there at once. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

#include "region/pooled.h"

enum { THREADS = 4 };

/* --- permits ------------------------------------------------------------------------------ */

static sem_t permits;

/* Who has a permit finds an object: there are as many permits as the pool may have objects. */
static void *get_with_permit(void *arg)
{
    const char *wrong = NULL;

    (void)arg;
    for (int i = 0; i < 100 && wrong == NULL; i++) {
        struct node *p;

        while (sem_wait(&permits) != 0)
            ;
        p = allot_pool_get(&pool);
        if (p != NULL)
            p->words[0] = (uintptr_t)&i;
        sched_yield();
        if (p == NULL)
            wrong = "nothing to get below the cap";
        else if (p->words[0] != (uintptr_t)&i)
            wrong = "an object of two threads";
        allot_pool_put(&pool, p);
        if (i % 8 == 0)
            (void)allot_pool_trim(&pool);
        sem_post(&permits);
    }
    return unit_wrong(wrong);
}

static void shared_when_fewer_than_the_cap_are_live_never_fails(void **state)
{
    pthread_t threads[THREADS];
    void *wrong;

    (void)state;
    for (unsigned round = 0; round < 64; round++) {
        unsigned cap = 1 + round % 8;

        start(&(struct allot_pool_options){
            .flags = ALLOT_POOL_SHARED, .max_objects = cap, .chunk_objects = round % 3 * 4});
        sem_init(&permits, 0, cap);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, get_with_permit, NULL), 0);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], &wrong), 0);
            if (wrong != NULL)
                fail_msg("%s", (const char *)wrong);
        }
        sem_destroy(&permits);
        assert_in_range(stats_now().peak_live_objects, 1, cap);
        assert_int_equal(stats_now().failures, 0);
        stop();
    }
}

/* --- chunks to come ----------------------------------------------------------------------- */

/* A source that has another thread use the pool meanwhile. */
struct slow_source {
    struct source source;
    _Atomic(bool) is_on;
    _Atomic(bool) is_done;
    pthread_t other;
    bool is_again; /* uses the pool itself */
    bool refuses;
};
static struct slow_source slow;

static void *get_meanwhile(void *arg)
{
    void *p = allot_pool_get(&pool);

    (void)arg;
    atomic_store(&slow.is_done, true);
    return p;
}

static void *slow_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    if (atomic_exchange(&slow.is_on, false)) {
        if (slow.is_again)
            assert_null(allot_pool_get(&pool));
        else
            pthread_create(&slow.other, NULL, get_meanwhile, NULL);
        for (int i = 0; i < 100 && !atomic_load(&slow.is_done); i++)
            usleep(500);
        if (slow.refuses)
            return allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_INJECTED, 0);
    }
    return source_alloc(a, size, how, caller);
}

static void start_slow(size_t cap)
{
    static struct allot_allocator_ops ops;

    ops = source_ops;
    ops.alloc = slow_alloc;
    slow = (struct slow_source){.source = SOURCE()};
    slow.source.base.ops = &ops;
    expect_misuse_by_handler();
    assert_int_equal(
        allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = sizeof(struct node),
                                                            .source = &slow.source.base,
                                                            .flags = ALLOT_POOL_SHARED,
                                                            .max_objects = cap}),
        0);
    atomic_store(&slow.is_on, true);
}

static void stop_slow(void)
{
    stop();
    assert_true(source_is_empty(&slow.source));
}

static void get_when_another_thread_makes_the_last_chunk_waits_for_it(void **state)
{
    void *p, *other;

    (void)state;
    start_slow(2);
    p = allot_pool_get(&pool);
    pthread_join(slow.other, &other);
    assert_non_null(p);
    assert_non_null(other);
    assert_ptr_not_equal(p, other);
    allot_pool_put(&pool, p);
    allot_pool_put(&pool, other);
    stop_slow();
}

static void get_when_the_awaited_chunk_cannot_be_made_makes_one(void **state)
{
    void *p, *other;

    (void)state;
    start_slow(2);
    slow.refuses = true;
    p = allot_pool_get(&pool);
    pthread_join(slow.other, &other);
    assert_null(p);
    assert_non_null(other);
    allot_pool_put(&pool, other);
    stop_slow();
}

static void get_when_the_awaited_chunk_is_used_up_fails(void **state)
{
    void *p, *other;

    (void)state;
    start_slow(1);
    p = allot_pool_get(&pool);
    pthread_join(slow.other, &other);
    assert_true((p != NULL) != (other != NULL));
    assert_int_equal(stats_now().failures, 1);
    allot_pool_put(&pool, p);
    allot_pool_put(&pool, other);
    stop_slow();
}

static void get_when_the_source_itself_gets_does_not_wait(void **state)
{
    void *p;

    (void)state;
    start_slow(2);
    slow.is_again = true;
    p = allot_pool_get(&pool);
    assert_non_null(p);
    allot_pool_put(&pool, p);
    stop_slow();
}

static volatile size_t too_large = SIZE_MAX; /* no constant, of which compilers warn */

static bool fail_elsewhere(allot_pool *full, void *arg)
{
    (void)full;
    (void)arg;
    assert_null(allot_new(NULL, too_large));
    errno = EINTR;
    return false;
}

static void get_when_the_cap_is_reached_says_so_whatever_reclaim_does(void **state)
{
    void *p;

    (void)state;
    start(&(struct allot_pool_options){
        .flags = ALLOT_POOL_SHARED, .max_objects = 1, .reclaim = fail_elsewhere});
    p = allot_pool_get(&pool);
    errno = 0;
    assert_null(allot_pool_get(&pool));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(allot_last_error().layer, ALLOT_LAYER_REGION);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_EXHAUSTED);
    allot_pool_put(&pool, p);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_when_fewer_than_the_cap_are_live_never_fails),
        cmocka_unit_test(get_when_another_thread_makes_the_last_chunk_waits_for_it),
        cmocka_unit_test(get_when_the_awaited_chunk_cannot_be_made_makes_one),
        cmocka_unit_test(get_when_the_awaited_chunk_is_used_up_fails),
        cmocka_unit_test(get_when_the_source_itself_gets_does_not_wait),
        cmocka_unit_test(get_when_the_cap_is_reached_says_so_whatever_reclaim_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

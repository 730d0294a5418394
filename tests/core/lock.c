#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "core/core.h"

enum { THREADS = 8, ROUNDS = 20000 };

static struct ali_lock lock = ALI_LOCK_INIT(ALI_RANK_SPAN);
static uint64_t counter; /* not atomic: only the lock protects it */

static void lock_when_taken_and_released_tells(void **state)
{
    struct ali_lock l = ALI_LOCK_INIT(ALI_RANK_HEAP);

    (void)state;
    assert_false(ali_lock_is_taken(&l));
    ali_lock(&l);
    assert_true(ali_lock_is_taken(&l));
    assert_false(ali_try_lock(&l));
    ali_unlock(&l);
    assert_false(ali_lock_is_taken(&l));
    assert_true(ali_try_lock(&l));
    ali_unlock(&l);
}

static void *count_up(void *arg)
{
    struct ali_random r = {.state = (uintptr_t)arg};

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t dice = ali_random_next(&r);

        if (dice % 4 == 0) {
            while (!ali_try_lock(&lock))
                sched_yield();
        } else {
            ali_lock(&lock);
        }
        counter++;
        if (dice % 512 == 1)
            sched_yield(); /* makes the others sleep */
        ali_unlock(&lock);
    }
    return NULL;
}

static void lock_when_contended_excludes_and_wakes_everybody(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    counter = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(counter, THREADS * ROUNDS);
    assert_false(ali_lock_is_taken(&lock));
}

static void *take_once(void *arg)
{
    ali_lock(&lock);
    *(bool *)arg = true;
    ali_unlock(&lock);
    return NULL;
}

/* The waiter marks the word (2) before it sleeps; only then is it released. */
static void lock_when_a_waiter_sleeps_is_handed_on(void **state)
{
    pthread_t thread;
    bool taken = false;

    (void)state;
    ali_lock(&lock);
    assert_int_equal(pthread_create(&thread, NULL, take_once, &taken), 0);
    while (atomic_load(&lock.word) != 2)
        sched_yield();
    assert_false(taken);
    ali_unlock(&lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(taken);
}

static void reset_when_the_holder_is_gone_frees(void **state)
{
    struct ali_lock l = ALI_LOCK_INIT(ALI_RANK_HEAP);

    (void)state;
    atomic_store(&l.word, 2);
    ali_lock_reset(&l);
    assert_false(ali_lock_is_taken(&l));
    ali_lock(&l);
    ali_unlock(&l);
}

static void take_downwards(void *arg)
{
    (void)arg;
    ali_lock_rank_push(ALI_RANK_SPAN);
    ali_lock_rank_push(ALI_RANK_HEAP);
}

static void take_same_twice(void *arg)
{
    (void)arg;
    ali_lock_rank_push(ALI_RANK_SPAN);
    ali_lock_rank_push(ALI_RANK_SPAN);
}

static void release_unheld(void *arg)
{
    (void)arg;
    ali_lock_rank_push(ALI_RANK_SPAN);
    ali_lock_rank_pop(ALI_RANK_HEAP);
}

static void take_upwards(void *arg)
{
    (void)arg;
    ali_lock_rank_push(ALI_RANK_HEAP_LIST);
    ali_lock_rank_push(ALI_RANK_METADATA);
    ali_lock_rank_pop(ALI_RANK_HEAP_LIST); /* any order of release */
    ali_lock_rank_push(ALI_RANK_REPORT);
    ali_lock_rank_pop(ALI_RANK_METADATA);
    ali_lock_rank_pop(ALI_RANK_REPORT);
    ali_lock_rank_push(ALI_RANK_HEAP_LIST);
}

static void ranks_when_in_order_pass(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(take_upwards, NULL)));
}

static void ranks_when_out_of_order_trap(void **state)
{
    (void)state;
    assert_true(unit_crashed(unit_in_child(take_downwards, NULL)));
    assert_true(unit_crashed(unit_in_child(take_same_twice, NULL)));
    assert_true(unit_crashed(unit_in_child(release_unheld, NULL)));
}

#ifdef ALI_DEBUG
static void lock_downwards(void *arg)
{
    struct ali_lock low = ALI_LOCK_INIT(ALI_RANK_HEAP);

    (void)arg;
    ali_lock(&lock);
    ali_lock(&low);
}

static void lock_when_debug_and_out_of_order_traps(void **state)
{
    (void)state;
    assert_true(unit_crashed(unit_in_child(lock_downwards, NULL)));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_when_taken_and_released_tells),
        cmocka_unit_test(lock_when_contended_excludes_and_wakes_everybody),
        cmocka_unit_test(lock_when_a_waiter_sleeps_is_handed_on),
        cmocka_unit_test(reset_when_the_holder_is_gone_frees),
        cmocka_unit_test(ranks_when_in_order_pass),
        cmocka_unit_test(ranks_when_out_of_order_trap),
#ifdef ALI_DEBUG
        cmocka_unit_test(lock_when_debug_and_out_of_order_traps),
#endif
    };

    return cmocka_run_group_tests_name("core/lock", tests, NULL, NULL);
}

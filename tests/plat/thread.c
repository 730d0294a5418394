#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "plat/plat.h"

static _Atomic(unsigned) exits;
static _Atomic(unsigned) rearm;

static void at_exit(void *value)
{
    assert_ptr_equal(value, &exits);
    atomic_fetch_add(&exits, 1);
    if (atomic_load(&rearm) > 0) {
        atomic_fetch_sub(&rearm, 1);
        ali_os_thread_exit_arm(value);
    }
}

static void *armed(void *arg)
{
    (void)arg;
    ali_os_thread_exit_arm(&exits);
    return NULL;
}

static void *disarmed(void *arg)
{
    (void)arg;
    ali_os_thread_exit_arm(&exits);
    ali_os_thread_exit_arm(NULL);
    return NULL;
}

static void *never_armed(void *arg)
{
    return arg;
}

static void run_thread(void *(*body)(void *))
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, body, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Once per process, so all of it is one test. */
static void exit_hook_when_armed_runs_once_for_each_arming(void **state)
{
    (void)state;
    ali_os_thread_exit_arm(&exits); /* before there is a hook: no effect */
    assert_int_equal(ali_os_thread_exit_hook(at_exit), 0);
    run_thread(never_armed);
    assert_int_equal(exits, 0);
    run_thread(armed);
    assert_int_equal(exits, 1);
    run_thread(disarmed);
    assert_int_equal(exits, 1);
    rearm = 2;
    run_thread(armed);
    assert_int_equal(exits, 4);
}

static char order[8];
static unsigned order_length;

static void before(void)
{
    order[order_length++] = 'b';
}

static void parent(void)
{
    order[order_length++] = 'p';
}

static void child(void)
{
    order[order_length++] = 'c';
}

static void check_child(void *arg)
{
    (void)arg;
    unit_child_require(strcmp(order, "bc") == 0);
}

static void fork_hook_when_forking_runs_in_order(void **state)
{
    (void)state;
    assert_int_equal(ali_os_fork_hook(before, parent, child), 0);
    assert_true(unit_succeeded(unit_in_child(check_child, NULL)));
    assert_string_equal(order, "bp");
}

static _Atomic(uint32_t) word;

static void *wait_for_word(void *arg)
{
    while (atomic_load(&word) == 0)
        ali_os_wait(&word, 0);
    return arg;
}

static void wait_when_woken_or_already_changed_returns(void **state)
{
    pthread_t thread;

    (void)state;
    errno = 77;
    ali_os_wait(&word, 5); /* is 0: nothing to wait for */
    assert_int_equal(errno, 77);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_word, NULL), 0);
    for (unsigned i = 0; i < 100; i++)
        sched_yield();
    atomic_store(&word, 1);
    ali_os_wake_one(&word);
    assert_int_equal(pthread_join(thread, NULL), 0);
    ali_os_spin_pause();
}

static void *get_id(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t)ali_os_thread_id();
}

static void thread_id_when_in_another_thread_differs(void **state)
{
    pthread_t thread;
    void *id;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, get_id, NULL), 0);
    assert_int_equal(pthread_join(thread, &id), 0);
    assert_true((uintptr_t)id != ali_os_thread_id());
    assert_true(id != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_hook_when_armed_runs_once_for_each_arming),
        cmocka_unit_test(fork_hook_when_forking_runs_in_order),
        cmocka_unit_test(wait_when_woken_or_already_changed_returns),
        cmocka_unit_test(thread_id_when_in_another_thread_differs),
    };

    return cmocka_run_group_tests_name("plat/thread", tests, NULL, NULL);
}

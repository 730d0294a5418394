/* The first moments of the heap, when other threads fork and the C library allocates: here out of
 * the call that tells it of the fork hook. */
#include "unit.h"

#include <pthread.h>

#include "fake/fake.h"
#include "heap/trial.h"

static void (*at_hook)(void);
static char *first;

static void watch(enum fake_call call, const void *at, size_t bytes)
{
    void (*run)(void) = at_hook;

    (void)at;
    (void)bytes;
    if (call != FAKE_FORK_HOOK || run == NULL)
        return;
    at_hook = NULL;
    run();
}

static void start_with(void (*run)(void))
{
    at_hook = run;
    fake_watch(watch);
    give(take(100, ALI_CALL_MALLOC), ALI_CALL_FREE);
    unit_child_require(at_hook == NULL);
}

static struct ali_block *holder_of(const void *p)
{
    struct ali_found f;

    unit_child_require(ali_find_live(p, &f) && f.slab != NULL);
    return atomic_load(&f.slab->holder);
}

static void take_first(void)
{
    first = take(64, ALI_CALL_MALLOC);
}

/* --- the hook allocates ------------------------------------------------------------------- */

static void allocate_in_hook(void *arg)
{
    (void)arg;
    start_with(take_first);
    unit_child_require(holder_of(first) == ali_self);
    unit_child_require(atomic_load(&ali_default_heap.blocks) == ali_self);
    unit_child_require(ali_self->next_all == NULL);
    give(first, ALI_CALL_FREE);
}

static void start_when_its_hook_allocates_makes_one_block(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(allocate_in_hook, NULL)));
}

/* --- another thread forks ----------------------------------------------------------------- */

static void fork_and_look(void (*child)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(60); /* what hangs is a failure */
        child();
        _exit(0);
    }
    unit_child_require(waitpid(pid, &status, 0) == pid && status == 0);
}

/* The thread that started the heap is not here, and its block nobody's. */
static void require_right(void)
{
    char *p = take(64, ALI_CALL_MALLOC);

    unit_child_require(holder_of(first) == ali_self || holder_of(first)->stale);
    unit_child_require(atomic_load(&holder_of(first)->thread) == NULL ||
                       holder_of(first) == ali_self);
    give(p, ALI_CALL_FREE);
    give(first, ALI_CALL_FREE);
    for (size_t i = 0; i < 3000; i++)
        give(take(i * 30, ALI_CALL_MALLOC), ALI_CALL_FREE);
    (void)allot_trim(0);
}

static atomic_bool is_there;
static pthread_t other;

/* The others have the hook, too. */
static void require_right_and_fork(void)
{
    pid_t pid;
    int status = 0;

    require_right();
    first = take(64, ALI_CALL_MALLOC);
    pid = fork();
    if (pid == 0)
        _exit(atomic_load(&ali_self->thread_id) == ali_os_thread_id() ? 0 : 1);
    unit_child_require(waitpid(pid, &status, 0) == pid && status == 0);
}

static void *allocate_and_fork(void *arg)
{
    char *p;

    (void)arg;
    atomic_store(&is_there, true);
    p = take(64, ALI_CALL_MALLOC);
    fork_and_look(require_right);
    give(p, ALI_CALL_FREE);
    return NULL;
}

static void start_other(void *(*body)(void *))
{
    take_first();
    unit_child_require(pthread_create(&other, NULL, body, NULL) == 0);
    while (!atomic_load(&is_there))
        ali_os_spin_pause();
}

/* The other thread gets its block once a fork is sure to run the hook; until then it waits. */
static void let_other_allocate(void)
{
    start_other(allocate_and_fork);
    usleep(100000); /* time enough to go wrong */
}

static void allocate_then_fork(void *arg)
{
    (void)arg;
    start_with(let_other_allocate);
    unit_child_require(pthread_join(other, NULL) == 0);
}

static void start_when_another_thread_allocates_and_forks_is_hooked_by_then(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(allocate_then_fork, NULL)));
}

static void *only_fork(void *arg)
{
    (void)arg;
    fork_and_look(require_right_and_fork);
    atomic_store(&is_there, true);
    return NULL;
}

static void let_other_fork(void)
{
    start_other(only_fork);
}

static void fork_first(void *arg)
{
    (void)arg;
    start_with(let_other_fork);
    unit_child_require(pthread_join(other, NULL) == 0);
}

static void start_when_forked_before_the_hook_is_put_right_by_the_child(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(fork_first, NULL)));
}

/* --- the starting thread waits for a fork ------------------------------------------------- */

static void *only_allocate(void *arg)
{
    (void)arg;
    give(take(64, ALI_CALL_MALLOC), ALI_CALL_FREE);
    atomic_store(&is_there, true);
    return NULL;
}

/* As with a C library whose list of hooks is locked while a fork runs a hook that allocates. */
static void wait_for_other(void)
{
    start_other(only_allocate);
}

static void wait_in_a_circle(void *arg)
{
    (void)arg;
    alarm(60);
    start_with(wait_for_other);
    unit_child_require(pthread_join(other, NULL) == 0);
}

static void start_when_it_waits_for_one_that_waits_ends(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(wait_in_a_circle, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_when_its_hook_allocates_makes_one_block),
        cmocka_unit_test(start_when_another_thread_allocates_and_forks_is_hooked_by_then),
        cmocka_unit_test(start_when_forked_before_the_hook_is_put_right_by_the_child),
        cmocka_unit_test(start_when_it_waits_for_one_that_waits_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

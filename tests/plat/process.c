/* Environment, limits, use, time and the end of the process. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <time.h>

#include "plat/linux/linux.h"

static void init_when_called_twice_changes_nothing(void **state)
{
    uint64_t a[2];
    uint64_t b[2];

    (void)state;
    errno = 77;
    ali_os_init();
    ali_os_random(a);
    ali_os_init();
    ali_os_random(b);
    assert_memory_equal(a, b, sizeof a);
    assert_true(a[0] != a[1]);
    assert_int_equal(errno, 77);
    assert_int_equal(ali_os_page_bytes, sysconf(_SC_PAGESIZE));
    assert_false(ali_os_is_secure());
}

/* The kernel's bytes are also the stack protector's secret: no word of them may get out. */
static void random_when_given_out_is_mixed(void **state)
{
    const uint64_t *given = (const uint64_t *)getauxval(AT_RANDOM);
    uint64_t out[2];
    uint64_t words[2];

    (void)state;
    assert_non_null(given);
    memcpy(words, given, sizeof words);
    ali_os_random(out);
    for (unsigned i = 0; i < 4; i++)
        assert_true(out[i / 2] != words[i % 2]);
}

static void env_when_set_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_int_equal(setenv("ALI_TEST_LONGER", "longer", 1), 0);
    assert_null(ali_os_env("ALI_TEST"));
    assert_int_equal(setenv("ALI_TEST", "a=b", 1), 0);
    assert_string_equal(ali_os_env("ALI_TEST"), "a=b");
    assert_ptr_equal(ali_os_env("ALI_TEST"), getenv("ALI_TEST"));
    assert_string_equal(ali_os_env("ALI_TEST_LONGER"), "longer");
    assert_int_equal(setenv("ALI_TEST", "", 1), 0);
    assert_string_equal(ali_os_env("ALI_TEST"), "");
    assert_int_equal(unsetenv("ALI_TEST"), 0);
    assert_null(ali_os_env("ALI_TEST"));
}

static void env_when_cleared_is_empty(void **state)
{
    char **const saved = environ;
    char *none[] = {NULL};

    (void)state;
    environ = none;
    assert_null(ali_os_env("PATH"));
    environ = saved;
}

/* What a preinit function or the loader sees before the C library has started. */
static void env_when_libc_has_not_started_is_read_from_the_stack(void **state)
{
    char **const saved = environ;
    const char *path = getenv("PATH");
    const char *early;

    (void)state;
    assert_non_null(path);
    environ = NULL;
    early = ali_os_env("PATH");
    environ = saved;
#ifdef __GLIBC__
    assert_non_null(early);
    assert_string_equal(early, path);
#else
    assert_null(early);
#endif
}

static void limits_when_set_are_told(void **state)
{
    struct rlimit was;
    struct rlimit l;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_DATA, &was), 0);
    l = was;
    if (was.rlim_max == RLIM_INFINITY) {
        l.rlim_cur = UINT64_C(1) << 42;
        assert_int_equal(setrlimit(RLIMIT_DATA, &l), 0);
    }
    assert_true(ali_os_limit_data() == l.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_DATA, &was), 0);
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    assert_true(ali_os_limit_address_space() == was.rlim_cur);
}

static void usage_when_memory_is_touched_grows(void **state)
{
    enum { BYTES = 32 << 20 };
    struct ali_os_usage before;
    struct ali_os_usage after;
    char *p;

    (void)state;
    ali_os_usage(&before);
    p = ali_os_map(BYTES, ALI_OS_READ_WRITE, NULL);
    assert_non_null(p);
    memset(p, 1, BYTES);
    ali_os_usage(&after);
    assert_true(after.virtual_bytes >= before.virtual_bytes + BYTES);
    assert_true(after.data_bytes >= before.data_bytes + BYTES);
    /* the kernel batches its counts by thread and processor */
    assert_true(after.resident_bytes + (4 << 20) >= before.resident_bytes + BYTES);
    assert_true(after.peak_resident_bytes + (4 << 20) >= after.resident_bytes);
    assert_true(after.minor_faults > before.minor_faults);
    assert_int_equal(ali_os_unmap(p, BYTES), 0);
}

static void memory_when_asked_is_not_more_than_the_machine_has(void **state)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    (void)state;
    assert_true(ali_os_memory_bytes() > 0);
    assert_true(ali_os_memory_bytes() <= machine);
}

static void now_when_time_passes_advances_with_the_clock(void **state)
{
    const struct timespec nap = {.tv_nsec = 30000000};
    struct timespec clock;
    uint64_t a = ali_os_now_ms();
    uint64_t b;

    (void)state;
    nanosleep(&nap, NULL);
    b = ali_os_now_ms();
    clock_gettime(CLOCK_MONOTONIC, &clock);
    assert_true(b >= a + 15); /* a coarse tick is at most 10 ms late */
    assert_true(b <= (uint64_t)clock.tv_sec * 1000 + (uint64_t)clock.tv_nsec / 1000000);
}

static void ids_when_asked_are_the_kernels(void **state)
{
    (void)state;
    assert_int_equal(ali_os_process_id(), getpid());
    assert_int_equal(ali_os_thread_id(), gettid());
}

/* --- abort -------------------------------------------------------------------------------- */

static void abort_plainly(void *arg)
{
    (void)arg;
    ali_os_abort();
}

static void abort_blocked(void *arg)
{
    sigset_t all;

    (void)arg;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    ali_os_abort();
}

static void abort_ignored(void *arg)
{
    (void)arg;
    signal(SIGABRT, SIG_IGN);
    ali_os_abort();
}

static int told;

static void tell(int number)
{
    (void)number;
    ali_os_write(told, "h", 1);
}

static void abort_handled(void *arg)
{
    (void)arg;
    signal(SIGABRT, tell);
    ali_os_abort();
}

static bool died_of_abort(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void abort_when_blocked_ignored_or_not_is_the_end(void **state)
{
    (void)state;
    assert_true(died_of_abort(unit_in_child(abort_plainly, NULL)));
    assert_true(died_of_abort(unit_in_child(abort_blocked, NULL)));
    assert_true(died_of_abort(unit_in_child(abort_ignored, NULL)));
}

static void abort_when_handled_runs_the_handler_once_first(void **state)
{
    char bytes[4];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    told = ends[1];
    assert_true(died_of_abort(unit_in_child(abort_handled, NULL)));
    close(ends[1]);
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 1);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_when_called_twice_changes_nothing),
        cmocka_unit_test(random_when_given_out_is_mixed),
        cmocka_unit_test(env_when_set_is_found_by_its_whole_name),
        cmocka_unit_test(env_when_cleared_is_empty),
        cmocka_unit_test(env_when_libc_has_not_started_is_read_from_the_stack),
        cmocka_unit_test(limits_when_set_are_told),
        cmocka_unit_test(usage_when_memory_is_touched_grows),
        cmocka_unit_test(memory_when_asked_is_not_more_than_the_machine_has),
        cmocka_unit_test(now_when_time_passes_advances_with_the_clock),
        cmocka_unit_test(ids_when_asked_are_the_kernels),
        cmocka_unit_test(abort_when_blocked_ignored_or_not_is_the_end),
        cmocka_unit_test(abort_when_handled_runs_the_handler_once_first),
    };

    return cmocka_run_group_tests_name("plat/process", tests, NULL, NULL);
}

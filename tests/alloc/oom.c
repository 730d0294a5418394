/* The out-of-memory harness, on functions that do right and on those that leak, crash or lie. */
#include "unit.h"

#include <errno.h>

#include "alloc/oom_functions.h"
#include "alloc/strict.h"
#include "base/base.h"
#include "heap/recorder.h"

static struct allot_oom_finding last;
static int findings;

static void note(const struct allot_oom_finding *finding, void *arg)
{
    assert_ptr_equal(arg, &findings);
    last = *finding;
    findings++;
}

static allot_status run(allot_oom_fn fn, struct allot_oom_options options,
                        struct allot_oom_report *report)
{
    findings = 0;
    memset(&last, 0, sizeof last);
    options.on_finding = note;
    options.arg = &findings;
    return allot_oom_run(fn, NULL, &options, report);
}

/* --- tests -------------------------------------------------------------------------------- */

static void right_function_when_run_is_found_right(void **state)
{
    static const enum allot_oom_mode modes[] = {ALLOT_OOM_ONCE, ALLOT_OOM_FROM};
    struct allot_oom_report report;

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(modes); i++)
        for (int forks = 0; forks < 2; forks++) {
            struct allot_oom_options options = {.mode = modes[i], .fork = forks != 0};

            assert_int_equal(run(three_right, options, &report), 0);
            assert_int_equal(report.runs, 4);
            assert_int_equal(report.failures, 3);
            assert_int_equal(findings, 0);
        }
    assert_int_equal(allot_oom_run(three_right, NULL, NULL, NULL), 0);
}

static void right_function_when_failing_at_random_is_found_right(void **state)
{
    const struct allot_oom_options options = {
        .mode = ALLOT_OOM_RANDOM, .chance_million = 300000, .seed = 3};
    struct allot_oom_report one, two;

    (void)state;
    assert_int_equal(run(three_right, options, &one), 0);
    assert_int_equal(run(three_right, options, &two), 0);
    assert_int_equal(one.runs, 100);
    assert_in_range(one.failures, 20, 150);
    assert_int_equal(one.failures, two.failures);
}

static void assert_leak(void)
{
    char text[8192];

    assert_int_equal(findings, 1);
    assert_int_equal(last.kind, ALLOT_OOM_LEAK);
    assert_int_equal(last.run, 2);
    assert_int_equal(last.objects, 1);
    assert_int_equal(last.bytes, 10);
    assert_true(last.leaked_count > 0 && last.failed_count > 0);
    assert_true(last.leaked[0] - (uintptr_t)first_object < 512);
    assert_true(last.failed[0] != last.leaked[0]);
    assert_true(allot_oom_text(&last, text, sizeof text) > 0);
    assert_non_null(
        strstr(text, "allot: oom: run 2: 10 B leaked in 1 object, allocated by\n    #0 0x"));
    assert_non_null(strstr(text, "  after an allocation had failed that was asked for by\n    #0"));
}

static void leak_when_found_is_told_by_stack(void **state)
{
    struct allot_oom_report report;

    (void)state;
    for (int forks = 0; forks < 2; forks++) {
        struct allot_oom_options options = {.fork = forks != 0};

        assert_int_equal(run(leaks, options, &report), -EBADMSG);
        assert_int_equal(report.leaks, 1);
        assert_int_equal(report.runs, 3);
        assert_leak();
    }
}

/* Loses the first whichever of the others there is not. */
static int leaks_often(allot_allocator *a, void *arg)
{
    void *p = first_object(a);

    (void)arg;
    for (int i = 0; i < 20; i++) {
        void *q = allot_new(a, 20);

        if (q == NULL)
            return 0;
        allot_delete(a, q, 20);
    }
    allot_delete(a, p, 10);
    return 0;
}

/* A result of its own for each run. */
static int lies_each_time_anew(allot_allocator *a, void *arg)
{
    int *number = arg;
    void *p = allot_new(a, 10);

    allot_delete(a, p, 10);
    return ++*number;
}

static void finding_when_the_same_in_many_runs_is_one(void **state)
{
    struct allot_oom_report report;
    char text[8192];

    (void)state;
    for (int forks = 0; forks < 2; forks++) {
        struct allot_oom_options options = {.fork = forks != 0};

        assert_int_equal(run(leaks_often, options, &report), -EBADMSG);
        assert_int_equal(report.leaks, 1);
        assert_int_equal(report.runs, 22);
        assert_int_equal(findings, 1);
        assert_int_equal(last.run, 2);
        assert_int_equal(last.run_count, 20);
        for (uint64_t i = 0; i < ALLOT_OOM_LISTED; i++)
            assert_int_equal(last.runs[i], i + 2);
        (void)allot_oom_text(&last, text, sizeof text);
        assert_non_null(strstr(text, "allot: oom: runs 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, "
                                     "15, 16, 17 and 4 more: 10 B leaked in 1 object"));
    }
}

/* Two kinds of finding in a run. */
static int misuses_and_lies(allot_allocator *a, void *arg)
{
    return misuses(a, arg) + lies(a, arg) + 1;
}

static int told_kinds[ALLOT_OOM_MISUSE + 1];

static void count_kinds(const struct allot_oom_finding *finding, void *arg)
{
    (void)arg;
    told_kinds[finding->kind]++;
}

static void findings_when_of_different_kinds_are_told_apart(void **state)
{
    const struct allot_oom_options options = {.on_finding = count_kinds};
    struct allot_oom_report report;

    (void)state;
    memset(told_kinds, 0, sizeof told_kinds);
    assert_int_equal(allot_oom_run(misuses_and_lies, NULL, &options, &report), -EBADMSG);
    assert_int_equal(report.runs, 3);
    assert_int_equal(told_kinds[ALLOT_OOM_WRONG], 3);
    assert_int_equal(told_kinds[ALLOT_OOM_MISUSE], 1);
    recorded_count = 0;
}

/* From two stacks, in runs of their own. */
static int leaks_one_or_the_other(allot_allocator *a, void *arg)
{
    void *p = first_object(a);
    void *q = allot_new(a, 20);

    (void)arg;
    if (p != NULL && q != NULL) {
        allot_delete(a, p, 10);
        allot_delete(a, q, 20);
    }
    return 0;
}

static void leaks_when_of_different_stacks_are_told_apart(void **state)
{
    struct allot_oom_report report;

    (void)state;
    assert_int_equal(run(leaks_one_or_the_other, (struct allot_oom_options){0}, &report), -EBADMSG);
    assert_int_equal(report.leaks, 2);
    assert_int_equal(findings, 2);
    assert_int_equal(last.run_count, 1);
}

/* The same result after failures at two places that are equally deep. */
static int lies_of_two(allot_allocator *a, void *arg)
{
    void *p = allot_new(a, 10);
    void *q = allot_new(a, 10);
    int result = p == NULL || q == NULL ? 7 : 0;

    (void)arg;
    allot_delete(a, p, 10);
    allot_delete(a, q, 10);
    return result;
}

static int lies_in_a_loop(allot_allocator *a, void *arg)
{
    int result = 0;

    (void)arg;
    for (int i = 0; i < 3; i++) {
        void *p = allot_new(a, 10);

        if (p == NULL)
            result = 7;
        allot_delete(a, p, 10);
    }
    return result;
}

static void wrong_results_when_after_different_failures_are_told_apart(void **state)
{
    struct allot_oom_report report;

    (void)state;
    assert_int_equal(run(lies_of_two, (struct allot_oom_options){0}, &report), -EBADMSG);
    assert_int_equal(report.wrong, 2);
    assert_int_equal(run(lies_in_a_loop, (struct allot_oom_options){0}, &report), -EBADMSG);
    assert_int_equal(report.wrong, 1);
    assert_int_equal(last.run_count, 3);
}

static uint64_t told_runs;
static int told_at, *number_now;

static void add_runs(const struct allot_oom_finding *finding, void *arg)
{
    (void)arg;
    assert_int_equal(finding->run_count, 1);
    assert_int_equal(finding->runs[0], finding->run);
    assert_int_equal((uint64_t)finding->result, finding->run);
    told_runs++;
    if (told_at == 0)
        told_at = *number_now;
}

static void findings_when_too_many_to_remember_are_told_at_once(void **state)
{
    const struct allot_oom_options options = {
        .mode = ALLOT_OOM_RANDOM, .max_runs = 200, .chance_million = 1, .on_finding = add_runs};
    struct allot_oom_report report;
    int number = 0;

    (void)state;
    told_runs = 0;
    told_at = 0;
    number_now = &number;
    assert_int_equal(allot_oom_run(lies_each_time_anew, &number, &options, &report), -EBADMSG);
    assert_int_equal(report.wrong, 200);
    assert_int_equal(told_runs, 200);
    assert_int_equal(told_at, 129);
}

static void record_when_there_is_no_room_is_an_error(void **state)
{
    struct rlimit was, none;
    allot_status status;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    none = was;
    none.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    status = allot_oom_run(three_right, NULL, NULL, NULL);
    assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
    assert_int_equal(status, -ENOMEM);
}

static int leaks_nothing_back(allot_allocator *a, void *arg)
{
    void **object = arg;

    *object = allot_new(a, 10);
    return 0;
}

static void leak_when_the_inner_one_cannot_free_stays_there(void **state)
{
    struct strict inner;
    struct allot_oom_report report;
    struct allot_oom_options options = {.max_runs = 2, .inner = &inner.base, .on_finding = note};
    void *object = NULL;

    (void)state;
    strict_init(&inner);
    inner.ops.caps &= ~(uint32_t)(ALLOT_CAP_FREE | ALLOT_CAP_RESET);
    inner.ops.reset = NULL;
    options.arg = &findings;
    assert_int_equal(allot_oom_run(leaks_nothing_back, &object, &options, &report), -EBADMSG);
    assert_int_equal(inner.live_objects, 1);
    allot_delete(&inner.base, object, 10);
    assert_true(strict_release(&inner));
}

static void text_when_nothing_had_failed_says_nothing_of_it(void **state)
{
    const struct allot_oom_finding f = {
        .kind = ALLOT_OOM_LEAK, .run = 3, .run_count = 2, .runs = {3, 5}, .objects = 2, .bytes = 7};
    char text[256];

    (void)state;
    (void)allot_oom_text(&f, text, sizeof text);
    assert_string_equal(text, "allot: oom: runs 3, 5: 7 B leaked in 2 objects, allocated by\n");
}

static size_t leaked_objects, leaked_bytes;

static void add_up(const struct allot_oom_finding *finding, void *arg)
{
    (void)arg;
    leaked_objects += finding->objects;
    leaked_bytes += finding->bytes;
}

static void leaks_when_many_are_all_counted(void **state)
{
    struct allot_oom_options options = {
        .mode = ALLOT_OOM_ONCE, .max_runs = 1, .on_finding = add_up};
    struct allot_oom_report report;

    (void)state;
    leaked_objects = leaked_bytes = 0;
    assert_int_equal(allot_oom_run(leaks_everywhere, NULL, &options, &report), -EBADMSG);
    assert_int_equal(report.leaks, 32);
    assert_int_equal(leaked_objects, LEAKED - 1); /* one allocation failed */
    assert_int_equal(leaked_bytes, LEAKED - 1);
}

static void crash_when_forked_is_told_with_its_signal(void **state)
{
    struct allot_oom_report report;
    char text[8192];

    (void)state;
    assert_int_equal(run(crashes, (struct allot_oom_options){.fork = true}, &report), -EBADMSG);
    assert_int_equal(report.crashes, 1);
    assert_int_equal(last.kind, ALLOT_OOM_CRASH);
    assert_int_equal(last.run, 2);
    assert_int_equal(last.result, SIGSEGV);
    assert_true(last.failed_count > 0);
    (void)allot_oom_text(&last, text, sizeof text);
    assert_non_null(strstr(text, "allot: oom: run 2: ended by signal 11\n"));
    assert_int_equal(run(crashes_at_once, (struct allot_oom_options){.fork = true}, &report),
                     -EBADMSG);
    assert_int_equal(report.runs, 1);
    assert_int_equal(last.failed_count, 0);
    assert_int_equal(run(exits, (struct allot_oom_options){.fork = true}, &report), -EBADMSG);
    assert_int_equal(last.result, SIGABRT);
}

static void hang_when_there_is_a_timeout_is_told(void **state)
{
    (void)state;
    assert_int_equal(
        run(hangs, (struct allot_oom_options){.fork = true, .timeout_seconds = 1}, NULL), -EBADMSG);
    assert_int_equal(last.kind, ALLOT_OOM_CRASH);
    assert_int_equal(last.result, SIGALRM);
}

static void wrong_result_when_returned_is_told(void **state)
{
    char text[8192];

    (void)state;
    assert_int_equal(run(lies, (struct allot_oom_options){0}, NULL), -EBADMSG);
    assert_int_equal(findings, 1);
    assert_int_equal(last.kind, ALLOT_OOM_WRONG);
    assert_int_equal(last.result, 7);
    (void)allot_oom_text(&last, text, sizeof text);
    assert_non_null(strstr(text, "allot: oom: run 1: the function returned 7\n"));
}

static void misuse_when_reported_is_told(void **state)
{
    char text[8192];

    (void)state;
    assert_int_equal(run(misuses, (struct allot_oom_options){0}, NULL), -EBADMSG);
    assert_int_equal(findings, 1);
    assert_int_equal(last.kind, ALLOT_OOM_MISUSE);
    (void)allot_oom_text(&last, text, sizeof text);
    assert_non_null(strstr(text, "allot: oom: run 1: misuse was reported\n"));
    assert_int_equal(recorded_count, 1);
    recorded_count = 0;
}

static void runs_when_not_enough_say_so(void **state)
{
    struct allot_oom_report report;

    (void)state;
    assert_int_equal(run(never_ends, (struct allot_oom_options){.max_runs = 5}, &report), -E2BIG);
    assert_int_equal(report.runs, 5);
}

static void memory_when_all_is_done_is_back(void **state)
{
    struct strict inner;

    (void)state;
    strict_init(&inner);
    (void)run(leaks, (struct allot_oom_options){.inner = &inner.base}, NULL);
    (void)run(three_right, (struct allot_oom_options){.inner = &inner.base}, NULL);
    assert_true(inner.allocations > 5);
    assert_true(strict_release(&inner));
}

static void print_a_leak(void *arg)
{
    const int *ends = arg;

    (void)dup2(ends[1], 2);
    unit_child_require(allot_oom_run(leaks, NULL, NULL, NULL) == -EBADMSG);
}

static void findings_when_nobody_takes_them_are_on_stderr(void **state)
{
    char text[8192];
    ssize_t bytes;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(unit_succeeded(unit_in_child(print_a_leak, ends)));
    close(ends[1]);
    bytes = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(bytes > 0);
    text[bytes] = '\0';
    assert_ptr_equal(strstr(text, "allot: oom: run 2: 10 B leaked in 1 object"), text);
}

static void children_when_nobody_waits_for_them_are_an_error(void **state)
{
    void (*was)(int) = signal(SIGCHLD, SIG_IGN);

    (void)state;
    assert_int_equal(run(three_right, (struct allot_oom_options){.fork = true}, NULL), -ECHILD);
    (void)signal(SIGCHLD, was);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recorder_start, recorder_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(right_function_when_run_is_found_right),
        TEST(right_function_when_failing_at_random_is_found_right),
        TEST(leak_when_found_is_told_by_stack),
        TEST(leaks_when_many_are_all_counted),
        TEST(finding_when_the_same_in_many_runs_is_one),
        TEST(findings_when_of_different_kinds_are_told_apart),
        TEST(leaks_when_of_different_stacks_are_told_apart),
        TEST(wrong_results_when_after_different_failures_are_told_apart),
        TEST(findings_when_too_many_to_remember_are_told_at_once),
        TEST(record_when_there_is_no_room_is_an_error),
        TEST(leak_when_the_inner_one_cannot_free_stays_there),
        TEST(text_when_nothing_had_failed_says_nothing_of_it),
        TEST(crash_when_forked_is_told_with_its_signal),
        TEST(hang_when_there_is_a_timeout_is_told),
        TEST(wrong_result_when_returned_is_told),
        TEST(misuse_when_reported_is_told),
        TEST(runs_when_not_enough_say_so),
        TEST(memory_when_all_is_done_is_back),
        TEST(findings_when_nobody_takes_them_are_on_stderr),
        TEST(children_when_nobody_waits_for_them_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Reports: the words, where they go, handlers, policy, recursion. Each report is written in a child
 * whose stderr is a pipe. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "core/core.h"

static char report[8192];
static int static_data;

/* What body(arg) writes to stderr, in `report`; its wait status. */
static int captured(void (*body)(void *), void *arg)
{
    int ends[2];
    int saved = dup(2);
    size_t used = 0;
    ssize_t got;
    int status;

    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    dup2(ends[1], 2);
    close(ends[1]);
    status = unit_in_child(body, arg);
    dup2(saved, 2);
    close(saved);
    while (used < sizeof report - 1 &&
           (got = read(ends[0], report + used, sizeof report - 1 - used)) > 0)
        used += (size_t)got;
    report[used] = '\0';
    close(ends[0]);
    return status;
}

static void assert_says(const char *part)
{
    if (strstr(report, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, report);
}

static void misuse(void *arg)
{
    struct allot_misuse m = *(const struct allot_misuse *)arg;

    ali_report_misuse(&m, __builtin_return_address(0));
}

static void misuse_and_go_on(void *arg)
{
    ali_options.misuse = ALI_MISUSE_REPORT;
    errno = EDOM;
    misuse(arg);
    unit_child_require(errno == EDOM);
}

/* --- words --------------------------------------------------------------------------------- */

static void report_when_a_block_was_freed_names_call_block_and_program(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_DOUBLE_FREE,
                             .place = ALLOT_PLACE_FREED_BLOCK,
                             .call = "free",
                             .pointer = (void *)0x5010,
                             .block = (void *)0x5000,
                             .block_bytes = 64};

    (void)state;
    captured(misuse_and_go_on, &m);
    assert_int_equal(strncmp(report, "allot: double-free: free(0x5010) by ", 36), 0);
    assert_says("(pid ");
    assert_says("16 B inside a freed 64 B block at 0x5000\n");
    assert_says("#0 0x");
    assert_says("no effect");
}

static void report_when_the_pointer_is_the_block_says_no_offset(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_MISMATCHED_FREE,
                             .place = ALLOT_PLACE_LIVE_BLOCK,
                             .call = "operator delete",
                             .pointer = (void *)0x5000,
                             .block = (void *)0x5000,
                             .block_bytes = 112,
                             .told_bytes = 16,
                             .true_bytes = 112,
                             .detail = "wrong size",
                             .heap = "cache"};

    (void)state;
    captured(misuse_and_go_on, &m);
    assert_says("allot: mismatched-free: operator delete(0x5000)");
    assert_says("points to  a live 112 B block\n");
    assert_says("wrong size: the call was given 16, expected 112\n");
    assert_says("cache\n");
}

static void report_when_the_pointer_is_foreign_says_where_it_is(void **state)
{
    int on_stack = 0;
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_FREE, .call = "free"};

    (void)state;
    m.pointer = &on_stack;
    captured(misuse_and_go_on, &m);
    assert_says("points to  the stack\n");
    m.pointer = &static_data;
    captured(misuse_and_go_on, &m);
    assert_says("points to  code or static data of core_report\n");
    m.pointer = (void *)0x10;
    captured(misuse_and_go_on, &m);
    assert_says("points to  no memory");
}

static void report_when_there_are_frames_names_module_and_offset(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_REALLOC,
                             .call = "realloc",
                             .place = ALLOT_PLACE_HEAP_GAP,
                             .pointer = (void *)0x5000};

    (void)state;
    captured(misuse_and_go_on, &m);
    assert_says("#0 0x");
    assert_says(" core_report+0x");
}

static void name_when_a_kind_is_given_is_its_word(void **state)
{
    static const char *const names[] = {"double-free",     "invalid-free",        "mismatched-free",
                                        "invalid-realloc", "invalid-usable-size", "size-overflow",
                                        "heap-overflow",   "write-after-free",    "invalid-heap"};

    (void)state;
    for (unsigned i = 0; i < ALI_ARRAY_COUNT(names); i++)
        assert_string_equal(ali_misuse_kind_name((enum allot_misuse_kind)(i + 1)), names[i]);
    assert_string_equal(ali_misuse_kind_name((enum allot_misuse_kind)99), "misuse");
}

static void text_when_the_buffer_is_small_is_cut_and_terminated(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_DOUBLE_FREE,
                             .place = ALLOT_PLACE_UNMAPPED,
                             .call = "free",
                             .pointer = (void *)0x5010};
    char small[24], large[4096];
    size_t length;

    (void)state;
    assert_int_equal(allot_misuse_text(&m, small, sizeof small), sizeof small - 1);
    assert_int_equal(strlen(small), sizeof small - 1);
    length = allot_misuse_text(&m, large, sizeof large);
    assert_int_equal(length, strlen(large));
    assert_int_equal(strncmp(large, small, strlen(small)), 0);
}

/* --- the way out --------------------------------------------------------------------------- */

static void report_when_the_policy_is_abort_ends_by_sigabrt(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_FREE, .call = "free"};
    int status;

    (void)state;
    status = captured(misuse, &m);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_says("run with ALLOT=misuse=report to go on\n");
}

static void report_when_a_size_overflowed_is_for_handlers_only(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_SIZE_OVERFLOW, .call = "calloc"};

    (void)state;
    assert_true(unit_succeeded(captured(misuse, &m)));
    assert_string_equal(report, "");
}

struct seen {
    unsigned calls;
    struct allot_misuse last;
};

static void remember(const struct allot_misuse *m, void *arg)
{
    struct seen *seen = arg;
    struct allot_misuse again = *m;

    seen->calls++;
    seen->last = *m;
    errno = ERANGE;
    ali_report_misuse(&again, (const void *)0x1234); /* must vanish */
}

static void handler_when_set_gets_the_record_and_nothing_is_written(void **state)
{
    struct seen seen = {0};
    struct allot_misuse m = {.kind = ALLOT_MISUSE_DOUBLE_FREE, .call = "free", .pointer = &seen};
    uint64_t before = ali_misuse_count();

    (void)state;
    allot_set_misuse_handler(remember, &seen);
    errno = EDOM;
    ali_report_misuse(&m, (const void *)0x4321);
    allot_set_misuse_handler(NULL, NULL);
    assert_int_equal(errno, EDOM);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.last.place, ALLOT_PLACE_STACK);
    assert_true(seen.last.frame_count >= 1);
    assert_int_equal(seen.last.frames[0], 0x4321);
    assert_int_equal(ali_misuse_count(), before + 1);
}

static void handler_when_set_sees_overflows_too(void **state)
{
    struct seen seen = {0};
    struct allot_misuse m = {.kind = ALLOT_MISUSE_SIZE_OVERFLOW, .call = "calloc", .told_bytes = 7};

    (void)state;
    allot_set_misuse_handler(remember, &seen);
    ali_report_misuse(&m, (const void *)0x4321);
    allot_set_misuse_handler(NULL, NULL);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.last.told_bytes, 7);
}

/* --- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 50 };

static void *report_often(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        misuse(arg);
    return NULL;
}

static void report_from_threads(void *arg)
{
    const uint64_t before = ali_misuse_count();
    pthread_t threads[THREADS];

    ali_options.misuse = ALI_MISUSE_REPORT;
    for (int i = 0; i < THREADS; i++)
        unit_child_require(pthread_create(&threads[i], NULL, report_often, arg) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    unit_child_require(ali_misuse_count() - before == (uint64_t)THREADS * ROUNDS);
}

/* Reports of several threads come whole: into a file, as a pipe would fill. */
static void reports_when_threads_make_them_do_not_mix(void **state)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_FREE,
                             .place = ALLOT_PLACE_UNISSUED_BLOCK,
                             .call = "free",
                             .pointer = (void *)0x5000};
    FILE *file = tmpfile();
    int saved = dup(2);
    char line[512];
    unsigned heads = 0, ends = 0;
    int status;

    (void)state;
    assert_non_null(file);
    dup2(fileno(file), 2);
    status = unit_in_child(report_from_threads, &m);
    dup2(saved, 2);
    close(saved);
    assert_true(unit_succeeded(status));
    rewind(file);
    while (fgets(line, sizeof line, file) != NULL) {
        bool head = strncmp(line, "allot: ", 7) == 0;

        if (head)
            assert_int_equal(heads, ends);
        heads += head;
        ends += strstr(line, "no effect") != NULL;
    }
    fclose(file);
    assert_int_equal(heads, THREADS * ROUNDS);
    assert_int_equal(ends, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_when_a_block_was_freed_names_call_block_and_program),
        cmocka_unit_test(report_when_the_pointer_is_the_block_says_no_offset),
        cmocka_unit_test(report_when_the_pointer_is_foreign_says_where_it_is),
        cmocka_unit_test(report_when_there_are_frames_names_module_and_offset),
        cmocka_unit_test(name_when_a_kind_is_given_is_its_word),
        cmocka_unit_test(text_when_the_buffer_is_small_is_cut_and_terminated),
        cmocka_unit_test(report_when_the_policy_is_abort_ends_by_sigabrt),
        cmocka_unit_test(report_when_a_size_overflowed_is_for_handlers_only),
        cmocka_unit_test(handler_when_set_gets_the_record_and_nothing_is_written),
        cmocka_unit_test(handler_when_set_sees_overflows_too),
        cmocka_unit_test(reports_when_threads_make_them_do_not_mix),
    };

    ali_os_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the unit tests use of cmocka, for machines and C libraries that Debian has no cmocka for.
 *
 * A failed assertion ends the test that made it; the others run. A crash ends the program. */
#ifndef ALI_TEST_STANDIN_CMOCKA_H
#define ALI_TEST_STANDIN_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};

#define cmocka_unit_test(f) cmocka_unit_test_setup_teardown(f, NULL, NULL)
#define cmocka_unit_test_setup(f, setup) cmocka_unit_test_setup_teardown(f, setup, NULL)
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                        \
    {                                                                                              \
#f, f, setup, teardown                                                                     \
    }
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    standin_run(name, tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)

#define print_message(...) ((void)printf(__VA_ARGS__))

__attribute__((weak)) jmp_buf standin_failed; /* one for all files of a test */

#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf("%s:%d: error: ", __FILE__, __LINE__);                                              \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        longjmp(standin_failed, 1);                                                                \
    } while (0)
#define fail() fail_msg("failure")
#define skip()                                                                                     \
    do {                                                                                           \
        printf("%s:%d: skipped\n", __FILE__, __LINE__);                                            \
        longjmp(standin_failed, 2);                                                                \
    } while (0)

#define standin_require(condition, text)                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s", text);                                                                  \
    } while (0)
#define assert_true(c) standin_require(c, "not true: " #c)
#define assert_false(c) standin_require(!(c), "not false: " #c)
#define assert_null(p) standin_require((p) == NULL, "not NULL: " #p)
#define assert_non_null(p) standin_require((p) != NULL, "NULL: " #p)
#define assert_ptr_equal(a, b)                                                                     \
    standin_require((uintptr_t)(a) == (uintptr_t)(b), "not equal: " #a ", " #b)
#define assert_ptr_not_equal(a, b)                                                                 \
    standin_require((uintptr_t)(a) != (uintptr_t)(b), "equal: " #a ", " #b)
#define assert_string_equal(a, b) standin_require(!strcmp(a, b), "not equal: " #a ", " #b)
#define assert_string_not_equal(a, b) standin_require(strcmp(a, b), "equal: " #a ", " #b)
#define assert_memory_equal(a, b, n) standin_require(!memcmp(a, b, n), "not equal: " #a ", " #b)

#define standin_compare(a, op, b)                                                                  \
    do {                                                                                           \
        uintmax_t a_ = (uintmax_t)(a), b_ = (uintmax_t)(b);                                        \
        if (!(a_ op b_))                                                                           \
            fail_msg("not %s " #op " %s: %#jx, %#jx", #a, #b, a_, b_);                             \
    } while (0)
#define assert_int_equal(a, b) standin_compare(a, ==, b)
#define assert_int_not_equal(a, b) standin_compare(a, !=, b)
#define assert_in_range(a, min, max)                                                               \
    do {                                                                                           \
        uintmax_t a_ = (uintmax_t)(a), min_ = (uintmax_t)(min), max_ = (uintmax_t)(max);           \
        if (a_ < min_ || a_ > max_)                                                                \
            fail_msg("%s is %#jx, not in %#jx-%#jx", #a, a_, min_, max_);                          \
    } while (0)

static inline int standin_one(const struct CMUnitTest *test, void **state)
{
    volatile int failed = test->setup != NULL && test->setup(state) != 0;

    if (!failed) {
        switch (setjmp(standin_failed)) {
        case 0:
            test->test(state);
            break;
        case 1:
            failed = 1;
            break;
        default: /* skipped */
            break;
        }
    }
    if (test->teardown != NULL && test->teardown(state) != 0)
        failed = 1;
    printf("[  %s ] %s\n", failed != 0 ? "FAILED" : "    OK", test->name);
    fflush(stdout);
    return failed;
}

/* The number of tests that failed. */
static inline int standin_run(const char *name, const struct CMUnitTest *tests, size_t count,
                              int (*setup)(void **state), int (*teardown)(void **state))
{
    void *state = NULL;
    int failed = 0;

    if (setup != NULL && setup(&state) != 0) {
        printf("%s: error: the setup failed\n", name);
        return (int)count;
    }
    for (size_t i = 0; i < count; i++)
        failed += standin_one(&tests[i], &state);
    if (teardown != NULL && teardown(&state) != 0)
        failed++;
    printf("%s: %zu tests, %d failed\n", name, count, failed);
    return failed;
}

#endif

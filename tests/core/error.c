#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "core/core.h"

static void error_when_nothing_failed_is_all_zero(void **state)
{
    struct allot_error e = allot_last_error();

    (void)state;
    assert_int_equal(e.layer, ALLOT_LAYER_NONE);
    assert_int_equal(e.cause, ALLOT_CAUSE_NONE);
    assert_int_equal(e.os_error, 0);
}

static void *other_thread(void *arg)
{
    struct allot_error e = allot_last_error();

    (void)arg;
    ali_error_set(ALLOT_LAYER_SPAN, ALLOT_CAUSE_OS, EPERM);
    return (void *)(uintptr_t)(e.layer != ALLOT_LAYER_NONE);
}

static void error_when_set_is_this_threads_own(void **state)
{
    struct allot_error e;
    pthread_t thread;
    void *seen;

    (void)state;
    ali_error_set(ALLOT_LAYER_HEAP, ALLOT_CAUSE_LIMIT, -ENOMEM);
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, &seen), 0);
    assert_null(seen);
    e = allot_last_error();
    assert_int_equal(e.layer, ALLOT_LAYER_HEAP);
    assert_int_equal(e.cause, ALLOT_CAUSE_LIMIT);
    assert_int_equal(e.os_error, ENOMEM);
}

static void cause_when_errno_is_clear_needs_no_limits(void **state)
{
    (void)state;
    assert_int_equal(ali_error_cause(0, 1), ALLOT_CAUSE_NONE);
    assert_int_equal(ali_error_cause(-EAGAIN, 1), ALLOT_CAUSE_LOCKED_LIMIT);
    assert_int_equal(ali_error_cause(-EEXIST, 1), ALLOT_CAUSE_ADDRESS_SPACE);
    assert_int_equal(ali_error_cause(EPERM, 1), ALLOT_CAUSE_OS);
    assert_int_equal(ali_error_cause(-ENOMEM, SIZE_MAX / 2), ALLOT_CAUSE_ADDRESS_SPACE);
    assert_int_equal(ali_error_cause(-ENOMEM, 4096), ALLOT_CAUSE_OVERCOMMIT);
}

static void expect_cause(size_t bytes, enum allot_cause cause)
{
    int e = 0;

    unit_child_require(ali_os_map(bytes, ALI_OS_READ_WRITE, &e) == NULL);
    ali_error_set_os(ALLOT_LAYER_OS, e, bytes);
    unit_child_require(allot_last_error().layer == ALLOT_LAYER_OS);
    unit_child_require(allot_last_error().os_error == ENOMEM);
    unit_child_require(allot_last_error().cause == cause);
}

static void limit(int resource, uint64_t bytes)
{
    const struct rlimit l = {bytes, bytes};

    unit_child_require(setrlimit(resource, &l) == 0);
}

static void under_address_limit(void *arg)
{
    struct ali_os_usage usage;

    (void)arg;
    ali_os_usage(&usage);
    limit(RLIMIT_AS, usage.virtual_bytes + (1 << 20));
    expect_cause(8 << 20, ALLOT_CAUSE_ADDRESS_SPACE);
}

static void under_data_limit(void *arg)
{
    struct ali_os_usage usage;

    (void)arg;
    ali_os_usage(&usage);
    limit(RLIMIT_DATA, usage.data_bytes + (1 << 20));
    expect_cause(8 << 20, ALLOT_CAUSE_DATA_LIMIT);
}

/* Splits one mapping until the kernel refuses. */
static void under_full_map_table(void *arg)
{
    enum { PAGES = 70000 };
    const size_t page = ali_os_page_bytes;
    char *p = ali_os_map(2 * PAGES * page, ALI_OS_NONE, NULL);
    int e = 0;

    (void)arg;
    unit_child_require(p != NULL && !ali_os_map_table_is_full());
    for (size_t i = 0; i < PAGES && e == 0; i++)
        e = ali_os_protect(p + 2 * i * page, page, ALI_OS_READ);
    if (e == 0)
        _exit(0); /* the machine allows more than we ask for */
    unit_child_require(e == -ENOMEM);
    unit_child_require(ali_os_map_table_is_full());
    unit_child_require(ali_error_cause(e, page) == ALLOT_CAUSE_MAP_COUNT);
}

/* A sanitizer's own shadow counts against the limits. */
static void cause_when_a_limit_is_reached_names_it(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(under_address_limit, NULL)));
    assert_true(unit_succeeded(unit_in_child(under_data_limit, NULL)));
}

static void cause_when_the_map_table_is_full_names_it(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(under_full_map_table, NULL)));
}

static void text_when_any_cause_says_something_of_its_own(void **state)
{
    char texts[ALLOT_CAUSE_OS + 1][160];

    (void)state;
    for (int c = 0; c <= ALLOT_CAUSE_OS; c++) {
        struct allot_error e = {ALLOT_LAYER_NONE, (enum allot_cause)c, 0};

        assert_ptr_equal(allot_error_text(e, texts[c], sizeof texts[c]), texts[c]);
        assert_true(strlen(texts[c]) > 5);
        for (int d = 0; d < c; d++)
            assert_string_not_equal(texts[c], texts[d]);
    }
}

static void text_when_layer_and_errno_are_known_has_both(void **state)
{
    struct allot_error e = {ALLOT_LAYER_SPAN, ALLOT_CAUSE_LIMIT, 12};
    char text[160];

    (void)state;
    allot_error_text(e, text, sizeof text);
    assert_string_equal(text, "spans: the byte limit is reached (errno 12)");
}

static void text_when_buffer_is_short_is_cut(void **state)
{
    struct allot_error e = {ALLOT_LAYER_OS, ALLOT_CAUSE_MAP_COUNT, 12};
    char text[8];

    (void)state;
    allot_error_text(e, text, sizeof text);
    assert_string_equal(text, "system:");
    allot_error_text(e, text, 1);
    assert_string_equal(text, "");
}

static void text_when_values_are_unknown_still_says_something(void **state)
{
    struct allot_error e = {(enum allot_layer)77, (enum allot_cause)77, 0};
    char text[160];

    (void)state;
    allot_error_text(e, text, sizeof text);
    assert_string_equal(text, "unknown cause");
}

static void version_when_asked_is_the_headers(void **state)
{
    char expected[32];

    (void)state;
    snprintf(expected, sizeof expected, "%d.%d.%d", ALLOT_VERSION_MAJOR, ALLOT_VERSION_MINOR,
             ALLOT_VERSION_PATCH);
    assert_string_equal(allot_version(), expected);
    assert_string_equal(allot_version(), ALLOT_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_when_nothing_failed_is_all_zero),
        cmocka_unit_test(error_when_set_is_this_threads_own),
        cmocka_unit_test(cause_when_errno_is_clear_needs_no_limits),
        cmocka_unit_test(cause_when_a_limit_is_reached_names_it),
        cmocka_unit_test(cause_when_the_map_table_is_full_names_it),
        cmocka_unit_test(text_when_any_cause_says_something_of_its_own),
        cmocka_unit_test(text_when_layer_and_errno_are_known_has_both),
        cmocka_unit_test(text_when_buffer_is_short_is_cut),
        cmocka_unit_test(text_when_values_are_unknown_still_says_something),
        cmocka_unit_test(version_when_asked_is_the_headers),
    };

    ali_os_init();
    return cmocka_run_group_tests_name("core/error", tests, NULL, NULL);
}

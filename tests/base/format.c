#include "unit.h"

#include "base/base.h"

static char buffer[256];
static struct ali_text text;

static int fresh(void **state)
{
    (void)state;
    memset(buffer, 'x', sizeof buffer);
    ali_text_init(&text, buffer, sizeof buffer);
    return 0;
}

static void text_when_new_is_empty(void **state)
{
    (void)state;
    assert_string_equal(buffer, "");
    assert_int_equal(ali_text_length(&text), 0);
    assert_false(text.cut);
}

static void text_when_full_is_cut_and_terminated(void **state)
{
    (void)state;
    ali_text_init(&text, buffer, 6);
    ali_text_str(&text, "12345");
    assert_false(text.cut);
    ali_text_char(&text, '6');
    assert_true(text.cut);
    ali_text_str(&text, "789");
    assert_string_equal(buffer, "12345");
    assert_int_equal(buffer[6], 'x');
}

static void text_when_one_byte_holds_the_terminator(void **state)
{
    (void)state;
    ali_text_init(&text, buffer, 1);
    ali_text_printf(&text, "%5d", 7);
    assert_true(text.cut);
    assert_string_equal(buffer, "");
    assert_int_equal(buffer[1], 'x');
}

static void numbers_when_extreme_are_exact(void **state)
{
    (void)state;
    ali_text_u64(&text, 0);
    ali_text_char(&text, ' ');
    ali_text_u64(&text, UINT64_MAX);
    ali_text_char(&text, ' ');
    ali_text_i64(&text, INT64_MIN);
    ali_text_char(&text, ' ');
    ali_text_hex(&text, UINT64_MAX);
    ali_text_char(&text, ' ');
    ali_text_hex(&text, 0);
    assert_string_equal(buffer,
                        "0 18446744073709551615 -9223372036854775808 0xffffffffffffffff 0x0");
}

static void bytes_when_formatted_have_one_decimal(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {12897484, "12.3 MiB"},
        {1048575, "1.0 MiB"}, /* not 1024.0 KiB */
        {1048576 - 52, "1023.9 KiB"},
        {UINT64_C(1) << 40, "1.0 TiB"},
        {UINT64_MAX, "16.0 EiB"},
    };

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(cases); i++) {
        ali_text_init(&text, buffer, sizeof buffer);
        ali_text_bytes(&text, cases[i].bytes);
        assert_string_equal(buffer, cases[i].text);
    }
}

static void pad_when_left_and_right_makes_columns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        ali_text_str(&text, i == 0 ? "ab" : "wxyz");
        ali_text_pad(&text, 6, false);
        ali_text_u64(&text, i == 0 ? 7 : 1234);
        ali_text_pad(&text, 12, true);
        ali_text_str(&text, "|\n");
    }
    assert_string_equal(buffer, "ab         7|\nwxyz    1234|\n");
}

static void pad_when_already_wider_adds_nothing(void **state)
{
    (void)state;
    ali_text_str(&text, "abcdef");
    ali_text_pad(&text, 3, false);
    ali_text_str(&text, "gh");
    ali_text_pad(&text, 3, true);
    assert_string_equal(buffer, "abcdefgh");
}

static void pad_when_it_does_not_fit_is_cut(void **state)
{
    (void)state;
    ali_text_init(&text, buffer, 8);
    ali_text_str(&text, "abc");
    ali_text_pad(&text, 20, true);
    assert_true(text.cut);
    assert_string_equal(buffer, "    abc");
    assert_int_equal(buffer[8], 'x');
}

static void printf_when_given_our_conversions_agrees_with_libc(void **state)
{
    char expected[sizeof buffer];

    (void)state;
    ali_text_printf(&text, "%s|%c|%u|%lu|%zu|%d|%ld|%x|%lx|%%|%5d|%-5d|%05d|%8s|%-8s|%.2s|%*u|%i",
                    "str", 'c', 4000000000U, 1UL << 63, (size_t)1 << 40, -5, -7L, 255U, 0xabcdefUL,
                    42, 42, -42, "ab", "ab", "abcdef", 4, 9U, 11);
    snprintf(expected, sizeof expected,
             "%s|%c|%u|%lu|%zu|%d|%ld|%x|%lx|%%|%5d|%-5d|%05d|%8s|%-8s|%.2s|%*u|%i", "str", 'c',
             4000000000U, 1UL << 63, (size_t)1 << 40, -5, -7L, 255U, 0xabcdefUL, 42, 42, -42, "ab",
             "ab", "abcdef", 4, 9U, 11);
    assert_string_equal(buffer, expected);
}

static void printf_when_given_pointer_null_and_bytes_is_readable(void **state)
{
    const char *const no_string = NULL;

    (void)state;
    ali_text_printf(&text, "%p %s", (void *)(uintptr_t)0x1234, no_string);
    assert_string_equal(buffer, "0x1234 (null)");
}

static void printf_when_conversion_is_unknown_stops(void **state)
{
    /* volatile: so that no compiler checks the format */
    const char *volatile format = "a%qb%s";

    (void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    ali_text_printf(&text, format);
    assert_string_equal(buffer, "a");
    format = "%B%";
    ali_text_init(&text, buffer, sizeof buffer);
    ali_text_printf(&text, format, (size_t)2048);
#pragma GCC diagnostic pop
    assert_string_equal(buffer, "2.0 KiB");
}

static void printf_when_precision_bounds_a_string_reads_no_further(void **state)
{
    const char unterminated[3] = {'a', 'b', 'c'};

    (void)state;
    ali_text_printf(&text, "%.*s", 3, unterminated);
    assert_string_equal(buffer, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text_when_new_is_empty, fresh),
        cmocka_unit_test_setup(text_when_full_is_cut_and_terminated, fresh),
        cmocka_unit_test_setup(text_when_one_byte_holds_the_terminator, fresh),
        cmocka_unit_test_setup(numbers_when_extreme_are_exact, fresh),
        cmocka_unit_test_setup(bytes_when_formatted_have_one_decimal, fresh),
        cmocka_unit_test_setup(pad_when_left_and_right_makes_columns, fresh),
        cmocka_unit_test_setup(pad_when_already_wider_adds_nothing, fresh),
        cmocka_unit_test_setup(pad_when_it_does_not_fit_is_cut, fresh),
        cmocka_unit_test_setup(printf_when_given_our_conversions_agrees_with_libc, fresh),
        cmocka_unit_test_setup(printf_when_given_pointer_null_and_bytes_is_readable, fresh),
        cmocka_unit_test_setup(printf_when_conversion_is_unknown_stops, fresh),
        cmocka_unit_test_setup(printf_when_precision_bounds_a_string_reads_no_further, fresh),
    };

    return cmocka_run_group_tests_name("base/format", tests, NULL, NULL);
}

#include "unit.h"

#include "base/base.h"

static bool bytes_of(const char *s, uint64_t whole, uint64_t *v)
{
    return ali_parse_bytes(s, s + strlen(s), whole, v);
}

static bool ms_of(const char *s, uint64_t *v)
{
    return ali_parse_ms(s, s + strlen(s), v);
}

static void bytes_when_well_formed_are_parsed(void **state)
{
    static const struct {
        const char *text;
        uint64_t whole;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"123", 0, 123},
        {"123B", 0, 123},
        {"12K", 0, 12 << 10},
        {"12k", 0, 12 << 10},
        {"12KiB", 0, 12 << 10},
        {"4MiB", 0, 4 << 20},
        {"1G", 0, 1 << 30},
        {"3t", 0, UINT64_C(3) << 40},
        {"18446744073709551615", 0, UINT64_MAX},
        {"25%", 1000, 250},
        {"100%", UINT64_MAX, UINT64_MAX},
        {"33%", 1001, 330},
        {"0%", 77, 0},
    };

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(cases); i++) {
        uint64_t v = 99;

        assert_true(bytes_of(cases[i].text, cases[i].whole, &v));
        assert_true(v == cases[i].value);
    }
}

static void bytes_when_malformed_are_refused_and_left_alone(void **state)
{
    static const char *const cases[] = {"",
                                        "K",
                                        "-1",
                                        "1.5K",
                                        "12X",
                                        "12KB",
                                        "12Ki",
                                        "12 K",
                                        " 12",
                                        "12KiBx",
                                        "1%%",
                                        "%",
                                        "0x10",
                                        "12MM",
                                        "18446744073709551616",
                                        "18014398509481984K",
                                        "16777216T"};

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(cases); i++) {
        uint64_t v = 99;

        assert_false(bytes_of(cases[i], 1000, &v));
        assert_true(v == 99);
    }
}

static void bytes_when_percentage_overflows_are_refused(void **state)
{
    uint64_t v = 99;

    (void)state;
    assert_false(bytes_of("101%", UINT64_MAX, &v));
    assert_false(bytes_of("18446744073709551615%", UINT64_MAX, &v));
    assert_int_equal(v, 99);
}

static void bytes_when_end_is_given_stop_there(void **state)
{
    const char *s = "12K,more";
    uint64_t v;

    (void)state;
    assert_true(ali_parse_bytes(s, s + 3, 0, &v));
    assert_int_equal(v, 12 << 10);
    assert_true(ali_parse_bytes(s, s + 2, 0, &v));
    assert_int_equal(v, 12);
    assert_false(ali_parse_bytes(s, s + 4, 0, &v));
}

static void u64_when_only_digits_is_parsed(void **state)
{
    const char *s = "0042";
    const char *bad = "4x";
    uint64_t v = 1;

    (void)state;
    assert_true(ali_parse_u64(s, s + 4, &v));
    assert_int_equal(v, 42);
    assert_false(ali_parse_u64(s, s, &v));
    assert_false(ali_parse_u64(bad, bad + 2, &v));
    assert_int_equal(v, 42);
}

static void ms_when_unit_is_given_is_scaled(void **state)
{
    uint64_t v;

    (void)state;
    assert_true(ms_of("250ms", &v));
    assert_int_equal(v, 250);
    assert_true(ms_of("250", &v));
    assert_int_equal(v, 250);
    assert_true(ms_of("10s", &v));
    assert_int_equal(v, 10000);
    assert_true(ms_of("2m", &v));
    assert_int_equal(v, 120000);
}

static void ms_when_malformed_or_too_large_is_refused(void **state)
{
    static const char *const cases[] = {"", "s", "2h", "2 s", "-1s", "1.5s", "18446744073709552s"};

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(cases); i++) {
        uint64_t v = 99;

        assert_false(ms_of(cases[i], &v));
        assert_true(v == 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_when_well_formed_are_parsed),
        cmocka_unit_test(bytes_when_malformed_are_refused_and_left_alone),
        cmocka_unit_test(bytes_when_percentage_overflows_are_refused),
        cmocka_unit_test(bytes_when_end_is_given_stop_there),
        cmocka_unit_test(u64_when_only_digits_is_parsed),
        cmocka_unit_test(ms_when_unit_is_given_is_scaled),
        cmocka_unit_test(ms_when_malformed_or_too_large_is_refused),
    };

    return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}

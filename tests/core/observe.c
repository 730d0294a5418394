#include "unit.h"

#include <errno.h>

#include "core/core.h"
#include "core/observe.h"

static void observer_when_one_is_installed_refuses_another(void **state)
{
    static const struct ali_observer a = {.mean_bytes = 1};
    static const struct ali_observer b = {.mean_bytes = 2};

    (void)state;
    assert_null(ali_observer_now());
    assert_int_equal(ali_observe(&a), 0);
    assert_ptr_equal(ali_observer_now(), &a);
    assert_int_equal(ali_observe(&a), 0);
    assert_int_equal(ali_observe(&b), -EBUSY);
    assert_ptr_equal(ali_observer_now(), &a);
    assert_int_equal(ali_observe(NULL), 0);
    assert_null(ali_observer_now());
    assert_int_equal(ali_observe(&b), 0);
    assert_int_equal(ali_observe(NULL), 0);
}

enum { DRAWS = 200000 };

/* The standard error of the mean is mean / sqrt(DRAWS), 0.22 %; 5 of them are allowed. */
static void interval_when_drawn_often_has_the_mean(void **state)
{
    static const uint64_t means[] = {100, 4096, 512 << 10, UINT64_C(1) << 40};

    (void)state;
    for (size_t m = 0; m < ALI_ARRAY_COUNT(means); m++) {
        struct ali_random r = {.state = 20240229 + m};
        long double sum = 0;
        long double bound = (long double)means[m] * 5 / 447;

        for (unsigned i = 0; i < DRAWS; i++)
            sum += ali_observe_interval(means[m], &r);
        sum = sum / DRAWS - (long double)means[m];
        assert_true(sum < bound && sum > -bound);
    }
}

/* P(X > k mean) = e^-k, and half lie above ln 2 times the mean; 5 sigma of a binomial. */
static void interval_when_drawn_often_is_exponential(void **state)
{
    static const struct {
        double above; /* in means */
        double share;
    } cases[] = {{0.1, 0.904837}, {0.693147, 0.5}, {1, 0.367879},
                 {2, 0.135335},   {4, 0.0183156},  {7, 0.000911882}};
    static const uint64_t mean = 1 << 20;

    (void)state;
    for (size_t c = 0; c < ALI_ARRAY_COUNT(cases); c++) {
        struct ali_random r = {.state = 7};
        double expected = cases[c].share * DRAWS;
        double variance = expected * (1 - cases[c].share);
        double off;
        unsigned above = 0;

        for (unsigned i = 0; i < DRAWS; i++)
            above += (double)ali_observe_interval(mean, &r) > cases[c].above * (double)mean;
        off = above - expected;
        assert_true(off * off <= 25 * variance);
    }
}

/* The state before the one that gives `value`. The generator is a bijection of its counter, so
 * the extremes are reached by inverting its finaliser. */
static uint64_t unshift(uint64_t z, unsigned shift)
{
    uint64_t x = z;

    for (unsigned i = 0; i < 64 / shift + 1; i++)
        x = z ^ x >> shift;
    return x;
}

static uint64_t inverse(uint64_t odd)
{
    uint64_t x = odd;

    for (unsigned i = 0; i < 6; i++)
        x *= 2 - odd * x;
    return x;
}

static struct ali_random about_to_give(uint64_t value)
{
    uint64_t z = unshift(value, 31) * inverse(UINT64_C(0x94d049bb133111eb));

    z = unshift(z, 27) * inverse(UINT64_C(0xbf58476d1ce4e5b9));
    z = unshift(z, 30);
    return (struct ali_random){.state = z - UINT64_C(0x9e3779b97f4a7c15)};
}

static void interval_when_the_draw_is_extreme_stays_in_bounds(void **state)
{
    struct ali_random r = about_to_give(0);

    (void)state;
    assert_true(ali_random_next(&r) == 0);
    r = about_to_give(0);
    assert_in_range(ali_observe_interval(1000000, &r), 44361400, 44361430); /* 64 ln 2 */
    r = about_to_give(1);
    assert_in_range(ali_observe_interval(1000000, &r), 44361400, 44361430);
    r = about_to_give(UINT64_MAX);
    assert_int_equal(ali_observe_interval(1000000, &r), 1);
    r = about_to_give(UINT64_C(1) << 63); /* one half */
    assert_in_range(ali_observe_interval(1000000, &r), 693146, 693148);
    r = about_to_give(0);
    assert_true(ali_observe_interval(UINT64_MAX, &r) == UINT64_MAX);
}

static void interval_when_everything_is_observed_is_zero(void **state)
{
    struct ali_random r = {.state = 3};

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(ali_observe_interval(0, &r), 0);
}

static void interval_when_the_mean_is_one_is_never_zero(void **state)
{
    struct ali_random r = {.state = 3};

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(ali_observe_interval(1, &r) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observer_when_one_is_installed_refuses_another),
        cmocka_unit_test(interval_when_drawn_often_has_the_mean),
        cmocka_unit_test(interval_when_drawn_often_is_exponential),
        cmocka_unit_test(interval_when_the_draw_is_extreme_stays_in_bounds),
        cmocka_unit_test(interval_when_everything_is_observed_is_zero),
        cmocka_unit_test(interval_when_the_mean_is_one_is_never_zero),
    };

    return cmocka_run_group_tests_name("core/observe", tests, NULL, NULL);
}

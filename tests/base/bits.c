/* Arithmetic and the random generator. */
#include "unit.h"

#include "base/base.h"

static void align_when_at_and_beside_a_boundary_is_exact(void **state)
{
    (void)state;
    for (size_t align = 1; align <= (size_t)1 << 30; align <<= 1) {
        const size_t base = 3 * align;

        assert_int_equal(ali_align_up(base, align), base);
        assert_int_equal(ali_align_down(base, align), base);
        assert_int_equal(ali_align_up(base + 1, align), align == 1 ? base + 1 : base + align);
        assert_int_equal(ali_align_down(base + align - 1, align), base);
        assert_true(ali_is_aligned((void *)base, align));
        assert_true(align == 1 || !ali_is_aligned((void *)(base + 1), align));
    }
}

static void pow2_when_asked_knows_zero_and_neighbours(void **state)
{
    (void)state;
    assert_false(ali_is_pow2(0));
    assert_true(ali_is_pow2(1));
    assert_true(ali_is_pow2((size_t)1 << 63));
    assert_false(ali_is_pow2(3));
    assert_false(ali_is_pow2(SIZE_MAX));
}

static void overflow_when_just_over_is_told(void **state)
{
    size_t v;

    (void)state;
    assert_false(ali_mul_overflows((size_t)1 << 32, ((size_t)1 << 32) - 1, &v));
    assert_true(v == SIZE_MAX - ((size_t)1 << 32) + 1);
    assert_true(ali_mul_overflows((size_t)1 << 32, (size_t)1 << 32, &v));
    assert_false(ali_mul_overflows(0, SIZE_MAX, &v));
    assert_false(ali_add_overflows(SIZE_MAX - 1, 1, &v));
    assert_true(ali_add_overflows(SIZE_MAX, 1, &v));
}

static void bits_when_single_have_one_index(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(ali_low_bit(UINT64_C(1) << i), i);
        assert_int_equal(ali_high_bit(UINT64_C(1) << i), i);
        assert_int_equal(ali_low_bit(UINT64_MAX << i), i);
        assert_int_equal(ali_high_bit(UINT64_MAX >> i), 63 - i);
        assert_int_equal(ali_bit_count(UINT64_MAX >> i), 64 - i);
    }
}

static void random_when_seeded_gives_the_published_sequence(void **state)
{
    struct ali_random r = {.state = 0};

    (void)state;
    assert_true(ali_random_next(&r) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(ali_random_next(&r) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(ali_random_next(&r) == UINT64_C(0x06c45d188009454f));
}

/* Each bit of the output is set about half of the time: 5 sigma around n/2. */
static void random_when_drawn_often_has_no_stuck_bit(void **state)
{
    enum { DRAWS = 40000, FIVE_SIGMA = 500 };
    struct ali_random r = {.state = 12345};
    unsigned ones[64] = {0};

    (void)state;
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t v = ali_random_next(&r);

        for (unsigned b = 0; b < 64; b++)
            ones[b] += v >> b & 1;
    }
    for (unsigned b = 0; b < 64; b++)
        assert_in_range(ones[b], DRAWS / 2 - FIVE_SIGMA, DRAWS / 2 + FIVE_SIGMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(align_when_at_and_beside_a_boundary_is_exact),
        cmocka_unit_test(pow2_when_asked_knows_zero_and_neighbours),
        cmocka_unit_test(overflow_when_just_over_is_told),
        cmocka_unit_test(bits_when_single_have_one_index),
        cmocka_unit_test(random_when_seeded_gives_the_published_sequence),
        cmocka_unit_test(random_when_drawn_often_has_no_stuck_bit),
    };

    return cmocka_run_group_tests_name("base/bits", tests, NULL, NULL);
}

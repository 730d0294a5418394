/* The tables of size classes, each entry against its definition. */
#include "unit.h"

#include "heap/heap.h"

#define FOR_EACH_CLASS(c)                                                                          \
    for (const struct ali_class *c = ali_classes; c < ali_classes + ALI_CLASS_COUNT; c++)

static void class_of_when_asked_for_any_size_is_the_smallest_that_holds_it(void **state)
{
    (void)state;
    assert_int_equal(ali_class_of(0), 0);
    for (size_t size = 1; size <= ALI_SMALL_MAX; size++) {
        unsigned c = ali_class_of(size);

        assert_in_range(c, 0, ALI_CLASS_COUNT - 1);
        if (ali_classes[c].block_bytes < size)
            fail_msg("size %zu: class of %u bytes", size, ali_classes[c].block_bytes);
        if (c > 0 && ali_classes[c - 1].block_bytes >= size)
            fail_msg("size %zu: not the smallest", size);
    }
}

static void classes_when_taken_in_order_rise_in_sixteens_to_the_largest_size(void **state)
{
    uint32_t below = 0;

    (void)state;
    FOR_EACH_CLASS(c)
    {
        assert_true(c->block_bytes > below);
        assert_int_equal(c->block_bytes % 16, 0);
        below = c->block_bytes;
    }
    assert_int_equal(below, ALI_SMALL_MAX);
}

/* What is lost by rounding up stays within a quarter beyond the smallest sizes. */
static void classes_when_a_size_is_rounded_up_waste_at_most_a_quarter(void **state)
{
    (void)state;
    for (unsigned c = 8; c < ALI_CLASS_COUNT; c++) {
        uint32_t least = ali_classes[c - 1].block_bytes + 1;

        assert_true((ali_classes[c].block_bytes - least) * 4 <= ali_classes[c].block_bytes);
    }
}

static void reciprocal_when_given_any_offset_of_a_slab_tells_block_and_interior(void **state)
{
    (void)state;
    FOR_EACH_CLASS(c)
    {
        for (uint32_t offset = 0; offset < c->slices * ALI_SLICE_BYTES; offset++) {
            uint32_t index = ali_block_index(c->recip, c->slices > 1, offset);
            bool starts = offset % c->block_bytes == 0;

            if (index != (starts ? offset / c->block_bytes : ALI_NOT_A_BLOCK))
                fail_msg("class of %u bytes, offset %u", c->block_bytes, offset);
        }
    }
}

/* The fast free reads the state byte of any offset that begins a block, also behind the last. */
static void state_bytes_when_an_offset_begins_a_block_reach_it(void **state)
{
    (void)state;
    FOR_EACH_CLASS(c)
    {
        size_t bytes = c->slices * ALI_SLICE_BYTES;
        size_t starts = (bytes + c->block_bytes - 1) / c->block_bytes;

        assert_true(starts <= c->state_bytes);
        assert_int_equal(c->state_bytes % ALI_WORD_BLOCKS, 0);
        assert_true(c->state_bytes >= c->count && c->state_bytes - c->count < ALI_WORD_BLOCKS);
    }
}

static void counts_when_compared_with_the_slab_fill_it(void **state)
{
    (void)state;
    FOR_EACH_CLASS(c)
    {
        size_t bytes = c->slices * ALI_SLICE_BYTES;

        assert_int_equal(c->slices, c->block_bytes <= ALI_NARROW_MAX ? 1 : ALI_WIDE_SLICES);
        assert_int_equal(c->count, bytes / c->block_bytes);
        assert_true(c->count >= 4);
    }
}

static void windows_when_laid_over_a_slab_never_cross_a_word(void **state)
{
    (void)state;
    FOR_EACH_CLASS(c)
    {
        assert_true(ali_is_pow2(c->window));
        assert_in_range(c->window, 4, ALI_WORD_BLOCKS);
        assert_true(c->window == 4 || c->window * c->block_bytes <= 16384);
        assert_int_equal(ALI_WORD_BLOCKS % c->window, 0);
    }
}

/* Slabs begin at slices, so what a class promises up to a slice is decided by its block size. */
static unsigned aligned_by_search(size_t size, size_t align)
{
    for (unsigned c = 0; c < ALI_CLASS_COUNT; c++) {
        bool all = ali_classes[c].block_bytes >= ali_max(size, 1);

        for (unsigned i = 0; i < ali_classes[c].count && all; i++)
            all = (size_t)i * ali_classes[c].block_bytes % align == 0;
        if (all)
            return c;
    }
    return ALI_CLASS_COUNT;
}

static void check_aligned(size_t size, size_t align)
{
    unsigned expected = align > ALI_SLICE_BYTES ? ALI_CLASS_COUNT : aligned_by_search(size, align);
    unsigned got = ali_class_aligned(size, align);

    if (got != expected)
        fail_msg("size %zu align %zu: class %u, not %u", size, align, got, expected);
}

static void class_aligned_when_asked_gives_the_smallest_whose_every_block_is_aligned(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 2 * ALI_SMALL_MAX; align *= 2) {
        check_aligned(0, align);
        FOR_EACH_CLASS(c)
        for (int d = -17; d <= 17; d++)
            check_aligned(c->block_bytes + (size_t)(d + 17) - 17, align);
        for (size_t size = 1; size < 8192; size += 37)
            check_aligned(size, align);
    }
}

static void class_aligned_when_the_sum_wraps_gives_none(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        assert_int_equal(ali_class_aligned(SIZE_MAX, (size_t)1 << shift), ALI_CLASS_COUNT);
        assert_int_equal(ali_class_aligned(SIZE_MAX - 4095, (size_t)1 << shift), ALI_CLASS_COUNT);
    }
    assert_int_equal(ali_class_aligned(16, (size_t)1 << 63), ALI_CLASS_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_of_when_asked_for_any_size_is_the_smallest_that_holds_it),
        cmocka_unit_test(classes_when_taken_in_order_rise_in_sixteens_to_the_largest_size),
        cmocka_unit_test(classes_when_a_size_is_rounded_up_waste_at_most_a_quarter),
        cmocka_unit_test(reciprocal_when_given_any_offset_of_a_slab_tells_block_and_interior),
        cmocka_unit_test(state_bytes_when_an_offset_begins_a_block_reach_it),
        cmocka_unit_test(counts_when_compared_with_the_slab_fill_it),
        cmocka_unit_test(windows_when_laid_over_a_slab_never_cross_a_word),
        cmocka_unit_test(class_aligned_when_asked_gives_the_smallest_whose_every_block_is_aligned),
        cmocka_unit_test(class_aligned_when_the_sum_wraps_gives_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

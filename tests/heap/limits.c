/* What a heap object refuses: beyond its limit, and what makes no sense. */
#include "unit.h"

#include <errno.h>

#include "heap/heap.h"
#include "heap/recorder.h"
#include "heap/shadow.h"

/* Small, near a class's end, wide, large. */
static const size_t sizes[] = {1, 24, 100, 1024, 5000, 16384, 20000, 131072, 131073, 700000};

static struct allot_heap_stats stats_of(allot_heap *heap)
{
    struct allot_heap_stats stats;

    assert_int_equal(allot_heap_stats_get(heap, &stats), 0);
    return stats;
}

/* --- limits ------------------------------------------------------------------------------- */

struct limit {
    allot_heap *heap;
    size_t raise_to;
    void *spare;
    int asked;
};

static bool at_limit(allot_heap *heap, size_t wanted_bytes, void *arg)
{
    struct limit *l = arg;

    l->asked++;
    if (heap != l->heap || wanted_bytes == 0)
        l->asked += 1000;
    if (l->spare != NULL) {
        allot_heap_free(heap, l->spare);
        l->spare = NULL;
        return true;
    }
    if (l->raise_to == 0)
        return false;
    allot_heap_set_limit(heap, l->raise_to);
    l->raise_to = 0;
    return true;
}

static void fill_to_the_limit(allot_heap *heap, size_t size, size_t limit)
{
    size_t blocks = 0;

    errno = 0;
    while (allot_heap_alloc(heap, size) != NULL && blocks * size <= limit)
        blocks++;
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(allot_last_error().layer, ALLOT_LAYER_HEAP);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    assert_in_range(stats_of(heap).spans_bytes, 1, limit);
    assert_in_range(stats_of(heap).peak_spans_bytes, 1, limit);
    assert_int_equal(stats_of(heap).limit_bytes, limit);
}

static void limit_when_reached_refuses_until_it_is_raised(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        allot_heap *heap =
            allot_heap_create(&(struct allot_heap_options){.limit_bytes = 2 * ALI_MIB});
        struct allot_heap_stats full;

        fill_to_the_limit(heap, sizes[i], 2 * ALI_MIB);
        full = stats_of(heap);
        allot_heap_set_limit(heap, 4 * ALI_MIB);
        fill_to_the_limit(heap, sizes[i], 4 * ALI_MIB);
        assert_true(stats_of(heap).live_blocks > full.live_blocks);
        allot_heap_set_limit(heap, 0);
        for (int j = 0; j < 64; j++)
            assert_non_null(allot_heap_alloc(heap, 131072));
        allot_heap_destroy(heap);
    }
    assert_nothing_recorded();
}

static void limit_when_the_callback_helps_goes_on(void **state)
{
    struct limit l = {0};
    struct allot_heap_options options = {.limit_bytes = ALI_MIB, .on_limit = at_limit, .arg = &l};

    (void)state;
    l.heap = allot_heap_create(&options);
    l.spare = allot_heap_alloc(l.heap, 700000);
    assert_non_null(l.spare);
    assert_non_null(allot_heap_alloc(l.heap, 600000)); /* the callback frees */
    assert_int_equal(l.asked, 1);
    l.raise_to = 2 * ALI_MIB;
    assert_non_null(allot_heap_alloc(l.heap, 800000)); /* it raises the limit */
    assert_int_equal(l.asked, 2);
    assert_null(allot_heap_alloc(l.heap, 1000000)); /* it refuses */
    assert_int_equal(l.asked, 3);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    allot_heap_destroy(l.heap);
}

static bool allocates_at_limit(allot_heap *heap, size_t wanted_bytes, void *arg)
{
    void **blocks = arg;

    allot_heap_set_limit(heap, stats_of(heap).limit_bytes + 2 * wanted_bytes);
    for (int i = 0; i < 70; i++)
        if (blocks[i] == NULL)
            blocks[i] = allot_heap_alloc(heap, 100);
    return true;
}

/* What it allocates comes from the very slot that is being filled. */
static void limit_when_the_callback_allocates_loses_nothing(void **state)
{
    static void *blocks[70];
    struct allot_heap_options options = {
        .limit_bytes = 4 * ALI_SLICE_BYTES, .on_limit = allocates_at_limit, .arg = blocks};
    allot_heap *heap = allot_heap_create(&options);
    static void *mine[20000];

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(mine); i++) {
        mine[i] = allot_heap_alloc(heap, 100);
        assert_non_null(mine[i]);
        for (int j = 0; i % 100 == 0 && j < 70; j++) {
            allot_heap_free(heap, blocks[j]);
            blocks[j] = NULL;
        }
    }
    for (int j = 0; j < 70; j++)
        allot_heap_free(heap, blocks[j]);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(mine); i++)
        allot_heap_free(heap, mine[i]);
    assert_int_equal(stats_of(heap).live_blocks, 0);
    /* the slab of the slot, and a few empty ones */
    assert_in_range(stats_of(heap).spans_bytes, 0, 6 * ALI_SLICE_BYTES);
    allot_heap_destroy(heap);
    assert_nothing_recorded();
}

static void limit_when_a_block_grows_past_it_keeps_the_block(void **state)
{
    allot_heap *heap = allot_heap_create(&(struct allot_heap_options){.limit_bytes = ALI_MIB});
    void *p = allot_heap_alloc(heap, 500000);
    void *was = p;

    (void)state;
    assert_non_null(p);
    shadow_fill(p, 500000, 9);
    assert_int_equal(allot_heap_realloc(heap, &p, 2000000), -ENOMEM);
    assert_ptr_equal(p, was);
    assert_true(shadow_is_intact(p, 500000, 500000, 9));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    allot_heap_set_limit(heap, 0);
    assert_int_equal(allot_heap_realloc(heap, &p, 2000000), 0);
    assert_true(shadow_is_intact(p, 500000, 500000, 9));
    allot_heap_destroy(heap);
}

/* What is charged comes back in full, or a limited heap would dry up. */
static void limit_when_blocks_come_and_go_is_never_used_up(void **state)
{
    allot_heap *heap = allot_heap_create(&(struct allot_heap_options){.limit_bytes = 2 * ALI_MIB});
    struct ali_random r = {5};

    (void)state;
    for (int i = 0; i < 3000; i++) {
        void *p = allot_heap_alloc(heap, shadow_size((uint16_t)ali_random_next(&r)) / 2);

        assert_non_null(p);
        allot_heap_free(heap, p);
    }
    assert_int_equal(stats_of(heap).live_blocks, 0);
    allot_heap_destroy(heap);
}

/* --- requests ----------------------------------------------------------------------------- */

static void request_when_it_makes_no_sense_is_refused(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    volatile size_t huge = SIZE_MAX;
    void *p = allot_heap_alloc(heap, 100);
    void *was = p;

    (void)state;
    errno = 0;
    assert_null(allot_heap_aligned(heap, 8, 48));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_BAD_ALIGNMENT);
    assert_null(allot_heap_aligned(heap, 8, 0));
    assert_null(allot_heap_aligned(heap, 8, 2 * ALI_GIB));
    for (size_t i = 0; i < 70000; i = i * 3 + 1) {
        errno = 0;
        assert_null(allot_heap_alloc(heap, huge - i));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
        assert_null(allot_heap_zalloc(heap, huge - i));
        assert_null(allot_heap_aligned(heap, huge - i, 4096));
        assert_int_equal(allot_heap_realloc(heap, &p, huge - i), -ENOMEM);
        assert_ptr_equal(p, was);
    }
    assert_int_equal(allot_heap_usable(heap, p), 112);
    allot_heap_destroy(heap);
    assert_nothing_recorded();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recorder_start, recorder_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(limit_when_reached_refuses_until_it_is_raised),
        TEST(limit_when_the_callback_helps_goes_on),
        TEST(limit_when_the_callback_allocates_loses_nothing),
        TEST(limit_when_a_block_grows_past_it_keeps_the_block),
        TEST(limit_when_blocks_come_and_go_is_never_used_up),
        TEST(request_when_it_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a heap object refuses: beyond its limit, and what makes no sense. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"
#include "heap/recorder.h"
#include "heap/shadow.h"

/* Small, near a class's end, wide, large. */
static const size_t sizes[] = {1, 24, 100, 1024, 5000, 16384, 20000, 65536, 65537, 700000};

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

/* --- what nobody uses does not count ------------------------------------------------------ */

/* Leaves an empty slab in the slot of each class of blocks up to 16 KiB: 3 MiB. */
static void fill_slots(allot_heap *heap)
{
    for (size_t size = 1; size <= ALI_NARROW_MAX; size += 16)
        allot_heap_free(heap, allot_heap_alloc(heap, size));
}

static void *fill_slots_and_end(void *heap)
{
    fill_slots(heap);
    return NULL;
}

static void limit_when_an_ended_thread_kept_slabs_takes_them(void **state)
{
    allot_heap *heap = allot_heap_create(&(struct allot_heap_options){.limit_bytes = 4 * ALI_MIB});
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, fill_slots_and_end, heap), 0);
    pthread_join(thread, NULL);
    assert_true(stats_of(heap).spans_bytes > 2 * ALI_MIB);
    assert_non_null(allot_heap_alloc(heap, 3 * ALI_MIB));
    allot_heap_destroy(heap);
}

/* A copy would not fit: only what is added may be charged. */
static void limit_when_a_block_grows_charges_what_is_added(void **state)
{
    struct limit l = {.raise_to = 5 * ALI_MIB};
    struct allot_heap_options options = {
        .limit_bytes = 4 * ALI_MIB, .on_limit = at_limit, .arg = &l};
    void *p;

    (void)state;
    l.heap = allot_heap_create(&options);
    p = allot_heap_alloc(l.heap, 2 * ALI_MIB);
    shadow_fill(p, 2 * ALI_MIB, 3);
    fill_slots(l.heap);
    assert_int_equal(l.asked, 0);
    assert_int_equal(allot_heap_realloc(l.heap, &p, 3 * ALI_MIB), 0); /* the slots are emptied */
    assert_int_equal(l.asked, 0);
    assert_int_equal(allot_heap_realloc(l.heap, &p, 5 * ALI_MIB), 0); /* the callback raises it */
    assert_int_equal(l.asked, 1);
    assert_int_equal(allot_heap_realloc(l.heap, &p, 6 * ALI_MIB), -ENOMEM); /* and refuses, once */
    assert_int_equal(l.asked, 2);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    assert_true(shadow_is_intact(p, 2 * ALI_MIB, 2 * ALI_MIB, 3));
    assert_int_equal(allot_heap_realloc(l.heap, &p, 2 * ALI_MIB), 0);
    assert_in_range(stats_of(l.heap).spans_bytes, 2 * ALI_MIB, 2 * ALI_MIB + 6 * ALI_SLICE_BYTES);
    allot_heap_destroy(l.heap);
}

/* --- the limit of the process ------------------------------------------------------------- */

static size_t process_bytes(void)
{
    struct allot_stats stats;

    (void)allot_stats_get(&stats);
    return stats.spans_bytes;
}

static void limit_process(size_t bytes)
{
    struct allot_stats stats;
    struct allot_heap_stats of_heap;

    allot_heap_set_limit(NULL, bytes);
    (void)allot_stats_get(&stats);
    (void)allot_heap_stats_get(NULL, &of_heap);
    unit_child_require(stats.limit_bytes == bytes && of_heap.limit_bytes == bytes);
}

static void reach_process_limit(void *arg)
{
    allot_heap *heap = allot_heap_create(NULL);
    void *p = NULL;

    (void)arg;
    limit_process(process_bytes() + ALI_MIB);
    unit_child_require(allot_heap_alloc(NULL, 2 * ALI_MIB) == NULL && errno == ENOMEM);
    unit_child_require(allot_last_error().cause == ALLOT_CAUSE_LIMIT);
    unit_child_require(allot_heap_alloc(heap, 2 * ALI_MIB) == NULL);
    unit_child_require(allot_heap_realloc(heap, &p, 2 * ALI_MIB) == -ENOMEM && p == NULL);
    limit_process(0);
    unit_child_require(allot_heap_alloc(NULL, 2 * ALI_MIB) != NULL);
    unit_child_require(allot_heap_alloc(heap, 2 * ALI_MIB) != NULL);
}

static void process_limit_when_set_at_run_time_is_kept(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(reach_process_limit, NULL)));
}

static void use_all_slots(void *arg)
{
    allot_heap *heap = allot_heap_create(NULL);
    char *p, *q;
    void *grows = allot_heap_alloc(NULL, 2 * ALI_MIB);

    (void)arg;
    fill_slots(NULL);
    fill_slots(heap);
    limit_process(process_bytes());
    p = allot_heap_alloc(NULL, 4 * ALI_MIB); /* more than the slots of one heap have */
    unit_child_require(p != NULL);
    memset(p, 1, 4 * ALI_MIB);
    allot_heap_free(NULL, p);
    fill_slots(NULL);
    limit_process(process_bytes());
    q = allot_heap_alloc(heap, 20000); /* a wide slab */
    unit_child_require(q != NULL);
    limit_process(0);
    fill_slots(heap);
    limit_process(process_bytes());
    unit_child_require(allot_heap_realloc(NULL, &grows, 4 * ALI_MIB) == 0);
    allot_heap_free(heap, q);
    allot_heap_destroy(heap);
}

static void process_limit_when_slots_hold_free_slabs_empties_them(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(use_all_slots, NULL)));
}

/* Old and new place together are above the limit, but pages are never at both. */
static void move_below_the_limit(void *arg)
{
    void *p = allot_heap_alloc(NULL, 40 * ALI_MIB);
    void *behind = allot_heap_alloc(NULL, 3 * ALI_MIB);
    void *was = p;

    (void)arg;
    unit_child_require(p != NULL && behind != NULL);
    shadow_fill(p, 40 * ALI_MIB, 5);
    limit_process(70 * ALI_MIB);
    unit_child_require(allot_heap_realloc(NULL, &p, 60 * ALI_MIB) == 0 && p != was);
    unit_child_require(shadow_is_intact(p, 40 * ALI_MIB, 40 * ALI_MIB, 5));
    unit_child_require(process_bytes() <= 64 * ALI_MIB);
    unit_child_require(ali_span_valid());
    unit_child_require(allot_heap_realloc(NULL, &p, 80 * ALI_MIB) == -ENOMEM);
    unit_child_require(shadow_is_intact(p, 40 * ALI_MIB, 40 * ALI_MIB, 5));
    allot_heap_free(NULL, p);
    unit_child_require(process_bytes() <= 4 * ALI_MIB);
}

static void process_limit_when_a_block_moves_counts_it_once(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(move_below_the_limit, NULL)));
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
        TEST(limit_when_an_ended_thread_kept_slabs_takes_them),
        TEST(limit_when_a_block_grows_charges_what_is_added),
        TEST(process_limit_when_set_at_run_time_is_kept),
        TEST(process_limit_when_slots_hold_free_slabs_empties_them),
        TEST(process_limit_when_a_block_moves_counts_it_once),
        TEST(request_when_it_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a bad pointer is told to be, and that it changes nothing. */
#include "unit.h"

#include <sys/mman.h>

#include "heap/calls.h"
#include "heap/recorder.h"

/* One of each way that blocks are kept: narrow slabs, wide ones, large with a kept span, large
 * that goes back at once. */
static const size_t sizes[] = {1,     16,    100,   1000,   4097,   16384,   20480,
                               30000, 65536, 65537, 114688, 131073, 1000000, 5000000};

#define FOR_EACH_SIZE(i) for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++)

static size_t usable(const void *p)
{
    return ali_heap_usable(p, ALI_CALL_USABLE_SIZE, NULL);
}

static size_t live_blocks(void)
{
    struct allot_stats stats;

    (void)allot_stats_get(&stats);
    return stats.live_blocks;
}

/* --- double frees ------------------------------------------------------------------------- */

static void free_when_done_twice_in_a_row_is_a_double_free(void **state)
{
    (void)state;
    FOR_EACH_SIZE(i)
    {
        char *keep = take(sizes[i]);
        char *p = take(sizes[i]);

        give(p);
        assert_nothing_recorded();
        give(p);
        assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p);
        assert_string_equal(recorded.call, "free");
        give(keep);
        assert_nothing_recorded();
    }
}

static void free_when_done_twice_with_others_between_is_a_double_free(void **state)
{
    (void)state;
    FOR_EACH_SIZE(i)
    {
        char *first = take(sizes[i]);
        char *second = take(sizes[i]);
        char *other = take(sizes[(i + 3) % ALI_ARRAY_COUNT(sizes)]);

        give(first);
        give(second);
        give(other);
        assert_nothing_recorded();
        give(first);
        assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, first);
        give(second);
        assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, second);
    }
}

static void free_when_every_block_of_many_slabs_is_freed_twice_tells_each(void **state)
{
    enum { BLOCKS = 3000 };
    static char *blocks[BLOCKS];

    (void)state;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = take(200);
    for (int i = 0; i < BLOCKS; i += 2)
        give(blocks[i]);
    for (int i = 0; i < BLOCKS; i += 2) {
        give(blocks[i]);
        assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, blocks[i]);
        assert_ptr_equal(recorded.block, blocks[i]);
    }
    for (int i = 1; i < BLOCKS; i += 2)
        give(blocks[i]);
    assert_nothing_recorded();
}

/* Two threads free a block; the second has found it live before the first was done. */
static void free_when_another_thread_was_faster_is_a_double_free(void **state)
{
    (void)state;
    FOR_EACH_SIZE(i)
    {
        struct ali_found found;
        char *keep = take(sizes[i]);
        char *p = take(sizes[i]);
        size_t before = live_blocks();

        assert_true(ali_find_live(p, &found));
        give(p);
        ali_heap_free_found(&found, ALI_CALL_FREE, NULL);
        assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p);
        assert_int_equal(live_blocks(), before - 1);
        give(keep);
    }
}

static void realloc_and_usable_when_the_block_was_freed_tell_so(void **state)
{
    (void)state;
    FOR_EACH_SIZE(i)
    {
        char *keep = take(sizes[i]);
        char *p = take(sizes[i]);

        give(p);
        assert_null(ali_heap_realloc(p, 50, ALI_CALL_REALLOC, NULL));
        assert_recorded(ALLOT_MISUSE_INVALID_REALLOC, ALLOT_PLACE_FREED_BLOCK, p);
        assert_int_equal(usable(p), 0);
        assert_recorded(ALLOT_MISUSE_INVALID_USABLE_SIZE, ALLOT_PLACE_FREED_BLOCK, p);
        give(keep);
    }
}

/* --- inside the heap, at no block --------------------------------------------------------- */

static void check_inside(char *block, size_t offset, size_t bytes)
{
    char *p = block + offset;

    give(p);
    assert_recorded(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
    assert_ptr_equal(recorded.block, block);
    assert_int_equal(recorded.block_bytes, bytes);
    assert_null(ali_heap_realloc(p, 50, ALI_CALL_REALLOC, NULL));
    assert_recorded(ALLOT_MISUSE_INVALID_REALLOC, ALLOT_PLACE_LIVE_BLOCK, p);
    assert_int_equal(usable(p), 0);
    assert_recorded(ALLOT_MISUSE_INVALID_USABLE_SIZE, ALLOT_PLACE_LIVE_BLOCK, p);
    assert_ptr_equal(recorded.block, block);
}

static void free_when_inside_a_live_block_names_the_block(void **state)
{
    (void)state;
    FOR_EACH_SIZE(i)
    {
        char *p = take(sizes[i]);
        size_t bytes = usable(p);
        size_t before = live_blocks();

        memset(p, 0x5c, bytes);
        check_inside(p, 1, bytes);
        check_inside(p, 8, bytes);
        check_inside(p, bytes - 1, bytes);
        check_inside(p, bytes / 2 + bytes / 4, bytes);
        for (size_t slice = ALI_SLICE_BYTES; slice < bytes; slice += ALI_SLICE_BYTES)
            check_inside(p, slice, bytes);
        assert_int_equal(live_blocks(), before);
        for (size_t at = 0; at < bytes; at++)
            assert_true(p[at] == 0x5c);
        give(p);
        assert_nothing_recorded();
    }
}

static void free_when_inside_a_freed_block_is_no_double_free(void **state)
{
    (void)state;
    for (size_t i = 0; sizes[i] <= ALI_SMALL_MAX; i++) {
        char *keep = take(sizes[i]);
        char *p = take(sizes[i]);

        give(p);
        give(p + 8);
        assert_recorded(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_FREED_BLOCK, p + 8);
        assert_ptr_equal(recorded.block, p);
        give(keep);
    }
}

/* The other blocks of the slab of the one live block of a new heap; of many, every seventh. */
static void free_when_a_block_was_never_handed_out_tells_so(void **state)
{
    (void)state;
    for (unsigned c = 0; c < ALI_CLASS_COUNT; c++) {
        allot_heap *heap = allot_heap_create(NULL);
        size_t bytes = ali_classes[c].block_bytes;
        char *p = allot_heap_alloc(heap, bytes);
        char *end = p + bytes * ali_classes[c].count;
        size_t step = ali_classes[c].count > 100 ? 7 * bytes : bytes;

        assert_non_null(p);
        for (char *q = p + bytes; q < end && allot_heap_of(p) == heap; q += step) {
            give(q);
            /* behind the end when p is not the first of its slab */
            if (recorded.place == ALLOT_PLACE_HEAP_GAP || recorded.block == NULL)
                break;
            assert_recorded(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_UNISSUED_BLOCK, q);
            assert_ptr_equal(recorded.block, q);
        }
        recorded_count = 0;
        allot_heap_destroy(heap);
    }
}

/* Each report costs a few system calls: both ends closely, the middle here and there. */
static size_t next_in_gap(size_t at, size_t from, size_t to)
{
    return at - from < 256 || to - at <= 256 ? at + 8 : ali_min(at + 248, to - 256);
}

static void free_when_behind_the_last_block_of_a_slab_is_in_a_gap(void **state)
{
    (void)state;
    for (unsigned c = 0; c < ALI_CLASS_COUNT; c++) {
        size_t slab_bytes = ali_classes[c].slices * ALI_SLICE_BYTES;
        size_t used = (size_t)ali_classes[c].count * ali_classes[c].block_bytes;
        char *p, *base;

        if (used == slab_bytes)
            continue;
        p = take(ali_classes[c].block_bytes);
        base = (char *)ali_span_base(ali_span_find_head(ali_region_offset(p)));
        for (size_t at = used; at < slab_bytes; at = next_in_gap(at, used, slab_bytes)) {
            give(base + at);
            assert_recorded(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_HEAP_GAP, base + at);
            assert_null(recorded.block);
        }
        give(p);
        assert_nothing_recorded();
    }
}

/* --- outside ------------------------------------------------------------------------------ */

static void check_outside(const void *p, enum allot_place place)
{
    give(p);
    assert_recorded(ALLOT_MISUSE_INVALID_FREE, place, p);
    assert_null(recorded.block);
    assert_null(ali_heap_realloc((void *)(uintptr_t)p, 50, ALI_CALL_REALLOC, NULL));
    assert_recorded(ALLOT_MISUSE_INVALID_REALLOC, place, p);
    assert_int_equal(usable(p), 0);
    assert_recorded(ALLOT_MISUSE_INVALID_USABLE_SIZE, place, p);
    assert_null(allot_heap_of(p));
}

static void free_when_on_the_stack_tells_so(void **state)
{
    char local[64] = "";

    (void)state;
    check_outside(local, ALLOT_PLACE_STACK);
    check_outside(local + 3, ALLOT_PLACE_STACK);
}

static int static_data = 7;
static const char static_text[] = "text";

static void free_when_static_tells_so(void **state)
{
    (void)state;
    check_outside(&static_data, ALLOT_PLACE_STATIC);
    check_outside(static_text + 1, ALLOT_PLACE_STATIC);
    check_outside((const void *)(uintptr_t)&free_when_static_tells_so, ALLOT_PLACE_STATIC);
    assert_int_equal(static_data, 7);
}

static void free_when_mapped_by_another_or_not_at_all_tells_so(void **state)
{
    char *p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(p, MAP_FAILED);
    check_outside(p + 4096, ALLOT_PLACE_FOREIGN_MAPPING);
    assert_int_equal(munmap(p, 1 << 16), 0);
    check_outside(p + 4096, ALLOT_PLACE_UNMAPPED);
    check_outside((const void *)(uintptr_t)8, ALLOT_PLACE_UNMAPPED);
    check_outside((const void *)UINTPTR_MAX, ALLOT_PLACE_UNMAPPED);
    check_outside((const void *)(uintptr_t)0xdead0000dead0000, ALLOT_PLACE_UNMAPPED);
}

static void free_when_null_is_fine(void **state)
{
    (void)state;
    give(NULL);
    assert_int_equal(usable(NULL), 0);
    ali_heap_free_claimed(NULL, 16, 0, ALI_CALL_FREE_SIZED, NULL);
    allot_heap_free(NULL, NULL);
    assert_nothing_recorded();
}

/* --- claims ------------------------------------------------------------------------------- */

static void claim(void *p, size_t size, size_t align)
{
    ali_heap_free_claimed(p, size, align, ALI_CALL_FREE_SIZED, NULL);
}

static void sized_free_when_the_size_is_of_another_class_is_mismatched(void **state)
{
    (void)state;
    FOR_EACH_SIZE(i)
    {
        char *p = take(sizes[i]);
        size_t bytes = usable(p);

        claim(p, bytes + 1, 0);
        assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        assert_int_equal(recorded.told_bytes, bytes + 1);
        assert_int_equal(recorded.true_bytes, bytes);
        if (bytes > 16) {
            claim(p, 1, 0);
            assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        }
        assert_int_equal(usable(p), bytes);
        claim(p, sizes[i], 0);
        assert_nothing_recorded();
        claim(p, sizes[i], 0);
        assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p);
    }
}

static void aligned_free_when_the_block_is_not_so_aligned_is_mismatched(void **state)
{
    char *p = take(48);

    (void)state;
    claim(p, 48, (size_t)1 << 40);
    assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
    assert_int_equal(recorded.told_bytes, (size_t)1 << 40);
    claim(p, 48, 16);
    assert_nothing_recorded();
}

static void refused_overflow_when_told_reaches_the_handler(void **state)
{
    (void)state;
    ali_heap_refuse_overflow(SIZE_MAX / 2, 3, ALI_CALL_CALLOC, NULL);
    assert_recorded(ALLOT_MISUSE_SIZE_OVERFLOW, ALLOT_PLACE_UNKNOWN, NULL);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
}

static void misuses_when_they_happen_are_counted(void **state)
{
    struct allot_stats before, after;
    char *p = take(32);

    (void)state;
    (void)allot_stats_get(&before);
    give(p);
    for (int i = 0; i < 5; i++)
        give(p);
    (void)allot_stats_get(&after);
    assert_int_equal(after.misuses - before.misuses, 5);
    assert_int_equal(recorded_count, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recorder_start, recorder_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(free_when_done_twice_in_a_row_is_a_double_free),
        TEST(free_when_done_twice_with_others_between_is_a_double_free),
        TEST(free_when_every_block_of_many_slabs_is_freed_twice_tells_each),
        TEST(free_when_another_thread_was_faster_is_a_double_free),
        TEST(realloc_and_usable_when_the_block_was_freed_tell_so),
        TEST(free_when_inside_a_live_block_names_the_block),
        TEST(free_when_inside_a_freed_block_is_no_double_free),
        TEST(free_when_a_block_was_never_handed_out_tells_so),
        TEST(free_when_behind_the_last_block_of_a_slab_is_in_a_gap),
        TEST(free_when_on_the_stack_tells_so),
        TEST(free_when_static_tells_so),
        TEST(free_when_mapped_by_another_or_not_at_all_tells_so),
        TEST(free_when_null_is_fine),
        TEST(sized_free_when_the_size_is_of_another_class_is_mismatched),
        TEST(aligned_free_when_the_block_is_not_so_aligned_is_mismatched),
        TEST(refused_overflow_when_told_reaches_the_handler),
        TEST(misuses_when_they_happen_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

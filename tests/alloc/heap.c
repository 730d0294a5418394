/* A heap as an allocator, the default of the process, and the checked family. */
#include "unit.h"

#include <errno.h>

#include "heap/heap.h"
#include "heap/recorder.h"
#include "heap/shadow.h"

/* --- frees that are wrong ----------------------------------------------------------------- */

static void block_of_another_heap_when_deleted_is_told(void **state)
{
    allot_heap *one = allot_heap_create(&(struct allot_heap_options){.name = "one"});
    allot_allocator *a = allot_heap_allocator(one);
    allot_allocator *d = allot_heap_allocator(NULL);
    void *p = allot_new(a, 100);
    void *large = allot_new(a, 300000);

    (void)state;
    allot_delete(d, p, 100);
    assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
    assert_string_equal(recorded.detail, "a block of another heap");
    assert_string_equal(recorded.heap, "one");
    assert_string_equal(recorded.call, "allot_delete");
    allot_delete(d, large, 300000);
    assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, large);
    assert_int_equal(allot_resize(d, &p, 100, 5000), -EINVAL);
    assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
    assert_string_equal(recorded.call, "allot_resize");
    assert_int_equal(allot_allocator_owns(d, p), 0);
    assert_int_equal(allot_allocator_owns(a, p), 1);
    assert_int_equal(allot_allocator_usable(d, p, 100, 4), 0);
    allot_delete(a, p, 100);
    allot_delete(a, large, 300000);
    allot_heap_destroy(one);
    assert_nothing_recorded();
}

static void size_or_alignment_when_wrong_is_told(void **state)
{
    static const size_t sizes[] = {1, 100, 5000, 70000, 300000};
    allot_allocator *a = allot_heap_allocator(NULL);

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        void *p = allot_new(a, sizes[i]);

        allot_delete(a, p, sizes[i] * 2 + 5000);
        assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        assert_string_equal(recorded.detail, "wrong size");
        allot_delete_how(a, p, sizes[i], 30);
        assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        assert_string_equal(recorded.detail, "wrong alignment");
        assert_int_equal(allot_resize(a, &p, sizes[i] * 2 + 5000, 10), -EINVAL);
        assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        allot_delete(a, p, (size_t)PTRDIFF_MAX + 1);
        assert_int_equal(recorded_count, 1);
        recorded_count = 0;
        allot_delete(a, p, sizes[i]);
        assert_nothing_recorded();
    }
}

static void destroyed_heap_when_used_is_told(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    allot_allocator *a = allot_heap_allocator(heap);
    struct allot_allocator_stats stats;
    void *p = allot_new(a, 100);
    void *late = p;

    (void)state;
    allot_heap_destroy(heap);
    assert_null(allot_new(a, 100));
    assert_int_equal(recorded.kind, ALLOT_MISUSE_INVALID_HEAP);
    allot_delete(a, late, 100);
    assert_int_equal(recorded.kind, ALLOT_MISUSE_INVALID_HEAP);
    assert_int_equal(allot_resize(a, &late, 100, 5000), -EINVAL);
    assert_ptr_equal(late, p);
    assert_int_equal(recorded_count, 3);
    assert_false(allot_try_resize(a, late, 100, 101));
    assert_int_equal(allot_allocator_owns(a, late), 0);
    recorded_count = 0;
    allot_allocator_stats_get(a, &stats);
    assert_int_equal(stats.live_objects, ALLOT_STAT_UNKNOWN);
    assert_int_equal(recorded.kind, ALLOT_MISUSE_INVALID_HEAP);
    assert_string_equal(recorded.call, "allot_allocator_stats_get");
    assert_false(allot_allocator_visit(a, NULL, NULL));
    assert_string_equal(recorded.call, "allot_allocator_visit");
    assert_int_equal(recorded_count, 2);
}

/* --- limits ------------------------------------------------------------------------------- */

static int asked;

static bool refuse(allot_heap *heap, size_t wanted_bytes, void *arg)
{
    (void)heap;
    (void)wanted_bytes;
    (void)arg;
    asked++;
    return false;
}

static void limit_when_a_resize_in_place_meets_it_asks_nobody(void **state)
{
    allot_heap *heap =
        allot_heap_create(&(struct allot_heap_options){.limit_bytes = ALI_MIB, .on_limit = refuse});
    allot_allocator *a = allot_heap_allocator(heap);
    struct allot_allocator_stats stats;
    void *p = allot_new(a, 300000);
    void *was = p;

    (void)state;
    asked = 0;
    assert_false(allot_try_resize(a, p, 300000, 2 * ALI_MIB));
    assert_int_equal(asked, 0);
    assert_int_equal(allot_resize(a, &p, 300000, 2 * ALI_MIB), -ENOMEM);
    assert_true(asked > 0);
    assert_ptr_equal(p, was);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    assert_int_equal(errno, ENOMEM);
    allot_allocator_stats_get(a, &stats);
    assert_int_equal(stats.limit_bytes, ALI_MIB);
    assert_int_equal(stats.live_objects, 1);
    assert_int_equal(allot_resize(a, &p, 300000, 600000), 0);
    allot_delete(a, p, 600000);
    allot_heap_destroy(heap);
    assert_nothing_recorded();
}

static void large_block_when_over_aligned_keeps_its_alignment(void **state)
{
    allot_allocator *a = allot_heap_allocator(NULL);
    const allot_how how = ALLOT_ALIGN(1 << 20);
    size_t size = 300000;
    void *beside, *p = allot_new_how(a, size, how);

    (void)state;
    shadow_fill(p, size, 1);
    for (int i = 0; i < 6; i++) {
        beside = allot_new(a, 70000); /* so that it cannot stay */
        assert_int_equal(allot_resize_how(a, &p, size, size * 2, how), 0);
        assert_true(ali_is_aligned(p, 1 << 20));
        assert_true(shadow_is_intact(p, size, size, 1));
        size *= 2;
        shadow_fill(p, size, 1);
        allot_delete(a, beside, 70000);
    }
    allot_delete_how(a, p, size, how);
    assert_nothing_recorded();
}

/* --- the default -------------------------------------------------------------------------- */

static void default_when_set_is_what_null_means(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    allot_allocator *a = allot_heap_allocator(heap);
    allot_allocator *first = allot_heap_allocator(allot_heap_default());
    int *number;
    void *p;

    (void)state;
    assert_ptr_equal(allot_allocator_default(), first);
    assert_ptr_equal(allot_allocator_set_default(a), first);
    assert_ptr_equal(allot_allocator_default(), a);
    p = allot_new(NULL, 10);
    assert_int_equal(allot_allocator_owns(NULL, p), 1);
    assert_ptr_equal(allot_heap_of(p), heap);
    assert_string_equal(allot_allocator_kind(NULL), "heap");
    assert_ptr_equal(allot_allocator_set_default(NULL), a);
    allot_delete(a, p, 10);
    number = ALLOT_NEW(NULL, int);
    assert_null(allot_heap_of(number));
    ALLOT_DELETE(NULL, number);
    assert_null(number);
    allot_heap_destroy(heap);
    assert_nothing_recorded();
}

struct over {
    char c;
    double _Alignas(64) d;
};

struct flex {
    size_t count;
    struct over list[];
};

static void typed_macros_when_used_align_and_size(void **state)
{
    struct over *one = ALLOT_NEW_ZERO(NULL, struct over);
    struct over *many = ALLOT_ARRAY(NULL, struct over, 5);
    double *zeros = ALLOT_ARRAY_ZERO(NULL, double, 100);
    struct flex *f = ALLOT_FLEX(NULL, struct flex, list, 3);
    volatile size_t too_many = SIZE_MAX / 64;

    (void)state;
    assert_true(one->d == 0 && ali_is_aligned(one, 64));
    assert_true(ali_is_aligned(many, 64));
    assert_true(zeros[99] == 0);
    assert_true(ali_is_aligned(f, 64));
    assert_int_equal(ALLOT_FLEX_BYTES(struct flex, list, 3), 64 + 3 * sizeof(struct over));
    assert_int_equal(ALLOT_FLEX_BYTES(struct flex, list, 0), sizeof(struct flex));
    assert_int_equal(ALLOT_FLEX_BYTES(struct flex, list, too_many), SIZE_MAX);
    assert_null(ALLOT_FLEX(NULL, struct flex, list, too_many));
    assert_null(ALLOT_ARRAY(NULL, double, too_many));
    ALLOT_DELETE(NULL, one);
    assert_null(one);
    allot_delete_how(NULL, many, 5 * sizeof *many, ALLOT_ALIGN(64));
    allot_delete(NULL, zeros, 100 * sizeof *zeros);
    allot_delete_how(NULL, f, ALLOT_FLEX_BYTES(struct flex, list, 3), ALLOT_ALIGN(64));
    assert_nothing_recorded();
}

/* --- the family --------------------------------------------------------------------------- */

static void family_when_used_is_a_malloc(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 5000, 20000, 300000};

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        void *p = allot_malloc(sizes[i]);
        void *z = allot_calloc(sizes[i], 3);
        void *l = allot_malloc_aligned(sizes[i], 8192);

        assert_true(p != NULL && z != NULL && l != NULL);
        assert_true(allot_usable(p) >= sizes[i]);
        assert_true(shadow_is_zero(z, 3 * sizes[i]));
        assert_true(ali_is_aligned(l, 8192));
        shadow_fill(p, sizes[i], i);
        assert_int_equal(allot_realloc(&p, sizes[i] * 2 + 40), 0);
        assert_true(shadow_is_intact(p, sizes[i], sizes[i], i));
        assert_int_equal(allot_reallocarray(&p, sizes[i] + 1, 5), 0);
        assert_int_equal(allot_realloc(&p, 0), 0);
        assert_non_null(p);
        ALLOT_FREE(p);
        assert_null(p);
        allot_free(p);
        allot_free(z);
        allot_free(l);
    }
    assert_int_equal(allot_usable(NULL), 0);
    assert_nothing_recorded();
}

static void family_when_it_cannot_loses_nothing(void **state)
{
    volatile size_t huge = SIZE_MAX / 2;
    void *p = NULL, *volatile was; /* as the compiler need not know what it is */

    (void)state;
    errno = 0;
    assert_null(allot_malloc(SIZE_MAX / 2 + huge));
    assert_int_equal(errno, ENOMEM);
    assert_null(allot_malloc_aligned(10, 24 + 0 * huge));
    assert_int_equal(errno, EINVAL);
    assert_null(allot_malloc_aligned(10, (size_t)1 << 31));
    assert_null(allot_malloc_aligned(huge, 64));
    assert_null(allot_calloc(huge, 1));
    assert_int_equal(errno, ENOMEM);
    assert_nothing_recorded();
    assert_null(allot_calloc(huge, 3));
    assert_int_equal(recorded.kind, ALLOT_MISUSE_SIZE_OVERFLOW);
    assert_string_equal(recorded.call, "allot_calloc");
    assert_int_equal(allot_realloc(&p, huge), -ENOMEM);
    assert_null(p);
    assert_int_equal(allot_realloc(&p, 100), 0);
    was = p;
    assert_int_equal(allot_realloc(&p, huge + 2), -ENOMEM);
    assert_int_equal(allot_realloc(&p, huge), -ENOMEM);
    recorded_count = 0;
    assert_int_equal(allot_reallocarray(&p, huge, 3), -ENOMEM);
    assert_string_equal(recorded.call, "allot_reallocarray");
    assert_ptr_equal(p, was);
    allot_free(p);
    errno = 7;
    recorded_count = 0;
    allot_free(was);
    assert_recorded(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, was);
    assert_string_equal(recorded.call, "allot_free");
    assert_int_equal(errno, 7);
    assert_int_equal(allot_realloc(&p, 50), -EINVAL);
    assert_int_equal(errno, EINVAL);
    assert_string_equal(recorded.call, "allot_realloc");
    assert_int_equal(allot_usable(p), 0);
    assert_string_equal(recorded.call, "allot_usable");
    recorded_count = 0;
}

static void copies_when_made_are_copies(void **state)
{
    static const char text[] = "abcdef";
    char *all = allot_strdup(text), *some = allot_strndup(text, 3), *more = allot_strndup(text, 99);
    char *bytes = allot_memdup(text, 4), *none = allot_memdup(text, 0);

    (void)state;
    assert_string_equal(all, "abcdef");
    assert_string_equal(some, "abc");
    assert_string_equal(more, "abcdef");
    assert_memory_equal(bytes, "abcd", 4);
    assert_non_null(none);
    assert_null(allot_strdup(NULL));
    assert_null(allot_strndup(NULL, 3));
    assert_null(allot_memdup(NULL, 3));
    allot_free(all);
    allot_free(some);
    allot_free(more);
    allot_free(bytes);
    allot_free(none);
    assert_nothing_recorded();
}

static void arithmetic_when_it_overflows_says_so(void **state)
{
    size_t r = 0;

    (void)state;
    assert_true(allot_mul(3, 4, &r) && r == 12);
    assert_true(allot_add(3, 4, &r) && r == 7);
    assert_false(allot_mul(SIZE_MAX, 2, &r));
    assert_int_equal(r, SIZE_MAX);
    r = 0;
    assert_false(allot_add(SIZE_MAX, 1, &r));
    assert_int_equal(r, SIZE_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recorder_start, recorder_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(block_of_another_heap_when_deleted_is_told),
        TEST(size_or_alignment_when_wrong_is_told),
        TEST(destroyed_heap_when_used_is_told),
        TEST(limit_when_a_resize_in_place_meets_it_asks_nobody),
        TEST(large_block_when_over_aligned_keeps_its_alignment),
        TEST(default_when_set_is_what_null_means),
        TEST(typed_macros_when_used_align_and_size),
        TEST(family_when_used_is_a_malloc),
        TEST(family_when_it_cannot_loses_nothing),
        TEST(copies_when_made_are_copies),
        TEST(arithmetic_when_it_overflows_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

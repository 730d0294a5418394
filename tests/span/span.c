/* Taking, giving back, resizing and moving, one case at a time. */
#include "unit.h"

#include "span/model.h"

static struct model_span take(size_t slices)
{
    struct ali_span_request request = {.slices = slices, .align_slices = 1};
    struct model_span m;

    assert_true(model_take(&m, &request, slices * 31));
    return m;
}

static struct ali_span_stats stats_now(void)
{
    struct ali_span_stats stats;

    ali_span_stats(&stats);
    return stats;
}

/* Whether [at, at + bytes) is mapped at all: the kernel tells residency of mapped pages only. */
static bool is_mapped(void *at, size_t bytes)
{
    int error = ali_os_map_at(at, bytes, ALI_OS_NONE);

    if (error == 0)
        (void)ali_os_unmap(at, bytes);
    return error != 0;
}

static void start_when_first_used_needs_three_calls_at_most(void **state)
{
    (void)state;
    assert_in_range(stats_now().os_calls, 1, 3);
    assert_in_range(stats_now().mapped_bytes, 1, ALI_MIB);
}

static void alloc_when_aligned_is_at_a_multiple(void **state)
{
    (void)state;
    for (size_t align = 1; align <= ALI_GIB >> ALI_SLICE_SHIFT; align *= 4) {
        struct ali_span_request request = {.slices = 3, .align_slices = align};
        struct model_span m;

        assert_true(model_take(&m, &request, align));
        model_give(&m);
        assert_true(ali_span_valid());
    }
}

static void free_when_all_are_given_back_joins_them(void **state)
{
    struct model_span m[9];
    struct ali_span *lowest = NULL;
    size_t slices = 0;
    static const int order[] = {4, 0, 8, 2, 6, 1, 3, 7, 5};

    (void)state;
    for (int i = 0; i < 9; i++) {
        m[i] = take(ALI_MIB * 4 / ALI_SLICE_BYTES);
        slices += m[i].slices;
        if (lowest == NULL || m[i].span < lowest)
            lowest = m[i].span;
    }
    for (int i = 0; i < 9; i++) {
        model_give(&m[order[i]]);
        assert_true(ali_span_valid());
    }
    m[0] = take(slices);
    assert_true(m[0].span <= lowest);
    model_give(&m[0]);
}

static void alloc_when_dirty_memory_is_free_takes_it(void **state)
{
    struct model_span m = take(5);
    struct ali_span *before = m.span;
    size_t mapped = stats_now().mapped_bytes;
    uint64_t calls = stats_now().os_calls;

    (void)state;
    model_give(&m);
    for (int i = 0; i < 1000; i++) {
        m = take(5);
        assert_ptr_equal(m.span, before);
        model_give(&m);
    }
    assert_int_equal(stats_now().mapped_bytes, mapped);
    assert_int_equal(stats_now().os_calls, calls);
}

static void alloc_when_zero_is_wanted_and_free_prefers_it(void **state)
{
    struct ali_span_request request = {.slices = 2, .align_slices = 1, .want_zero = true};
    struct model_span a = take(2), guard = take(1), b = take(2), guard2 = take(1);
    bool zero;

    (void)state;
    (void)ali_span_trim(0);
    model_give(&a);
    (void)ali_span_trim(0); /* a reads zero, b will be dirty */
    model_give(&b);
    a.span = ali_span_alloc(&request, &zero);
    assert_non_null(a.span);
    assert_true(zero);
    assert_true(model_reads_zero(ali_span_base(a.span), 2 * ALI_SLICE_BYTES));
    ali_span_free_zero(a.span);
    assert_true(ali_span_valid());
    model_give(&guard);
    model_give(&guard2);
}

static void free_zero_when_untouched_is_not_dirty(void **state)
{
    struct ali_span_request request = {.slices = 16, .align_slices = 1, .want_zero = true};
    bool zero;

    (void)state;
    (void)ali_span_trim(0);
    for (int i = 0; i < 3; i++) {
        struct ali_span *s = ali_span_alloc(&request, &zero);

        assert_non_null(s);
        assert_true(zero);
        ali_span_free_zero(s);
        assert_int_equal(ali_span_dirty_bytes(), 0);
    }
}

static void alloc_when_committed_in_part_maps_that_part(void **state)
{
    struct ali_span_request request = {
        .slices = 4096, .align_slices = 1, .commit_bytes = 3 * ALI_SLICE_BYTES - 5};
    size_t mapped = stats_now().mapped_bytes;
    struct model_span m;

    (void)state;
    assert_true(model_take(&m, &request, 1));
    assert_in_range(stats_now().mapped_bytes, mapped, mapped + 64 * ALI_MIB);
    model_give(&m);
    assert_true(ali_span_valid());
}

static void grow_when_free_behind_keeps_contents(void **state)
{
    struct model_span m = take(40);

    (void)state;
    ali_span_shrink(m.span, 3);
    m.slices = m.committed = 3;
    assert_true(ali_span_grow(m.span, 20));
    assert_int_equal(ali_span_slices(m.span), 20);
    assert_true(model_is_intact(&m, 3));
    m.slices = m.committed = 20;
    model_fill(&m, 0);
    assert_true(ali_span_valid());
    model_give(&m);
}

static void grow_when_used_behind_changes_nothing(void **state)
{
    struct model_span m = take(40), tail = m;
    size_t used;

    (void)state;
    ali_span_shrink(m.span, 20);
    m.slices = m.committed = 20;
    tail = take(20);
    assert_ptr_equal(tail.span, m.span + 20);
    used = stats_now().used_bytes;
    assert_false(ali_span_grow(m.span, 21));
    assert_false(ali_span_grow(m.span, SIZE_MAX));
    assert_int_equal(ali_span_slices(m.span), 20);
    assert_int_equal(stats_now().used_bytes, used);
    assert_true(ali_span_valid());
    model_give(&tail);
    model_give(&m);
}

static void grow_when_last_moves_the_frontier(void **state)
{
    struct model_span m = take(1024);
    size_t old = m.slices;

    (void)state;
    while (ali_span_grow(m.span, m.slices + 100) && m.slices < 4096) {
        m.slices += 100;
        m.committed = m.slices;
        model_fill(&m, m.slices - 100);
    }
    assert_true(m.slices > old);
    assert_true(model_is_intact(&m, m.slices));
    assert_true(ali_span_valid());
    model_give(&m);
}

static void move_when_larger_keeps_contents_and_leaves_nothing_behind(void **state)
{
    static const size_t sizes[] = {1, 4, 31, 32, 33, 200, 1024, 2000};

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        struct model_span m = take(sizes[i]), blocker = take(1);
        struct ali_span *from = m.span, *to;
        size_t used = stats_now().used_bytes;

        to = ali_span_move(from, sizes[i] + 1 + sizes[i] / 4);
        assert_non_null(to);
        assert_ptr_not_equal(to, from);
        assert_true(model_reads_zero(from->client, sizeof(from->client)));
        assert_false(is_mapped(ali_span_base(from), sizes[i] * ALI_SLICE_BYTES));
        m.span = to;
        assert_true(model_is_intact(&m, sizes[i]));
        assert_int_equal(stats_now().used_bytes, used + (1 + sizes[i] / 4) * ALI_SLICE_BYTES);
        m.slices = m.committed = ali_span_slices(to);
        model_fill(&m, sizes[i]);
        assert_true(ali_span_valid());
        model_give(&m);
        model_give(&blocker);
    }
}

static void free_when_very_large_is_unmapped_at_once(void **state)
{
    struct model_span m = take(1024);
    void *base = ali_span_base(m.span);

    (void)state;
    assert_true(is_mapped(base, ALI_SLICE_BYTES));
    ali_options.purge_delay_ms = 0; /* whatever was wanted again before */
    model_give(&m);
    assert_false(is_mapped(base, 1024 * ALI_SLICE_BYTES));
    ali_options.purge_delay_ms = 1000;
    assert_true(ali_span_valid());
}

static void purge_pages_when_asked_read_zero_and_others_stay(void **state)
{
    struct model_span m = take(4);
    char *base = ali_span_base(m.span);

    (void)state;
    memset(base, 0x5a, 4 * ALI_SLICE_BYTES);
    assert_true(ali_span_purge_pages(m.span, ALI_SLICE_BYTES, ALI_SLICE_BYTES));
    assert_true(model_reads_zero(base + ALI_SLICE_BYTES, ALI_SLICE_BYTES));
    assert_int_equal(base[ALI_SLICE_BYTES - 1], 0x5a);
    assert_int_equal(base[2 * ALI_SLICE_BYTES], 0x5a);
    /* not whole pages: nothing may be lost */
    assert_false(ali_span_purge_pages(m.span, 2 * ALI_SLICE_BYTES + 1, ali_os_page_bytes));
    assert_int_equal(base[2 * ALI_SLICE_BYTES + ali_os_page_bytes], 0x5a);
    model_fill(&m, 0);
    model_give(&m);
}

static void find_head_when_inside_or_outside_is_exact(void **state)
{
    struct model_span m = take(77);
    uintptr_t offset = ali_region_offset(ali_span_base(m.span));

    (void)state;
    assert_ptr_equal(ali_span_find_head(offset), m.span);
    assert_ptr_equal(ali_span_find_head(offset + 76 * ALI_SLICE_BYTES + 5), m.span);
    assert_ptr_not_equal(ali_span_find_head(offset + 77 * ALI_SLICE_BYTES), m.span);
    assert_null(ali_span_find_head(ali_region.limit_bytes));
    assert_null(ali_span_find_head(UINTPTR_MAX));
    model_give(&m);
}

static void next_used_when_walked_sees_each_span_once(void **state)
{
    struct model_span m[5];
    int seen = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        m[i] = take(i + 1);
    for (struct ali_span *s = ali_span_next_used(0); s;
         s = ali_span_next_used(ali_span_index(s) + (uint32_t)ali_span_slices(s))) {
        for (int i = 0; i < 5; i++)
            seen += m[i].span == s;
    }
    assert_int_equal(seen, 5);
    for (int i = 0; i < 5; i++)
        model_give(&m[i]);
    assert_null(ali_span_next_used(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_when_first_used_needs_three_calls_at_most),
        cmocka_unit_test(alloc_when_aligned_is_at_a_multiple),
        cmocka_unit_test(free_when_all_are_given_back_joins_them),
        cmocka_unit_test(alloc_when_dirty_memory_is_free_takes_it),
        cmocka_unit_test(alloc_when_zero_is_wanted_and_free_prefers_it),
        cmocka_unit_test(free_zero_when_untouched_is_not_dirty),
        cmocka_unit_test(alloc_when_committed_in_part_maps_that_part),
        cmocka_unit_test(grow_when_free_behind_keeps_contents),
        cmocka_unit_test(grow_when_used_behind_changes_nothing),
        cmocka_unit_test(grow_when_last_moves_the_frontier),
        cmocka_unit_test(move_when_larger_keeps_contents_and_leaves_nothing_behind),
        cmocka_unit_test(free_when_very_large_is_unmapped_at_once),
        cmocka_unit_test(purge_pages_when_asked_read_zero_and_others_stay),
        cmocka_unit_test(find_head_when_inside_or_outside_is_exact),
        cmocka_unit_test(next_used_when_walked_sees_each_span_once),
    };

    ali_options_init();
    if (!ali_region_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What ends with an arena and when: cleanups, children, adopted memory; strings; questions. */
#include "region/common.h"

/* --- cleanups, children, joining ----------------------------------------------------------- */

static char order[64];

static void note_order(void *arg)
{
    size_t length = strlen(order);

    order[length] = *(const char *)arg;
    order[length + 1] = '\0';
}

static void cleanups_run_in_reverse_order(void **state)
{
    struct allot_arena_options o = {.cleanup = note_order, .cleanup_arg = (void *)(uintptr_t) "z"};
    allot_arena a = make(&o);
    allot_arena_mark mark;

    (void)state;
    order[0] = '\0';
    assert_int_equal(allot_arena_cleanup(&a, note_order, (void *)(uintptr_t) "a"), 0);
    assert_int_equal(allot_arena_cleanup(&a, note_order, (void *)(uintptr_t) "b"), 0);
    mark = allot_arena_mark_get(&a);
    assert_int_equal(allot_arena_cleanup(&a, note_order, (void *)(uintptr_t) "c"), 0);
    assert_int_equal(allot_arena_cleanup(&a, note_order, (void *)(uintptr_t) "d"), 0);
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    assert_string_equal(order, "dc");
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    assert_int_equal(allot_arena_cleanup(&a, note_order, (void *)(uintptr_t) "e"), 0);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_string_equal(order, "dceba");
    assert_int_equal(allot_arena_cleanup(&a, note_order, (void *)(uintptr_t) "f"), 0);
    end(&a);
    assert_string_equal(order, "dcebafz");
    allot_arena_release(&a);
    assert_string_equal(order, "dcebafz");
}

static void children_end_with_their_parent_or_before(void **state)
{
    struct allot_arena_options o = {.cleanup = note_order, .cleanup_arg = (void *)(uintptr_t) "1"};
    allot_arena a = make(NULL), *first, *second, *inner;
    allot_arena_mark mark;

    (void)state;
    order[0] = '\0';
    first = allot_arena_child(&a, &o);
    mark = allot_arena_mark_get(&a);
    o.cleanup_arg = (void *)(uintptr_t) "2";
    second = allot_arena_child(&a, &o);
    o.cleanup_arg = (void *)(uintptr_t) "3";
    inner = allot_arena_child(second, &o);
    assert_non_null(inner);
    memset(allot_arena_push(first, 100000), 1, 100000);
    memset(allot_arena_push(inner, 1000), 1, 1000);
    allot_arena_release(first);
    assert_string_equal(order, "1");
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    assert_string_equal(order, "132");
    end(&a);
    assert_string_equal(order, "132");
}

static void adopted_memory_lives_as_long_as_its_new_owner(void **state)
{
    allot_arena a = make(NULL), b = make(NULL);
    allot_arena_mark mark;
    char *small, *big, *text;
    size_t live;

    (void)state;
    order[0] = '\0';
    (void)!allot_arena_push(&a, 100);
    mark = allot_arena_mark_get(&a);
    fill(&b, 100000);
    small = allot_arena_push(&b, 100);
    big = allot_arena_push(&b, 1000000);
    memset(small, 3, 100);
    memset(big, 4, 1000000);
    text = allot_arena_strdup(&b, "adopted");
    assert_int_equal(allot_arena_cleanup(&b, note_order, (void *)(uintptr_t) "b"), 0);
    live = source.live_bytes;
    assert_int_equal(allot_arena_adopt(&a, &b), 0);
    assert_true(source.live_bytes >= live);
    assert_true(allot_arena_owns(&a, small));
    assert_true(allot_arena_owns(&a, big));
    assert_false(allot_arena_owns(&b, small));
    fill(&b, 1000);
    assert_int_equal(allot_arena_merge(&a, &b), 0);
    assert_string_equal(text, "adopted");
    assert_int_equal(small[99], 3);
    assert_int_equal(big[999999], 4);
    assert_string_equal(order, "");
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    assert_string_equal(order, "b");
    assert_true(source.live_blocks <= 2);
    end(&a);
}

static void adoption_of_what_cannot_move_is_refused(void **state)
{
    static char buffer[2000];
    struct allot_arena_options o = {.buffer = buffer, .buffer_bytes = sizeof buffer};
    struct counted elsewhere = COUNTED_INIT;
    allot_arena a = make(NULL), b, c;

    (void)state;
    o.source = &source.base;
    assert_int_equal(allot_arena_init(&b, &o), 0);
    assert_int_equal(allot_arena_adopt(&a, &b), 0);
    (void)!allot_arena_push(&b, 16);
    assert_int_equal(allot_arena_adopt(&a, &b), -EINVAL);
    assert_int_equal(allot_arena_adopt(&a, &a), -EINVAL);
    o = (struct allot_arena_options){.source = &elsewhere.base};
    assert_int_equal(allot_arena_init(&c, &o), 0);
    (void)!allot_arena_push(&c, 16);
    assert_int_equal(allot_arena_adopt(&a, &c), -EINVAL);
    allot_arena_release(&c);
    assert_int_equal(elsewhere.live_blocks, 0);
    allot_arena_release(&b);
    end(&a);
}

/* --- text ---------------------------------------------------------------------------------- */

static void texts_are_formatted_and_copied(void **state)
{
    allot_arena a = make(NULL);
    char *s, long_one[1000];

    (void)state;
    s = allot_arena_printf(&a, "%s-%d-%.2f", "x", 42, 1.5);
    assert_string_equal(s, "x-42-1.50");
    memset(long_one, 'y', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    for (size_t length = 250; length < 260; length++) {
        char *t = allot_arena_printf(&a, "%.*s", (int)length, long_one);

        assert_int_equal(strlen(t), length);
    }
    assert_string_equal(allot_arena_strdup(&a, long_one), long_one);
    assert_string_equal(allot_arena_strndup(&a, "hello", 3), "hel");
    assert_string_equal(allot_arena_strndup(&a, "hi", 30), "hi");
    assert_memory_equal(allot_arena_memdup(&a, long_one, 500), long_one, 500);
    assert_null(allot_arena_strdup(&a, NULL));
    end(&a);
}

/* --- asking -------------------------------------------------------------------------------- */

struct seen {
    size_t ranges;
    size_t bytes;
};

static bool see(void *p, size_t bytes, void *arg)
{
    struct seen *seen = arg;

    assert_non_null(p);
    seen->ranges++;
    seen->bytes += bytes;
    return true;
}

static void stats_and_visit_agree(void **state)
{
    struct allot_arena_options o = {.name = "mine"};
    allot_arena a = make(&o);
    struct allot_arena_stats stats;
    struct seen seen = {0};

    (void)state;
    assert_string_equal(allot_arena_name(&a), "mine");
    fill(&a, 100000);
    (void)!allot_arena_push(&a, 900000);
    (void)!allot_arena_strdup(&a, "text");
    assert_true(allot_arena_visit(&a, see, &seen));
    allot_arena_stats_get(&a, &stats);
    assert_int_equal(stats.used_bytes, seen.bytes);
    assert_int_equal(stats.blocks, 1);
    assert_true(stats.used_bytes >= 1000005);
    assert_int_equal(stats.reserved_bytes, source.live_bytes);
    assert_int_equal(stats.peak_bytes, stats.reserved_bytes);
    assert_true(stats.chunks >= 3);
    end(&a);
}

static void released_arena_is_misuse(void **state)
{
    allot_arena a = make(NULL);

    (void)state;
    allot_set_misuse_handler(note_misuse, NULL);
    misuses = 0;
    assert_non_null(allot_arena_push(&a, 10));
    end(&a);
    assert_null(allot_arena_push(&a, 10));
    assert_int_equal(last_misuse, ALLOT_MISUSE_INVALID_REGION);
    assert_int_equal(allot_arena_reset(&a, 0), -EINVAL);
    assert_int_equal(misuses, 2);
    allot_set_misuse_handler(NULL, NULL);
}

/* The source has nothing for the rewinds that are to be remembered: what they made stale is refused
 * all the same. */
static void stale_marks_are_refused_without_memory_for_them(void **state)
{
    enum { DEPTH = 40 };
    allot_arena a = make(&(struct allot_arena_options){.chunk_bytes = 64 << 10});
    allot_arena_mark here[DEPTH], gone[DEPTH];

    (void)state;
    allot_set_misuse_handler(note_misuse, NULL);
    misuses = 0;
    for (int i = 0; i < DEPTH; i++) {
        (void)!allot_arena_push(&a, 32);
        here[i] = allot_arena_mark_get(&a);
        (void)!allot_arena_push(&a, 32);
        gone[i] = allot_arena_mark_get(&a);
        source.fail_nth = source.calls + 1;
        assert_int_equal(allot_arena_rewind(&a, &here[i]), 0);
        source.fail_nth = 0;
        (void)!allot_arena_push(&a, 64); /* so that the next place is above what is gone */
    }
    for (int i = 0; i < DEPTH; i++)
        assert_int_equal(allot_arena_rewind(&a, &gone[i]), -EINVAL);
    assert_int_equal(misuses, DEPTH);
    assert_int_equal(last_misuse, ALLOT_MISUSE_STALE_MARK);
    /* these are good: each was rewound to itself */
    assert_int_equal(allot_arena_rewind(&a, &here[DEPTH - 1]), 0);
    assert_int_equal(allot_arena_rewind(&a, &here[0]), 0);
    assert_int_equal(allot_arena_rewind(&a, &here[1]), -EINVAL);
    allot_set_misuse_handler(NULL, NULL);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleanups_run_in_reverse_order),
        cmocka_unit_test(children_end_with_their_parent_or_before),
        cmocka_unit_test(adopted_memory_lives_as_long_as_its_new_owner),
        cmocka_unit_test(adoption_of_what_cannot_move_is_refused),
        cmocka_unit_test(texts_are_formatted_and_copied),
        cmocka_unit_test(stats_and_visit_agree),
        cmocka_unit_test(released_arena_is_misuse),
        cmocka_unit_test(stale_marks_are_refused_without_memory_for_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Arenas: what a call promises, one promise a test. */
#include "region/common.h"

/* --- pushing ------------------------------------------------------------------------------- */

static void push_gives_disjoint_aligned_memory(void **state)
{
    enum { COUNT = 20000 };
    static unsigned char *p[COUNT];
    allot_arena a = make(NULL);

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = allot_arena_push(&a, i % 90 + 1);
        assert_non_null(p[i]);
        assert_true(ali_is_aligned(p[i], 16));
        memset(p[i], (int)(i & 255), i % 90 + 1);
    }
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned k = 0; k <= i % 90; k++)
            assert_int_equal(p[i][k], i & 255);
    end(&a);
}

static void push_of_nothing_gives_a_unique_pointer(void **state)
{
    allot_arena a = make(NULL);
    char *p = allot_arena_push(&a, 0), *q = allot_arena_push(&a, 0);
    char *r = allot_arena_push_bytes(&a, 0), *s = allot_arena_push_bytes(&a, 0);

    (void)state;
    assert_non_null(p);
    assert_ptr_not_equal(p, q);
    assert_non_null(r);
    assert_ptr_not_equal(r, s);
    end(&a);
}

static void push_of_impossible_size_fails_and_changes_nothing(void **state)
{
    allot_arena a = make(NULL);
    char *before, *after;

    (void)state;
    before = allot_arena_push(&a, 16);
    for (size_t k = 0; k < 40; k++) {
        volatile size_t size = SIZE_MAX - k;

        errno = 0;
        assert_null(allot_arena_push(&a, size));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
        assert_null(allot_arena_push_zero(&a, size));
        assert_null(allot_arena_push_aligned(&a, size, 64));
        assert_null(allot_arena_push_bytes(&a, size));
        assert_null(allot_arena_push(&a, (size_t)PTRDIFF_MAX + 1 + k));
        assert_null(allot_arena_push(&a, PTRDIFF_MAX - k));
        assert_null(allot_arena_push_bytes(&a, PTRDIFF_MAX - k));
        assert_null(allot_arena_push_aligned(&a, PTRDIFF_MAX - k, 4096));
    }
    assert_null(ALLOT_PUSH_ARRAY(&a, long, SIZE_MAX / 8 + 1));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
    assert_null(ALLOT_PUSH_ARRAY_ZERO(&a, long, SIZE_MAX / 4));
    after = allot_arena_push(&a, 16);
    if (!UNIT_SANITIZED)
        assert_ptr_equal(after, before + 16);
    end(&a);
}

static void push_aligned_aligns_the_address(void **state)
{
    allot_arena a = make(NULL);

    (void)state;
    for (int round = 0; round < 3; round++)
        for (size_t align = 1; align <= 2 * ALI_MIB; align *= 2) {
            char *p = allot_arena_push_aligned(&a, 100, align);

            assert_non_null(p);
            assert_true(ali_is_aligned(p, align));
            memset(p, 1, 100);
        }
    assert_null(allot_arena_push_aligned(&a, 1, 3));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_BAD_ALIGNMENT);
    assert_null(allot_arena_push_aligned(&a, 1, 0));
    assert_null(allot_arena_push_aligned(&a, 1, 2 * ALLOT_ALIGN_MAX));
    end(&a);
}

static void push_zero_reads_zero_wherever_it_lies(void **state)
{
    allot_arena a = make(NULL);
    allot_arena_mark mark = allot_arena_mark_get(&a);

    (void)state;
    for (int round = 0; round < 4; round++) {
        for (size_t size = 1; size < 40000; size = size * 3 / 2 + 1) {
            char *p = allot_arena_push_zero(&a, size);

            assert_non_null(p);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xee, size);
            memset(allot_arena_push(&a, size), 0xee, size);
            memset(allot_arena_push_bytes(&a, size), 0xee, size);
        }
        if (round & 1)
            assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
        else
            assert_int_equal(allot_arena_rewind(&a, &mark), 0);
        mark = allot_arena_mark_get(&a);
    }
    end(&a);
}

static void bytes_are_packed_and_leave_objects_aligned(void **state)
{
    allot_arena a = make(NULL);
    char *p, *q;

    (void)state;
    if (UNIT_SANITIZED)
        skip();
    (void)!allot_arena_push(&a, 1);
    p = allot_arena_push_bytes(&a, 7);
    q = allot_arena_push_bytes(&a, 5);
    assert_ptr_equal(q + 5, p);
    assert_true(ali_is_aligned(allot_arena_push(&a, 3), 16));
    end(&a);
}

static void zeroed_arena_works_without_init(void **state)
{
    static allot_arena a = ALLOT_ARENA_INIT, b;

    (void)state;
    assert_non_null(allot_arena_push(&a, 100));
    assert_non_null(allot_new(&a.base, 100));
    assert_non_null(allot_arena_push(&b, 100));
    assert_string_equal(allot_arena_name(&a), "");
    allot_arena_release(&a);
    allot_arena_release(&b);
}

/* --- growth -------------------------------------------------------------------------------- */

static void chunks_double_up_to_the_cap(void **state)
{
    struct allot_arena_options o = {.chunk_bytes = 4096, .chunk_max_bytes = 65536};
    allot_arena a = make(&o);
    size_t before = source.calls;

    (void)state;
    for (size_t pushed = 0; pushed < 4 * ALI_MIB; pushed += 64)
        assert_non_null(allot_arena_push(&a, 64));
    if (!UNIT_SANITIZED) /* which puts a red zone behind each */
        assert_in_range(source.calls - before, 64, 80);
    end(&a);
}

static void oversize_objects_do_not_spoil_the_chunk(void **state)
{
    struct allot_arena_options o = {.chunk_bytes = 8192};
    allot_arena a = make(&o);
    char *p, *q;
    size_t next;

    (void)state;
    p = allot_arena_push(&a, 16);
    next = a.next_bytes;
    for (int i = 0; i < 10; i++)
        memset(allot_arena_push(&a, 300000), i, 300000);
    q = allot_arena_push(&a, 16);
    assert_in_range((uintptr_t)q, (uintptr_t)p, (uintptr_t)p + 8192);
    assert_int_equal(a.next_bytes, next);
    end(&a);
}

static void limit_is_kept_and_used_up(void **state)
{
    struct allot_arena_options o = {.limit_bytes = 100000, .chunk_bytes = 1024};
    allot_arena a = make(&o);
    struct allot_arena_stats stats;
    size_t got = 0;

    (void)state;
    while (allot_arena_push(&a, 100) != NULL) {
        got += 100;
        assert_true(source.live_bytes <= 100000);
    }
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    assert_int_equal(allot_last_error().layer, ALLOT_LAYER_REGION);
    if (!UNIT_SANITIZED)
        assert_true(got > 80000);
    assert_null(allot_arena_push(&a, 50000));
    allot_arena_stats_get(&a, &stats);
    assert_int_equal(stats.limit_bytes, 100000);
    assert_true(stats.reserved_bytes <= 100000);
    /* an oversize block finds the room of the spares */
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_non_null(allot_arena_push(&a, 60000));
    end(&a);
}

static void buffer_is_used_first_and_again_after_reset(void **state)
{
    _Alignas(16) static char buffer[4096];
    struct allot_arena_options o = {.buffer = buffer, .buffer_bytes = sizeof buffer};
    allot_arena a;

    (void)state;
    o.source = &source.base;
    assert_int_equal(allot_arena_init(&a, &o), 0);
    for (int round = 0; round < 3; round++) {
        char *p = allot_arena_push(&a, 1000);

        assert_in_range((uintptr_t)p, (uintptr_t)buffer, (uintptr_t)buffer + sizeof buffer);
        for (int i = 0; i < 100; i++)
            assert_non_null(allot_arena_push(&a, 1000));
        assert_int_equal(allot_arena_reset(&a, round == 1 ? ALLOT_KEEP_NONE : ALLOT_KEEP_ALL), 0);
        if (round == 1)
            assert_int_equal(source.live_blocks, 0);
    }
    end(&a);
    buffer[0] = 1; /* is the caller's again */
}

static void buffer_only_arena_is_exhausted_in_the_end(void **state)
{
    static char buffer[3001];
    struct allot_arena_options o = {
        .buffer = buffer + 1, .buffer_bytes = 3000, .flags = ALLOT_ARENA_BUFFER_ONLY};
    allot_arena a;
    size_t calls = source.calls, got = 0;

    (void)state;
    o.source = &source.base;
    assert_int_equal(allot_arena_init(&a, &o), 0);
    while (allot_arena_push(&a, 16) != NULL)
        got += 16;
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_EXHAUSTED);
    if (!UNIT_SANITIZED)
        assert_true(got > 2800);
    assert_null(allot_arena_push(&a, 100000));
    assert_int_equal(source.calls, calls);
    end(&a);
}

static void bad_options_are_refused(void **state)
{
    char small[20];
    const struct allot_arena_options bad[] = {
        {.flags = 1 << 7},
        {.flags = ALLOT_ARENA_BUFFER_ONLY},
        {.buffer_bytes = 100},
        {.buffer = small, .buffer_bytes = sizeof small},
        {.chunk_bytes = 10000, .chunk_max_bytes = 5000},
        {.chunk_bytes = SIZE_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(bad); i++) {
        allot_arena a;

        assert_int_equal(allot_arena_init(&a, &bad[i]), -EINVAL);
        allot_arena_release(&a);
    }
}

/* --- reserve and commit -------------------------------------------------------------------- */

static void reserved_arena_grows_in_place_until_it_is_full(void **state)
{
    struct allot_arena_options o = {.reserve_bytes = 16 * ALI_MIB};
    allot_arena a = make(&o);
    size_t calls = source.calls, got = 0;
    char *first = allot_arena_push(&a, 64), *p;

    (void)state;
    for (p = first; p != NULL; p = allot_arena_push(&a, 64)) {
        assert_in_range((uintptr_t)p, (uintptr_t)first, (uintptr_t)first + 16 * ALI_MIB);
        memset(p, 1, 64);
        got += 64;
    }
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_EXHAUSTED);
    if (!UNIT_SANITIZED)
        assert_true(got > 16 * ALI_MIB - 4096);
    assert_int_equal(source.calls, calls);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_NONE), 0);
    p = allot_arena_push_zero(&a, 5 * ALI_MIB);
    assert_non_null(p);
    for (size_t i = 0; i < 5 * ALI_MIB; i++)
        if (p[i] != 0)
            fail();
    end(&a);
}

static void reserved_arena_gives_back_what_it_does_not_keep(void **state)
{
    struct allot_arena_options o = {.reserve_bytes = ALI_GIB, .limit_bytes = 100 * ALI_MIB};
    allot_arena a = make(&o);
    struct allot_arena_stats stats;

    (void)state;
    assert_null(allot_arena_push(&a, 101 * ALI_MIB));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    memset(allot_arena_push(&a, 50 * ALI_MIB), 1, 50 * ALI_MIB);
    (void)!allot_arena_strdup(&a, "strings lie at the end of what is committed");
    memset(allot_arena_push(&a, 20 * ALI_MIB), 1, 20 * ALI_MIB);
    allot_arena_stats_get(&a, &stats);
    assert_true(stats.reserved_bytes >= 70 * ALI_MIB);
    assert_int_equal(stats.address_bytes, ALI_GIB);
    assert_int_equal(allot_arena_reset(&a, 10 * ALI_MIB), 0);
    allot_arena_stats_get(&a, &stats);
    assert_int_equal(stats.reserved_bytes, 10 * ALI_MIB);
    assert_int_equal(allot_arena_trim(&a), 10 * ALI_MIB);
    memset(allot_arena_push(&a, 50 * ALI_MIB), 1, 50 * ALI_MIB);
    end(&a);
}

static void reserved_arena_rewinds_over_strings(void **state)
{
    struct allot_arena_options o = {.reserve_bytes = 64 * ALI_MIB};
    allot_arena a = make(&o);
    allot_arena_mark marks[20];
    char *texts[20];

    (void)state;
    for (int i = 0; i < 20; i++) {
        marks[i] = allot_arena_mark_get(&a);
        texts[i] = allot_arena_printf(&a, "string %d", i);
        memset(allot_arena_push(&a, 100000), i, 100000);
    }
    for (int i = 19; i >= 0; i--) {
        char text[20];

        (void)snprintf(text, sizeof text, "string %d", i);
        assert_string_equal(texts[i], text);
        assert_int_equal(allot_arena_rewind(&a, &marks[i]), 0);
        memset(allot_arena_push(&a, 200000), 0xff, 200000);
        assert_int_equal(allot_arena_rewind(&a, &marks[i]), 0);
    }
    end(&a);
}

/* --- marks --------------------------------------------------------------------------------- */

static void rewind_brings_the_same_place_back(void **state)
{
    allot_arena a = make(NULL);
    char *p, *q;

    (void)state;
    (void)!allot_arena_push(&a, 100);
    for (int i = 0; i < 100; i++) {
        allot_arena_mark mark = allot_arena_mark_get(&a);

        p = allot_arena_push(&a, 100);
        for (int k = 0; k < i; k++)
            memset(allot_arena_push(&a, 5000), k, 5000);
        assert_int_equal(allot_arena_rewind(&a, &mark), 0);
        q = allot_arena_push(&a, 100);
        assert_ptr_equal(p, q);
        assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    }
    end(&a);
}

static void stale_marks_are_refused_and_reported(void **state)
{
    allot_arena a = make(NULL), b = make(NULL);
    allot_arena_mark outer, inner, other, deep[50];

    (void)state;
    allot_set_misuse_handler(note_misuse, NULL);
    misuses = 0;
    (void)!allot_arena_push(&a, 16);
    outer = allot_arena_mark_get(&a);
    (void)!allot_arena_push(&a, 16);
    inner = allot_arena_mark_get(&a);
    assert_int_equal(allot_arena_rewind(&a, &inner), 0);
    assert_int_equal(allot_arena_rewind(&a, &outer), 0);
    (void)!allot_arena_push(&a, 1600);
    assert_int_equal(allot_arena_rewind(&a, &inner), -EINVAL);
    assert_int_equal(misuses, 1);
    assert_int_equal(last_misuse, ALLOT_MISUSE_STALE_MARK);
    other = allot_arena_mark_get(&a);
    assert_int_equal(allot_arena_rewind(&b, &other), -EINVAL);
    assert_int_equal(misuses, 2);
    assert_int_equal(allot_arena_rewind(&a, &other), 0);
    assert_int_equal(allot_arena_rewind(&a, &outer), 0);
    /* many that were forgotten, each at its own place */
    for (int i = 0; i < 50; i++) {
        allot_arena_mark here;

        (void)!allot_arena_push(&a, 32);
        here = allot_arena_mark_get(&a);
        (void)!allot_arena_push(&a, 32);
        deep[i] = allot_arena_mark_get(&a);
        assert_int_equal(allot_arena_rewind(&a, &here), 0);
        (void)!allot_arena_push(&a, 64);
    }
    for (int i = 0; i < 50; i++)
        assert_int_equal(allot_arena_rewind(&a, &deep[i]), -EINVAL);
    assert_int_equal(misuses, 52);
    assert_int_equal(allot_arena_rewind(&a, &outer), 0);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_int_equal(allot_arena_rewind(&a, &outer), -EINVAL);
    allot_set_misuse_handler(NULL, NULL);
    allot_arena_release(&b);
    end(&a);
}

/* --- resizing ------------------------------------------------------------------------------ */

static void last_object_grows_and_shrinks_in_place(void **state)
{
    allot_arena a = make(NULL);
    allot_arena_mark mark;
    char *p = allot_arena_push(&a, 10), *q;

    (void)state;
    memset(p, 7, 10);
    assert_true(allot_arena_resize_last(&a, p, 10, 1000));
    assert_int_equal(p[9], 7);
    memset(p, 8, 1000);
    assert_true(allot_arena_resize_last(&a, p, 1000, 20));
    q = allot_arena_push(&a, 10);
    if (!UNIT_SANITIZED)
        assert_ptr_equal(q, p + 32);
    assert_false(allot_arena_resize_last(&a, p, 20, 30));
    assert_false(allot_arena_resize_last(&a, q, 10, SIZE_MAX - 5));
    assert_false(allot_arena_resize_last(&a, q, 10, ALI_MIB));
    mark = allot_arena_mark_get(&a);
    assert_false(allot_arena_resize_last(&a, q, 10, 100));
    (void)mark;
    end(&a);
}

static void allocator_calls_serve_the_last_object(void **state)
{
    allot_arena a = make(NULL);
    void *p = allot_new(&a.base, 100), *q, *big;
    size_t before;

    (void)state;
    memset(p, 5, 100);
    q = p;
    assert_int_equal(allot_resize(&a.base, &q, 100, 5000), 0);
    assert_ptr_equal(q, p);
    allot_delete(&a.base, p, 5000);
    assert_ptr_equal(allot_new(&a.base, 64), p);
    q = allot_new_zero(&a.base, 64);
    assert_int_equal(allot_resize_how(&a.base, &p, 64, 6400, ALLOT_ALIGN_DEFAULT | ALLOT_ZERO), 0);
    assert_ptr_not_equal(p, q);
    assert_int_equal(((char *)p)[6399], 0);
    big = allot_new(&a.base, 500000);
    before = source.live_bytes;
    assert_int_equal(allot_resize(&a.base, &big, 500000, 100000), 0);
    assert_true(source.live_bytes <= before - 400000);
    allot_delete(&a.base, big, 100000);
    assert_true(source.live_bytes <= before - 500000);
    assert_int_equal(allot_allocator_owns(&a.base, p), 1);
    assert_int_equal(allot_allocator_owns(&a.base, &a), 0);
    assert_int_equal(allot_allocator_reset(&a.base), 0);
    assert_int_equal(allot_allocator_owns(&a.base, p), 0);
    end(&a);
}

/* --- reset --------------------------------------------------------------------------------- */

static void reset_keeps_what_it_is_told(void **state)
{
    struct allot_arena_options o = {.chunk_bytes = 4096, .chunk_max_bytes = 65536};
    allot_arena a = make(&o);
    size_t blocks, calls;

    (void)state;
    fill(&a, ALI_MIB);
    blocks = source.live_blocks;
    calls = source.calls;
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_int_equal(source.live_blocks, blocks);
    fill(&a, ALI_MIB / 2);
    assert_int_equal(source.calls, calls);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_LARGEST), 0);
    assert_int_equal(source.live_blocks, 1);
    assert_in_range(source.live_bytes, 60000, 65536);
    fill(&a, ALI_MIB);
    assert_int_equal(allot_arena_reset(&a, 200000), 0);
    assert_in_range(source.live_bytes, 100000, 200000);
    fill(&a, ALI_MIB);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_NONE), 0);
    assert_int_equal(source.live_blocks, 0);
    fill(&a, ALI_MIB);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_true(allot_arena_trim(&a) > 900000);
    assert_int_equal(source.live_blocks, 1);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push_gives_disjoint_aligned_memory),
        cmocka_unit_test(push_of_nothing_gives_a_unique_pointer),
        cmocka_unit_test(push_of_impossible_size_fails_and_changes_nothing),
        cmocka_unit_test(push_aligned_aligns_the_address),
        cmocka_unit_test(push_zero_reads_zero_wherever_it_lies),
        cmocka_unit_test(bytes_are_packed_and_leave_objects_aligned),
        cmocka_unit_test(zeroed_arena_works_without_init),
        cmocka_unit_test(chunks_double_up_to_the_cap),
        cmocka_unit_test(oversize_objects_do_not_spoil_the_chunk),
        cmocka_unit_test(limit_is_kept_and_used_up),
        cmocka_unit_test(buffer_is_used_first_and_again_after_reset),
        cmocka_unit_test(buffer_only_arena_is_exhausted_in_the_end),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(reserved_arena_grows_in_place_until_it_is_full),
        cmocka_unit_test(reserved_arena_gives_back_what_it_does_not_keep),
        cmocka_unit_test(reserved_arena_rewinds_over_strings),
        cmocka_unit_test(rewind_brings_the_same_place_back),
        cmocka_unit_test(stale_marks_are_refused_and_reported),
        cmocka_unit_test(last_object_grows_and_shrinks_in_place),
        cmocka_unit_test(allocator_calls_serve_the_last_object),
        cmocka_unit_test(reset_keeps_what_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

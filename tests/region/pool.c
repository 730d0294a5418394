/* Pools of one thread: objects, caps, constructors, misuse, audits, failing sources. */
#include "unit.h"

#include <errno.h>

#include "region/pooled.h"

/* The next report, and none more. */
static void expect_report(enum allot_misuse_kind kind, enum allot_place place, const void *p)
{
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.kind, kind);
    assert_int_equal(told.last.place, place);
    assert_ptr_equal(told.last.pointer, p);
    told.count = 0;
}

/* --- objects ------------------------------------------------------------------------------ */

static void get_when_many_are_taken_gives_each_its_own_memory(void **state)
{
    enum { N = 5000 };
    static const size_t sizes[] = {1, 3, 8, 16, 24, 40, 100, 1000, 5000};
    static unsigned char *p[N];

    (void)state;
    for (size_t s = 0; s < ALI_ARRAY_COUNT(sizes); s++) {
        size_t size = sizes[s];
        size_t n = size > 500 ? 200 : N;

        start(&(struct allot_pool_options){.object_bytes = size, .align = size % 16 ? 1 : 16});
        for (size_t i = 0; i < n; i++) {
            p[i] = allot_pool_get(&pool);
            assert_non_null(p[i]);
            memset(p[i], (int)i, size);
            assert_true(allot_pool_owns(&pool, p[i]));
        }
        assert_int_equal(allot_pool_audit(&pool), 0);
        assert_int_equal(stats_now().live_objects, n);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < size; j++)
                assert_int_equal(p[i][j], (unsigned char)i);
            allot_pool_put(&pool, p[i]);
        }
        assert_int_equal(stats_now().live_objects, 0);
        assert_int_equal(stats_now().gets, n);
        assert_int_equal(stats_now().puts, n);
        stop();
    }
}

static void get_when_an_alignment_is_asked_for_keeps_it(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 65536; align *= 2) {
        start(&(struct allot_pool_options){.object_bytes = 24, .align = align});
        for (int i = 0; i < 40; i++)
            assert_true(ali_is_aligned(allot_pool_get(&pool), align));
        stop();
    }
}

static void get_when_one_is_put_and_got_again_uses_no_more_memory(void **state)
{
    size_t reserved;

    (void)state;
    start(&(struct allot_pool_options){0});
    allot_pool_put(&pool, allot_pool_get(&pool));
    reserved = stats_now().reserved_bytes;
    for (int i = 0; i < 100000; i++)
        allot_pool_put(&pool, allot_pool_get(&pool));
    assert_int_equal(stats_now().reserved_bytes, reserved);
    assert_int_equal(stats_now().gets, 100001);
    stop();
}

/* One free object among many must be found at once, wherever it is. */
static void get_when_the_pool_is_nearly_full_finds_what_was_put(void **state)
{
    enum { N = 10000 };
    static void *p[N];
    struct ali_random r = {7};

    (void)state;
    start(&(struct allot_pool_options){.max_objects = N});
    for (int i = 0; i < N; i++)
        p[i] = allot_pool_get(&pool);
    assert_null(allot_pool_get(&pool));
    for (int i = 0; i < 20000; i++) {
        size_t k = ali_random_next(&r) % N;

        allot_pool_put(&pool, p[k]);
        assert_ptr_equal(allot_pool_get(&pool), p[k]);
        assert_null(i % 100 == 0 ? allot_pool_get(&pool) : NULL);
    }
    stop();
}

/* --- bounds ------------------------------------------------------------------------------- */

static void get_when_the_cap_is_reached_fails_and_tells_why(void **state)
{
    void *p[10];

    (void)state;
    start(&(struct allot_pool_options){.max_objects = 10});
    for (int i = 0; i < 10; i++)
        assert_non_null(p[i] = allot_pool_get(&pool));
    assert_null(allot_pool_get(&pool));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_EXHAUSTED);
    assert_int_equal(stats_now().failures, 1);
    allot_pool_put(&pool, p[3]);
    assert_ptr_equal(allot_pool_get(&pool), p[3]);
    stop();
}

static void fixed_when_the_buffer_is_used_up_fails_without_a_source(void **state)
{
    static char buffer[8192];
    size_t n = 0;

    (void)state;
    for (size_t offset = 0; offset < 70; offset += 23) {
        start(&(struct allot_pool_options){.buffer = buffer + offset,
                                           .buffer_bytes = sizeof buffer - 100,
                                           .flags = ALLOT_POOL_FIXED});
        for (n = 0;; n++) {
            char *p = allot_pool_get(&pool);

            if (p == NULL)
                break;
            assert_true(p >= buffer + offset &&
                        p + sizeof(struct node) <= buffer + offset + sizeof buffer - 100);
            memset(p, 0xee, sizeof(struct node));
        }
        assert_int_equal(source.calls, 0);
        assert_true(n > 120);
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_EXHAUSTED);
        stop();
    }
}

static void init_when_the_options_are_wrong_is_refused(void **state)
{
    static char small[256];
    static const struct allot_pool_options wrong[] = {
        {.object_bytes = 0},
        {.object_bytes = SIZE_MAX},
        {.object_bytes = 16, .align = 24},
        {.object_bytes = 16, .flags = ALLOT_POOL_FIXED},
        {.object_bytes = 16, .flags = ALLOT_POOL_FIXED, .buffer = small, .buffer_bytes = 256},
    };

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(wrong); i++) {
        assert_int_equal(allot_pool_init(&pool, &wrong[i]), -EINVAL);
        assert_int_not_equal(allot_last_error().cause, ALLOT_CAUSE_NONE);
        allot_pool_release(&pool);
    }
}

static void growing_when_a_buffer_is_given_uses_it_first(void **state)
{
    static _Alignas(64) char buffer[4096];
    char *p;

    (void)state;
    start(&(struct allot_pool_options){.buffer = buffer, .buffer_bytes = sizeof buffer});
    p = allot_pool_get(&pool);
    assert_true(p >= buffer && p < buffer + sizeof buffer);
    for (int i = 0; i < 200; i++)
        assert_non_null(allot_pool_get(&pool));
    assert_int_equal(stats_now().chunks, 2);
    stop();
}

static void *kept;
static int asked;

static bool give_kept(allot_pool *p, void *arg)
{
    assert_ptr_equal(p, &pool);
    assert_ptr_equal(arg, &kept);
    asked++;
    if (kept == NULL)
        return false;
    allot_pool_put(p, kept);
    kept = NULL;
    return true;
}

static void get_when_the_cap_is_reached_asks_the_program_for_objects(void **state)
{
    (void)state;
    start(&(struct allot_pool_options){.max_objects = 2, .reclaim = give_kept, .arg = &kept});
    asked = 0;
    kept = allot_pool_get(&pool);
    assert_non_null(allot_pool_get(&pool));
    assert_int_equal(asked, 0);
    assert_non_null(allot_pool_get(&pool));
    assert_int_equal(asked, 1);
    assert_null(allot_pool_get(&pool));
    assert_int_equal(asked, 2);
    stop();
}

/* --- constructors ------------------------------------------------------------------------- */

static size_t constructed, destroyed;
static int refuse_from = -1;

static allot_status construct(void *object, void *arg)
{
    struct node *n = object;

    assert_ptr_equal(arg, &constructed);
    if (refuse_from >= 0 && constructed >= (size_t)refuse_from)
        return -EIO;
    constructed++;
    n->words[0] = 0x600dc0de;
    n->words[1] = 0;
    return 0;
}

static void destroy(void *object, void *arg)
{
    struct node *n = object;

    assert_ptr_equal(arg, &constructed);
    assert_int_equal(n->words[0], 0x600dc0de);
    n->words[0] = 0xdead;
    destroyed++;
}

static void start_constructing(void)
{
    constructed = destroyed = 0;
    refuse_from = -1;
    start(&(struct allot_pool_options){
        .construct = construct, .destroy = destroy, .arg = &constructed});
}

static void objects_when_put_and_got_again_stay_constructed(void **state)
{
    struct node *n[100];

    (void)state;
    start_constructing();
    for (int round = 0; round < 1000; round++)
        allot_pool_put(&pool, allot_pool_get(&pool));
    assert_int_equal(constructed, 1);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            n[i] = allot_pool_get(&pool);
            assert_int_equal(n[i]->words[0], 0x600dc0de);
            n[i]->words[1]++;
        }
        for (int i = 0; i < 100; i++)
            allot_pool_put(&pool, n[i]);
    }
    assert_int_equal(constructed, 100);
    assert_int_equal(destroyed, 0);
    stop();
    assert_int_equal(destroyed, constructed);
}

static void get_when_the_constructor_refuses_fails_and_loses_nothing(void **state)
{
    (void)state;
    start_constructing();
    refuse_from = 5;
    for (int i = 0; i < 5; i++)
        assert_non_null(allot_pool_get(&pool));
    for (int i = 0; i < 100; i++) {
        assert_null(allot_pool_get(&pool));
        assert_int_equal(allot_last_error().os_error, EIO);
    }
    assert_int_equal(stats_now().live_objects, 5);
    assert_int_equal(allot_pool_audit(&pool), 0);
    refuse_from = -1;
    assert_non_null(allot_pool_get(&pool));
    stop();
    assert_int_equal(destroyed, 6);
}

static void preheat_when_done_spares_constructors_and_memory(void **state)
{
    size_t calls, had;

    (void)state;
    start_constructing();
    assert_non_null(allot_pool_get(&pool));
    assert_int_equal(allot_pool_preheat(&pool, 1000), 0);
    assert_int_equal(constructed, 1001);
    calls = source.calls;
    had = constructed;
    for (int i = 0; i < 1000; i++)
        assert_non_null(allot_pool_get(&pool));
    assert_int_equal(source.calls, calls);
    assert_int_equal(constructed, had);
    allot_pool_reset(&pool); /* ready ones in all chunks, but for what was never used */
    assert_int_equal(allot_pool_preheat(&pool, 1101), 0);
    assert_int_equal(constructed, 1101);
    for (int i = 0; i < 1101; i++)
        assert_non_null(allot_pool_get(&pool));
    assert_int_equal(constructed, 1101);
    refuse_from = (int)constructed + 10;
    assert_int_equal(allot_pool_preheat(&pool, 500), -ENOMEM);
    assert_int_equal(constructed, refuse_from);
    stop();
    assert_int_equal(destroyed, constructed);
}

/* --- all at once -------------------------------------------------------------------------- */

static void bulk_when_the_cap_does_not_allow_all_takes_none(void **state)
{
    void *p[101];

    (void)state;
    start(&(struct allot_pool_options){.max_objects = 100});
    assert_int_equal(allot_pool_get_bulk(&pool, p, 60), 0);
    assert_int_equal(allot_pool_get_bulk(&pool, p + 60, 41), -ENOMEM);
    assert_int_equal(stats_now().live_objects, 60);
    assert_int_equal(allot_pool_get_bulk(&pool, p + 60, 40), 0);
    for (int i = 0; i < 100; i++)
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(p[i], p[j]);
    allot_pool_put_bulk(&pool, p, 100);
    assert_int_equal(stats_now().live_objects, 0);
    stop();
}

static void reset_when_objects_are_live_frees_all_of_them(void **state)
{
    (void)state;
    start_constructing();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++)
            assert_non_null(allot_pool_get(&pool));
        allot_pool_reset(&pool);
        assert_int_equal(stats_now().live_objects, 0);
        assert_int_equal(allot_pool_audit(&pool), 0);
    }
    assert_true(constructed < 600);
    stop();
    assert_int_equal(destroyed, constructed);
}

static void trim_when_chunks_are_empty_gives_those_back(void **state)
{
    enum { N = 1000 };
    static void *p[N];
    size_t before, given;

    (void)state;
    start(&(struct allot_pool_options){.chunk_objects = 100});
    for (int i = 0; i < N; i++)
        p[i] = allot_pool_get(&pool);
    assert_int_equal(stats_now().chunks, 10);
    assert_int_equal(allot_pool_trim(&pool), 0);
    for (int i = 0; i < N; i++)
        if (i != 250)
            allot_pool_put(&pool, p[i]);
    before = source.live_bytes;
    given = allot_pool_trim(&pool);
    assert_int_equal(before - source.live_bytes, given);
    assert_int_equal(stats_now().chunks, 1);
    assert_int_equal(allot_pool_audit(&pool), 0);
    allot_pool_put(&pool, p[250]);
    for (int i = 0; i < N; i++)
        assert_non_null(allot_pool_get(&pool));
    stop();
}

static size_t visited;

static bool put_if_odd(void *object, size_t bytes, void *arg)
{
    struct node *n = object;

    assert_int_equal(bytes, sizeof *n);
    assert_null(arg);
    visited++;
    if (n->words[0] % 2)
        allot_pool_put(&pool, n);
    return true;
}

static bool stop_at_ten(void *object, size_t bytes, void *arg)
{
    (void)object;
    (void)bytes;
    (void)arg;
    return ++visited < 10;
}

static void visit_when_objects_are_live_sees_each_once(void **state)
{
    (void)state;
    start(&(struct allot_pool_options){0});
    for (uint64_t i = 0; i < 500; i++) {
        struct node *n = allot_pool_get(&pool);

        n->words[0] = i;
    }
    visited = 0;
    assert_true(allot_pool_visit(&pool, put_if_odd, NULL));
    assert_int_equal(visited, 500);
    visited = 0;
    assert_true(allot_pool_visit(&pool, put_if_odd, NULL));
    assert_int_equal(visited, 250);
    visited = 0;
    assert_false(allot_pool_visit(&pool, stop_at_ten, NULL));
    assert_int_equal(visited, 10);
    stop();
}

/* --- misuse ------------------------------------------------------------------------------- */

static void put_when_the_object_is_in_the_pool_is_a_double_put(void **state)
{
    enum { N = 300 };
    void *p[N];

    (void)state;
    start(&(struct allot_pool_options){.name = "nodes", .chunk_objects = 64});
    for (int i = 0; i < N; i++)
        p[i] = allot_pool_get(&pool);
    for (int i = 0; i < N; i++) {
        allot_pool_put(&pool, p[i]);
        allot_pool_put(&pool, p[i]);
        expect_report(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p[i]);
        assert_string_equal(told.last.call, "allot_pool_put");
        assert_string_equal(told.last.heap, "nodes");
        assert_ptr_equal(told.last.block, p[i]);
    }
    for (int i = 0; i < N; i++) { /* long after */
        allot_pool_put(&pool, p[(i * 7) % N]);
        expect_report(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p[(i * 7) % N]);
    }
    assert_int_equal(stats_now().live_objects, 0);
    stop();
}

/* Every byte of a live object but the first, and all around the pool. */
static void put_when_the_pointer_is_no_object_is_an_invalid_put(void **state)
{
    static const size_t sizes[] = {2, 7, 40, 48, 96, 4096, 4099};
    int local;

    (void)state;
    for (size_t s = 0; s < ALI_ARRAY_COUNT(sizes); s++) {
        char *p;

        start(&(struct allot_pool_options){.object_bytes = sizes[s], .align = 1});
        p = allot_pool_get(&pool);
        for (size_t i = 1; i < sizes[s]; i++) {
            allot_pool_put(&pool, p + i);
            expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_LIVE_BLOCK, p + i);
            assert_ptr_equal(told.last.block, p);
        }
        allot_pool_put(&pool, p + sizes[s]); /* never handed out */
        expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_UNISSUED_BLOCK, p + sizes[s]);
        allot_pool_put(&pool, p - 64);
        assert_int_equal(told.count, 1);
        told.count = 0;
        allot_pool_put(&pool, &local);
        expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_STACK, &local);
        allot_pool_put(&pool, (void *)(uintptr_t)4096);
        expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_UNMAPPED, (void *)(uintptr_t)4096);
        allot_pool_put(&pool, NULL);
        assert_int_equal(told.count, 0);
        allot_pool_put(&pool, p);
        stop();
    }
}

static void put_when_the_object_is_of_another_pool_is_an_invalid_put(void **state)
{
    static allot_pool other;
    void *p, *q;

    (void)state;
    start(&(struct allot_pool_options){0});
    assert_int_equal(
        allot_pool_init(&other, &(struct allot_pool_options){.object_bytes = sizeof(struct node),
                                                             .source = &source.base}),
        0);
    p = allot_pool_get(&pool);
    q = allot_pool_get(&other);
    allot_pool_put(&pool, q);
    assert_int_equal(told.last.kind, ALLOT_MISUSE_INVALID_FREE);
    allot_pool_put(&other, p);
    assert_int_equal(told.count, 2);
    told.count = 0;
    allot_pool_put(&pool, p);
    allot_pool_put(&other, q);
    allot_pool_release(&other);
    stop();
}

static void audit_when_the_structure_was_overwritten_finds_it(void **state)
{
    unsigned char *p;

    (void)state;
    start(&(struct allot_pool_options){0});
    p = allot_pool_get(&pool);
    assert_int_equal(allot_pool_audit(&pool), 0);
    if (pool.bit_states == NULL) { /* a checker sees every call: nothing is shown to overwrite */
        stop();
        skip();
    }
    pool.bit_states[40] = 77;
    assert_int_not_equal(allot_pool_audit(&pool), 0);
    pool.bit_states[40] = 0;
    pool.bit_states[41] = ALLOT_POOL_LIVE;
    assert_int_not_equal(allot_pool_audit(&pool), 0);
    pool.bit_states[41] = 0;
    assert_int_equal(allot_pool_audit(&pool), 0);
    allot_pool_put(&pool, p);
    stop();
}

/* --- as an allocator ---------------------------------------------------------------------- */

static void allocator_when_sizes_fit_serves_them(void **state)
{
    allot_allocator *a = &pool.base;
    unsigned char *p;

    (void)state;
    start(&(struct allot_pool_options){.object_bytes = 100});
    assert_null(allot_new(a, 101));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
    assert_null(allot_new_how(a, 10, ALLOT_ALIGN(32)));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_BAD_ALIGNMENT);
    p = allot_new(a, 100);
    memset(p, 0xff, 100);
    allot_delete(a, p, 100);
    for (int i = 0; i < 200; i++) {
        p = allot_new_zero(a, 100);
        for (int j = 0; j < 100; j++)
            assert_int_equal(p[j], 0);
    }
    assert_int_equal(allot_allocator_usable(a, p, 50, 0), 100);
    assert_true(allot_try_resize(a, p, 100, 1));
    assert_false(allot_try_resize(a, p, 1, 101));
    assert_int_equal(allot_allocator_owns(a, p + 99), 1);
    assert_int_equal(allot_allocator_owns(a, &state), 0);
    allot_delete(a, p, 200);
    expect_report(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_FOREIGN_MAPPING, p);
    allot_delete(a, p, ALLOT_SIZE_UNKNOWN);
    allot_delete(a, p, 100);
    expect_report(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p);
    assert_int_equal(allot_allocator_reset(a), 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_when_many_are_taken_gives_each_its_own_memory),
        cmocka_unit_test(get_when_an_alignment_is_asked_for_keeps_it),
        cmocka_unit_test(get_when_one_is_put_and_got_again_uses_no_more_memory),
        cmocka_unit_test(get_when_the_pool_is_nearly_full_finds_what_was_put),
        cmocka_unit_test(get_when_the_cap_is_reached_fails_and_tells_why),
        cmocka_unit_test(fixed_when_the_buffer_is_used_up_fails_without_a_source),
        cmocka_unit_test(init_when_the_options_are_wrong_is_refused),
        cmocka_unit_test(growing_when_a_buffer_is_given_uses_it_first),
        cmocka_unit_test(get_when_the_cap_is_reached_asks_the_program_for_objects),
        cmocka_unit_test(objects_when_put_and_got_again_stay_constructed),
        cmocka_unit_test(get_when_the_constructor_refuses_fails_and_loses_nothing),
        cmocka_unit_test(preheat_when_done_spares_constructors_and_memory),
        cmocka_unit_test(bulk_when_the_cap_does_not_allow_all_takes_none),
        cmocka_unit_test(reset_when_objects_are_live_frees_all_of_them),
        cmocka_unit_test(trim_when_chunks_are_empty_gives_those_back),
        cmocka_unit_test(visit_when_objects_are_live_sees_each_once),
        cmocka_unit_test(put_when_the_object_is_in_the_pool_is_a_double_put),
        cmocka_unit_test(put_when_the_pointer_is_no_object_is_an_invalid_put),
        cmocka_unit_test(put_when_the_object_is_of_another_pool_is_an_invalid_put),
        cmocka_unit_test(audit_when_the_structure_was_overwritten_finds_it),
        cmocka_unit_test(allocator_when_sizes_fit_serves_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

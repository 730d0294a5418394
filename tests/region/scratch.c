/* Scratch arenas: scopes, conflicts, and the end of threads. */
#include "region/common.h"

#include <pthread.h>

static void scope_frees_what_was_allocated_in_it(void **state)
{
    char *first = NULL;

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct allot_scratch s = allot_scratch_begin(NULL, 0);
        char *p = allot_arena_push(s.arena, 100);

        if (first == NULL)
            first = p;
        assert_ptr_equal(p, first);
        memset(allot_arena_push(s.arena, 30000), 1, 30000);
        allot_scratch_end(&s);
        assert_null(s.arena);
        allot_scratch_end(&s);
    }
}

static void conflicting_arenas_are_not_chosen(void **state)
{
    struct allot_scratch s[6];
    allot_arena *taken[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        s[i] = allot_scratch_begin(taken, i);
        assert_non_null(s[i].arena);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(s[i].arena, taken[k]);
        taken[i] = s[i].arena;
    }
    for (size_t i = 6; i-- > 0;)
        allot_scratch_end(&s[i]);
}

/* The pattern it is for: the result goes where the caller says, which is a scratch arena itself. */
static char *join(allot_arena *result, int depth)
{
    struct allot_scratch s = allot_scratch_begin(&result, 1);
    char *inner = depth > 0 ? join(s.arena, depth - 1) : allot_arena_strdup(s.arena, "end");
    char *text = allot_arena_printf(result, "%d,%s", depth, inner);

    allot_scratch_end(&s);
    return text;
}

static void results_outlive_the_scopes_of_callees(void **state)
{
    struct allot_scratch s = allot_scratch_begin(NULL, 0);

    (void)state;
    assert_string_equal(join(s.arena, 6), "6,5,4,3,2,1,0,end");
    allot_scratch_end(&s);
}

static void last_object_can_grow_after_an_inner_scope(void **state)
{
    struct allot_scratch s = allot_scratch_begin(NULL, 0), inner;
    char *p = allot_arena_push(s.arena, 10);

    (void)state;
    for (size_t size = 10; size < 1000; size += 100) {
        inner = allot_scratch_begin(NULL, 0);
        assert_ptr_equal(inner.arena, s.arena);
        (void)!allot_arena_push(inner.arena, 500);
        assert_false(allot_arena_resize_last(s.arena, p, size, size + 100));
        allot_scratch_end(&inner);
        assert_true(allot_arena_resize_last(s.arena, p, size, size + 100));
    }
    allot_scratch_end(&s);
}

static void scope_that_was_ended_from_outside_is_reported(void **state)
{
    struct allot_scratch outer = allot_scratch_begin(NULL, 0), inner;

    (void)state;
    (void)!allot_arena_push(outer.arena, 16);
    inner = allot_scratch_begin(NULL, 0);
    allot_set_misuse_handler(note_misuse, NULL);
    misuses = 0;
    allot_scratch_end(&outer);
    assert_int_equal(misuses, 0);
    allot_scratch_end(&inner);
    assert_int_equal(misuses, 1);
    assert_int_equal(last_misuse, ALLOT_MISUSE_STALE_MARK);
    allot_set_misuse_handler(NULL, NULL);
}

/* --- threads ------------------------------------------------------------------------------- */

static _Atomic(int) cleaned;

static void count_cleaned(void *arg)
{
    (void)arg;
    atomic_fetch_add(&cleaned, 1);
}

static void *use_and_leave(void *arg)
{
    struct allot_scratch s = allot_scratch_begin(NULL, 0), t;

    (void)arg;
    t = allot_scratch_begin(&s.arena, 1);
    if (s.arena == NULL || t.arena == NULL || s.arena == t.arena)
        return unit_wrong("no arenas");
    memset(allot_arena_push(s.arena, 100000), 1, 100000);
    memset(allot_arena_push(t.arena, 100), 1, 100);
    if (allot_arena_cleanup(s.arena, count_cleaned, NULL) != 0 ||
        allot_arena_cleanup(t.arena, count_cleaned, NULL) != 0)
        return unit_wrong("no cleanup");
    return NULL; /* without an end */
}

static void arenas_of_a_thread_end_with_it(void **state)
{
    enum { THREADS = 8, ROUNDS = 20 };

    (void)state;
    atomic_store(&cleaned, 0);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];

        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, use_and_leave, NULL), 0);
        for (int i = 0; i < THREADS; i++) {
            void *wrong;

            assert_int_equal(pthread_join(threads[i], &wrong), 0);
            assert_null(wrong);
        }
    }
    assert_int_equal(atomic_load(&cleaned), 2 * THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_frees_what_was_allocated_in_it),
        cmocka_unit_test(conflicting_arenas_are_not_chosen),
        cmocka_unit_test(results_outlive_the_scopes_of_callees),
        cmocka_unit_test(last_object_can_grow_after_an_inner_scope),
        cmocka_unit_test(scope_that_was_ended_from_outside_is_reported),
        cmocka_unit_test(arenas_of_a_thread_end_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

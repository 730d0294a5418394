/* What the end of a scope releases: once, on every way out, in reverse order. */
#include "unit.h"

#include <allot/raii.h>

/* --- what happened ------------------------------------------------------------------------- */

static char events[64];

static void note(void *text)
{
    assert_int_equal(allot_str_cat(events, sizeof events, text), 0);
}

static int forget(void **state)
{
    (void)state;
    events[0] = 0;
    return 0;
}

static size_t live_blocks(allot_allocator *a)
{
    struct allot_allocator_stats stats;

    allot_allocator_stats_get(a, &stats);
    return stats.live_objects;
}

/* --- ways out ------------------------------------------------------------------------------ */

enum way { END, RETURN, GOTO, BREAK, CONTINUE, NESTED_RETURN };

static char text_a[] = "a", text_b[] = "b", text_c[] = "c";

static int leave(enum way way)
{
    for (int turn = 0; turn < 2; turn++) {
        ALLOT_DEFER(note, text_a);
        ALLOT_DEFER(note, text_b);
        if (way == RETURN)
            return 1;
        if (way == GOTO)
            goto out;
        if (way == BREAK)
            break;
        if (way == CONTINUE)
            continue;
        {
            ALLOT_DEFER(note, text_c);
            if (way == NESTED_RETURN)
                return 2;
        }
    }
    return 3;
out:
    return 4;
}

static void check_way(enum way way, int result, const char *expected)
{
    forget(NULL);
    assert_int_equal(leave(way), result);
    assert_string_equal(events, expected);
}

static void defer_on_every_way_out_runs_once_in_reverse(void **state)
{
    (void)state;
    check_way(RETURN, 1, "ba");
    check_way(NESTED_RETURN, 2, "cba");
    check_way(END, 3, "cbacba");
    check_way(BREAK, 3, "ba");
    check_way(CONTINUE, 3, "baba");
    check_way(GOTO, 4, "ba");
}

static void backwards(int *turns)
{
again:;
    ALLOT_DEFER(note, text_a);
    if (++*turns < 3)
        goto again;
}

static void defer_left_backwards_runs_in_each_turn(void **state)
{
    int turns = 0;

    (void)state;
    backwards(&turns);
    assert_string_equal(events, "aaa");
}

/* --- pointers ------------------------------------------------------------------------------ */

/* The block, gone by then if not taken. */
static void *auto_block(enum way way)
{
    ALLOT_AUTO char *none = NULL;
    ALLOT_AUTO char *first = allot_strdup("first");
    ALLOT_AUTO struct allot_span *second = allot_malloc(sizeof *second);

    assert_non_null(first);
    assert_non_null(second);
    assert_null(none);
    if (way == RETURN)
        return ALLOT_TAKE(first);
    if (way == GOTO)
        goto out;
    ALLOT_FREE(second);
out:
    return NULL;
}

static void auto_frees_what_was_not_taken(void **state)
{
    size_t before = live_blocks(NULL);
    void *taken;

    (void)state;
    assert_null(auto_block(END));
    assert_null(auto_block(GOTO));
    assert_int_equal(live_blocks(NULL), before);
    taken = auto_block(RETURN);
    assert_string_equal(taken, "first");
    assert_int_equal(live_blocks(NULL), before + 1);
    allot_free(taken);
    for (int i = 0; i < 10; i++) {
        ALLOT_AUTO void *in_a_loop = allot_malloc(100);

        assert_non_null(in_a_loop);
        if (i % 3 == 0)
            continue;
        if (i == 8)
            break;
    }
    assert_int_equal(live_blocks(NULL), before);
}

static void take_leaves_null(void **state)
{
    int number = 1;
    int *p = &number;
    int *q = ALLOT_TAKE(p);

    (void)state;
    assert_null(p);
    assert_ptr_equal(q, &number);
    assert_null(ALLOT_TAKE(p));
}

static double *objects_of(allot_allocator *a, enum way way)
{
    struct allot_string *object = ALLOT_NEW(a, struct allot_string);
    double *array = ALLOT_ARRAY(a, double, 100);
    size_t bytes = 10;
    void *sized = allot_new(a, bytes);

    ALLOT_AUTO_DELETE(a, object);
    ALLOT_AUTO_DELETE_ARRAY(a, array, 100);
    ALLOT_AUTO_DELETE_BYTES(a, sized, bytes);
    assert_true(object != NULL && array != NULL && sized != NULL);
    if (way == RETURN)
        return ALLOT_TAKE(array);
    assert_int_equal(allot_resize(a, &sized, bytes, 40000), 0);
    bytes = 40000;
    ALLOT_DELETE(a, object);
    return NULL;
}

static void auto_delete_gives_the_size_of_the_end(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    allot_allocator *a = allot_heap_allocator(heap);
    double *taken;

    (void)state;
    assert_non_null(heap);
    assert_null(objects_of(a, END));
    assert_int_equal(live_blocks(a), 0);
    taken = objects_of(a, RETURN);
    assert_non_null(taken);
    assert_int_equal(live_blocks(a), 1);
    allot_delete(a, taken, 100 * sizeof *taken);
    allot_heap_destroy(heap);
}

/* --- owners -------------------------------------------------------------------------------- */

/* All that is owned comes from one heap, which counts. */
static int use_owners(allot_allocator *a, enum way way)
{
    ALLOT_AUTO_ARENA allot_arena arena = ALLOT_ARENA_INIT;
    ALLOT_AUTO_POOL allot_pool pool = {0};
    ALLOT_AUTO_STRING allot_string string = {.allocator = a};

    if (way == BREAK) /* nothing of it is initialised */
        return 1;
    assert_int_equal(allot_arena_init(&arena, &(struct allot_arena_options){.source = a}), 0);
    assert_int_equal(allot_arena_cleanup(&arena, note, text_a), 0);
    assert_int_equal(
        allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = 40, .source = a}), 0);
    assert_int_equal(allot_string_append(&string, "some text"), 0);
    assert_true(live_blocks(a) >= 3);
    if (way == RETURN)
        return 2;
    allot_arena_release(&arena);
    allot_pool_release(&pool);
    allot_string_release(&string);
    return 3;
}

static void owners_are_released_once(void **state)
{
    ALLOT_AUTO_HEAP allot_heap *heap = allot_heap_create(NULL);
    ALLOT_AUTO_HEAP allot_heap *none = NULL;
    allot_allocator *a = allot_heap_allocator(heap);

    (void)state;
    assert_non_null(heap);
    assert_null(none);
    assert_int_equal(use_owners(a, BREAK), 1);
    assert_string_equal(events, "");
    assert_int_equal(use_owners(a, RETURN), 2);
    assert_string_equal(events, "a");
    assert_int_equal(live_blocks(a), 0);
    assert_int_equal(use_owners(a, END), 3);
    assert_string_equal(events, "aa");
    assert_int_equal(live_blocks(a), 0);
}

static void put_at_the_end_of_each_turn(void **state)
{
    ALLOT_AUTO_POOL allot_pool pool = {0};
    struct allot_pool_options options = {.object_bytes = 64, .max_objects = 2};

    (void)state;
    assert_int_equal(allot_pool_init(&pool, &options), 0);
    for (int i = 0; i < 10; i++) {
        void *one = allot_pool_get(&pool);
        void *other = allot_pool_get(&pool);

        ALLOT_AUTO_PUT(&pool, one);
        ALLOT_AUTO_PUT(&pool, other);
        assert_true(one != NULL && other != NULL);
        assert_null(allot_pool_get(&pool));
        if (i % 2 == 0)
            continue;
        allot_pool_put(&pool, ALLOT_TAKE(other));
    }
}

/* --- scopes -------------------------------------------------------------------------------- */

static char *rewound(allot_arena *arena, enum way way)
{
    ALLOT_REWIND(arena);
    char *text = allot_arena_strdup(arena, "gone at the end");

    assert_non_null(text);
    assert_int_equal(allot_arena_cleanup(arena, note, text_a), 0);
    {
        ALLOT_REWIND(arena);
        assert_int_equal(allot_arena_cleanup(arena, note, text_b), 0);
        if (way == RETURN)
            return text;
    }
    assert_string_equal(events, "b");
    return text;
}

static void rewind_at_the_end_frees_what_came_since(void **state)
{
    ALLOT_AUTO_ARENA allot_arena arena = ALLOT_ARENA_INIT;
    char *kept = allot_arena_strdup(&arena, "kept");
    char *first = rewound(&arena, END);

    (void)state;
    assert_string_equal(events, "ba");
    assert_false(allot_arena_owns(&arena, first));
    assert_true(allot_arena_owns(&arena, kept));
    assert_ptr_equal(rewound(&arena, RETURN), first);
    assert_string_equal(events, "baba");
    assert_string_equal(kept, "kept");
}

static allot_arena *seen;

static char *in_scratch(allot_arena *result, enum way way)
{
    ALLOT_SCRATCH_BESIDE(scratch, result);
    char *text = allot_arena_strdup(scratch, "temporary");

    assert_non_null(text);
    assert_ptr_not_equal(scratch, result);
    assert_int_equal(allot_arena_cleanup(scratch, note, text_a), 0);
    seen = scratch;
    if (way == RETURN)
        return allot_arena_strdup(result, text);
    assert_string_equal(text, "temporary");
    return NULL;
}

static void scratch_at_the_end_is_empty_again(void **state)
{
    ALLOT_SCRATCH(outer);
    char *result = in_scratch(outer, RETURN);
    allot_arena *first = seen;

    (void)state;
    assert_string_equal(result, "temporary");
    assert_string_equal(events, "a");
    assert_true(allot_arena_owns(outer, result));
    assert_null(in_scratch(outer, END));
    assert_ptr_equal(seen, first);
    assert_string_equal(events, "aa");
}

static void *on_stack(allot_stack *stack, enum way way)
{
    ALLOT_STACK_REWIND(stack);
    void *p = allot_stack_push(stack, 100);

    assert_non_null(p);
    for (int i = 0; i < 3; i++) {
        ALLOT_STACK_REWIND(stack);
        assert_non_null(allot_stack_push(stack, 100000));
        if (way == RETURN)
            return p;
    }
    return p;
}

static void stack_at_the_end_is_as_before(void **state)
{
    ALLOT_AUTO_STACK allot_stack stack = {0};
    void *below, *first;

    (void)state;
    assert_int_equal(allot_stack_init(&stack, NULL), 0);
    below = allot_stack_push(&stack, 16);
    first = on_stack(&stack, END);
    assert_ptr_equal(on_stack(&stack, RETURN), first);
    assert_true(allot_stack_owns(&stack, below));
    allot_stack_pop(&stack, below);
}

/* --- one's own ----------------------------------------------------------------------------- */

ALLOT_AUTO_DEFINE(counter, int *, if (value)++ *value);

static void auto_of_a_type_of_ones_own(void **state)
{
    int count = 0;

    (void)state;
    for (int i = 0; i < 5; i++) {
        ALLOT_AUTO_OF(counter) int *p = &count;
        ALLOT_AUTO_OF(counter) int *none = NULL;

        assert_int_equal(*p, i);
        assert_null(none);
    }
    assert_int_equal(count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defer_on_every_way_out_runs_once_in_reverse, forget),
        cmocka_unit_test_setup(defer_left_backwards_runs_in_each_turn, forget),
        cmocka_unit_test_setup(auto_frees_what_was_not_taken, forget),
        cmocka_unit_test_setup(take_leaves_null, forget),
        cmocka_unit_test_setup(auto_delete_gives_the_size_of_the_end, forget),
        cmocka_unit_test_setup(owners_are_released_once, forget),
        cmocka_unit_test_setup(put_at_the_end_of_each_turn, forget),
        cmocka_unit_test_setup(rewind_at_the_end_frees_what_came_since, forget),
        cmocka_unit_test_setup(scratch_at_the_end_is_empty_again, forget),
        cmocka_unit_test_setup(stack_at_the_end_is_as_before, forget),
        cmocka_unit_test_setup(auto_of_a_type_of_ones_own, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

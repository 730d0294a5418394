/* Stacks and frames: order, marks, rollback, misuse, failing sources. */
#include "unit.h"

#include <errno.h>

#include "region/source.h"

static allot_stack stack;
static struct source source;

static void start(const struct allot_stack_options *options)
{
    struct allot_stack_options o = *options;

    source = (struct source)SOURCE();
    if (o.source == NULL)
        o.source = &source.base;
    expect_misuse_by_handler();
    assert_int_equal(allot_stack_init(&stack, &o), 0);
}

static void stop(void)
{
    assert_int_equal(allot_stack_audit(&stack), 0);
    allot_stack_release(&stack);
    assert_true(source_is_empty(&source));
    assert_int_equal(told.count, 0);
    allot_set_misuse_handler(NULL, NULL);
}

static size_t live_now(void)
{
    struct allot_stack_stats s;

    allot_stack_stats_get(&stack, &s);
    return s.live_objects;
}

static void expect_report(enum allot_misuse_kind kind, enum allot_place place, const void *p)
{
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.kind, kind);
    assert_int_equal(told.last.place, place);
    assert_ptr_equal(told.last.pointer, p);
    told.count = 0;
}

/* --- push and pop ------------------------------------------------------------------------- */

static void push_when_popped_in_order_gives_the_same_places_again(void **state)
{
    enum { N = 3000 };
    static unsigned char *p[N];

    (void)state;
    start(&(struct allot_stack_options){.chunk_bytes = 1000});
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t size = i * 37 % 300;
            size_t align = (size_t)1 << i % 8;
            unsigned char *q = allot_stack_push_aligned(&stack, size, align);

            assert_true(ali_is_aligned(q, align));
            memset(q, (int)i, size);
            p[i] = q;
        }
        assert_int_equal(live_now(), N);
        for (size_t i = N; i-- > 0;) {
            for (size_t j = 0; j < i * 37 % 300; j++)
                assert_int_equal(p[i][j], (unsigned char)i);
            assert_true(allot_stack_owns(&stack, p[i]));
            allot_stack_pop(&stack, p[i]);
        }
        assert_int_equal(live_now(), 0);
        assert_int_equal(allot_stack_audit(&stack), 0);
    }
    stop();
}

static void push_when_the_size_is_impossible_fails_and_changes_nothing(void **state)
{
    char *p, *q;

    (void)state;
    start(&(struct allot_stack_options){0});
    p = allot_stack_push(&stack, 1);
    for (size_t k = 0; k < 100; k++)
        for (size_t align = 1; align <= 2 << 20; align *= 2) {
            assert_null(allot_stack_push_aligned(&stack, SIZE_MAX - k, align));
            assert_null(allot_stack_push_aligned(&stack, (size_t)PTRDIFF_MAX - k, align));
        }
    assert_null(allot_stack_push_aligned(&stack, 1, 24));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_BAD_ALIGNMENT);
    assert_int_equal(live_now(), 1);
    q = allot_stack_push(&stack, 0);
    assert_true(q > p);
    assert_ptr_not_equal(allot_stack_push(&stack, 0), q);
    stop();
}

static void push_when_the_object_is_larger_than_chunks_gets_one_of_its_own(void **state)
{
    struct allot_stack_stats s;
    char *p;

    (void)state;
    start(&(struct allot_stack_options){.chunk_bytes = 4096});
    assert_non_null(allot_stack_push(&stack, 100));
    p = allot_stack_push(&stack, 10 << 20);
    memset(p, 1, 10 << 20);
    assert_non_null(allot_stack_push(&stack, 100));
    allot_stack_stats_get(&stack, &s);
    assert_true(s.reserved_bytes < (10 << 20) + 40000);
    stop();
}

static void limit_when_reached_fails_and_tells_why(void **state)
{
    size_t n;

    (void)state;
    start(&(struct allot_stack_options){.limit_bytes = 50000});
    for (n = 0; allot_stack_push(&stack, 992) != NULL; n++)
        ;
    assert_in_range(n, 47, 50);
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_LIMIT);
    assert_true(source.live_bytes <= 50000 + 1000); /* and the stack itself */
    stop();
}

static void fixed_when_the_buffer_is_used_up_fails_without_a_source(void **state)
{
    static char buffer[4096];
    char *p = NULL, *last = NULL;

    (void)state;
    for (size_t offset = 0; offset < 40; offset += 13) {
        start(&(struct allot_stack_options){.buffer = buffer + offset,
                                            .buffer_bytes = sizeof buffer - 50,
                                            .flags = ALLOT_STACK_FIXED});
        while ((p = allot_stack_push(&stack, 100)) != NULL) {
            assert_true(p >= buffer + offset && p + 100 <= buffer + offset + sizeof buffer - 50);
            memset(p, 0xee, 100);
            last = p;
        }
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_EXHAUSTED);
        assert_true(live_now() >= 28);
        allot_stack_pop(&stack, last);
        assert_ptr_equal(allot_stack_push(&stack, 100), last);
        assert_int_equal(source.calls, 0);
        stop();
    }
    assert_int_equal(
        allot_stack_init(&stack, &(struct allot_stack_options){.flags = ALLOT_STACK_FIXED}),
        -EINVAL);
    assert_int_equal(
        allot_stack_init(&stack, &(struct allot_stack_options){.flags = ALLOT_STACK_FIXED,
                                                               .buffer = buffer,
                                                               .buffer_bytes = 100}),
        -EINVAL);
}

/* --- marks -------------------------------------------------------------------------------- */

static void rewind_over(size_t chunk_bytes)
{
    allot_stack_mark marks[50];
    char *after[50];

    start(&(struct allot_stack_options){.chunk_bytes = chunk_bytes});
    for (int i = 0; i < 50; i++) {
        assert_non_null(allot_stack_push(&stack, (size_t)i * 7));
        marks[i] = allot_stack_mark_get(&stack);
        after[i] = allot_stack_push(&stack, 40);
    }
    for (int i = 49; i >= 0; i -= 3) {
        for (int again = 0; again < 3; again++) { /* one mark serves a loop */
            assert_int_equal(allot_stack_rewind(&stack, marks[i]), 0);
            assert_int_equal(live_now(), 2 * i + 1);
            if (chunk_bytes == 0) /* all in one */
                assert_ptr_equal(allot_stack_push(&stack, 40), after[i]);
            else
                assert_non_null(allot_stack_push(&stack, 40));
        }
        assert_int_equal(allot_stack_audit(&stack), 0);
    }
    stop();
}

static void rewind_when_the_mark_is_good_pops_what_came_after(void **state)
{
    (void)state;
    rewind_over(0);
    rewind_over(512);
}

static void mark_when_taken_again_and_again_takes_no_more_memory(void **state)
{
    struct allot_stack_stats before, after;

    (void)state;
    start(&(struct allot_stack_options){0});
    assert_non_null(allot_stack_push(&stack, 10));
    (void)allot_stack_mark_get(&stack);
    allot_stack_stats_get(&stack, &before);
    for (int i = 0; i < 10000; i++) {
        allot_stack_mark m = allot_stack_mark_get(&stack);

        assert_non_null(allot_stack_push(&stack, 100));
        assert_int_equal(allot_stack_rewind(&stack, m), 0);
    }
    allot_stack_stats_get(&stack, &after);
    assert_int_equal(before.live_bytes, after.live_bytes);
    stop();
}

static void rewind_when_the_mark_is_stale_is_refused(void **state)
{
    allot_stack_mark low, high, none = {NULL, NULL, 0};
    char *p, *q;

    (void)state;
    start(&(struct allot_stack_options){.chunk_bytes = 512});
    low = allot_stack_mark_get(&stack);
    p = allot_stack_push(&stack, 64);
    high = allot_stack_mark_get(&stack);
    q = allot_stack_push(&stack, 64);
    assert_non_null(allot_stack_push(&stack, 5000));
    assert_int_equal(allot_stack_rewind(&stack, high), 0);
    allot_stack_pop(&stack, p); /* below it */
    assert_int_equal(told.count, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(allot_stack_rewind(&stack, high), -EINVAL);
        expect_report(ALLOT_MISUSE_STALE_MARK, ALLOT_PLACE_FREED_BLOCK, high.record);
        (void)allot_stack_mark_get(&stack); /* where it was */
        assert_non_null(allot_stack_push(&stack, 64));
    }
    assert_int_equal(live_now(), 20);
    assert_int_equal(allot_stack_rewind(&stack, low), 0);
    assert_int_equal(live_now(), 0);
    allot_stack_reset(&stack);
    assert_int_equal(allot_stack_rewind(&stack, low), -EINVAL);
    assert_int_equal(allot_stack_rewind(&stack, none), -EINVAL);
    assert_int_equal(told.count, 2);
    told.count = 0;
    (void)q;
    stop();
}

/* --- misuse ------------------------------------------------------------------------------- */

static void pop_when_out_of_order_is_reported_and_does_nothing(void **state)
{
    enum { N = 40 };
    char *p[N];

    (void)state;
    start(&(struct allot_stack_options){.name = "work", .chunk_bytes = 600});
    for (int i = 0; i < N; i++)
        p[i] = allot_stack_push(&stack, 100);
    for (int i = 0; i < N - 1; i++) {
        allot_stack_pop(&stack, p[i]);
        expect_report(ALLOT_MISUSE_OUT_OF_ORDER, ALLOT_PLACE_LIVE_BLOCK, p[i]);
        assert_string_equal(told.last.heap, "work");
    }
    for (int d = 1; d < 100; d++) {
        allot_stack_pop(&stack, p[7] + d);
        expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_LIVE_BLOCK, p[7] + d);
        assert_ptr_equal(told.last.block, p[7]);
    }
    assert_int_equal(live_now(), N);
    allot_stack_pop(&stack, p[N - 1]);
    allot_stack_pop(&stack, p[N - 1]);
    expect_report(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_PLACE_FREED_BLOCK, p[N - 1]);
    allot_stack_pop(&stack, &state);
    expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_STACK, &state);
    allot_stack_pop(&stack, NULL);
    assert_int_equal(live_now(), N - 1);
    stop();
}

/* No value that a record can have may be taken for the object of it. */
static void pop_when_the_pointer_is_like_a_record_is_refused(void **state)
{
    char *p, *q;

    (void)state;
    start(&(struct allot_stack_options){.flags = ALLOT_STACK_ROLLBACK});
    p = allot_stack_push(&stack, 64);
    q = allot_stack_push(&stack, 64);
    allot_stack_pop(&stack, p); /* the record of q is tagged now */
    for (uintptr_t tag = 1; tag < 8; tag++) {
        allot_stack_pop(&stack, q + tag);
        expect_report(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_LIVE_BLOCK, q + tag);
    }
    assert_int_equal(live_now(), 1);
    allot_stack_pop(&stack, q);
    assert_int_equal(live_now(), 0);
    for (uintptr_t tag = 0; tag < 8; tag++)
        allot_stack_pop(&stack, (void *)tag);
    assert_int_equal(told.count, 7);
    told.count = 0;
    stop();
}

/* --- rollback ----------------------------------------------------------------------------- */

static void rollback_when_popped_in_any_order_gives_all_memory_back(void **state)
{
    enum { N = 500 };
    static char *p[N];
    struct ali_random r = {3};
    char *first;

    (void)state;
    start(&(struct allot_stack_options){.chunk_bytes = 700, .flags = ALLOT_STACK_ROLLBACK});
    first = allot_stack_push(&stack, 1);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < N; i++) {
            p[i] = allot_stack_push(&stack, i % 90);
            if (i % 50 == 49)
                (void)allot_stack_mark_get(&stack);
        }
        for (size_t i = N; i > 1; i--) {
            size_t k = ali_random_next(&r) % i;
            char *swap = p[k];

            p[k] = p[i - 1];
            p[i - 1] = swap;
        }
        for (size_t i = 0; i < N; i++) {
            allot_stack_pop(&stack, p[i]);
            assert_int_equal(live_now(), N - i);
            if (i % 10 == 0) {
                assert_int_equal(allot_stack_audit(&stack), 0);
                allot_stack_pop(&stack, p[i / 2]); /* again */
                assert_int_equal(told.count, 1);
                assert_int_equal(told.last.kind, ALLOT_MISUSE_DOUBLE_FREE);
                told.count = 0;
            }
        }
        p[0] = allot_stack_push(&stack, 1);
        assert_in_range(p[0] - first, 1, 32);
        allot_stack_pop(&stack, p[0]);
    }
    allot_stack_pop(&stack, first);
    assert_int_equal(live_now(), 0);
    stop();
}

/* --- as an allocator ---------------------------------------------------------------------- */

static void allocator_when_objects_are_resized_keeps_their_content(void **state)
{
    allot_allocator *a = &stack.base;
    void *p, *q;

    (void)state;
    start(&(struct allot_stack_options){.chunk_bytes = 2000});
    p = allot_new(a, 100);
    memset(p, 7, 100);
    assert_true(allot_try_resize(a, p, 100, 1000));
    q = allot_new(a, 10);
    assert_true(allot_try_resize(a, p, 1000, 500));
    assert_false(allot_try_resize(a, p, 500, 501));
    assert_int_equal(allot_resize_how(a, &p, 500, 3000, ALLOT_ALIGN_DEFAULT | ALLOT_ZERO), 0);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(((char *)p)[i], i < 100 ? 7 : i >= 500 ? 0 : ((char *)p)[i]);
    assert_int_equal(live_now(), 2);
    allot_delete(a, p, 3000);
    allot_delete(a, q, 10);
    assert_int_equal(told.count, 0);
    assert_int_equal(live_now(), 0);
    assert_int_equal(allot_allocator_reset(a), 0);
    stop();
}

static bool count_live(void *object, size_t bytes, void *arg)
{
    assert_true(bytes >= 50);
    memset(object, 0, 50);
    ++*(size_t *)arg;
    return true;
}

static void visit_when_objects_are_live_sees_each_once(void **state)
{
    size_t count = 0;
    void *p[100];

    (void)state;
    start(&(struct allot_stack_options){.chunk_bytes = 600, .flags = ALLOT_STACK_ROLLBACK});
    for (int i = 0; i < 100; i++) {
        p[i] = allot_stack_push(&stack, 50);
        if (i % 7 == 0)
            (void)allot_stack_mark_get(&stack);
    }
    for (int i = 0; i < 50; i++)
        allot_stack_pop(&stack, p[i * 2]);
    assert_true(allot_stack_visit(&stack, count_live, &count));
    assert_int_equal(count, 50);
    stop();
}

/* --- frames ------------------------------------------------------------------------------- */

static void frames_when_they_come_round_again_reuse_their_memory(void **state)
{
    static allot_frames frames;
    struct source s = SOURCE();
    unsigned char *p[3][100];
    size_t calls = 0;

    (void)state;
    assert_int_equal(allot_frames_init(&frames, 1, NULL), -EINVAL);
    assert_int_equal(
        allot_frames_init(&frames, 3, &(struct allot_stack_options){.source = &s.base}), 0);
    for (size_t frame = 0; frame < 60; frame++) {
        for (size_t i = 0; i < 100; i++) {
            size_t size = (i + frame) % 100 * 10;

            p[frame % 3][i] = allot_frames_alloc(&frames, size);
            memset(p[frame % 3][i], (int)frame, size);
        }
        for (size_t old = frame < 2 ? 0 : frame - 2; old < frame; old++)
            for (size_t i = 0; i < 100; i++)
                for (size_t j = 0; j < (i + old) % 100 * 10; j++)
                    assert_int_equal(p[old % 3][i][j], old);
        if (frame == 20)
            calls = s.calls;
        assert_int_equal(allot_frames_next(&frames), frame + 1);
    }
    assert_int_equal(s.calls, calls); /* it has settled */
    allot_frames_release(&frames);
    assert_true(source_is_empty(&s));
}

/* --- failures ----------------------------------------------------------------------------- */

static bool life_of_a_stack(size_t n)
{
    allot_stack_mark m;
    void *p = NULL;
    size_t pushed = 0;

    source = (struct source)SOURCE();
    source.fail_at = n;
    if (allot_stack_init(&stack, &(struct allot_stack_options){.source = &source.base,
                                                               .chunk_bytes = 500}) != 0) {
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_INJECTED);
        assert_true(source_is_empty(&source));
        return true;
    }
    m = allot_stack_mark_get(&stack);
    for (size_t i = 0; i < 100; i++)
        pushed += allot_stack_push(&stack, 100) != NULL;
    assert_int_equal(live_now(), pushed);
    p = allot_stack_push(&stack, 100);
    (void)!allot_resize(&stack.base, &p, 100, 100000);
    assert_int_equal(allot_stack_audit(&stack), 0);
    if (m.id != 0)
        assert_int_equal(allot_stack_rewind(&stack, m), 0);
    allot_stack_release(&stack);
    assert_true(source_is_empty(&source));
    return source.calls >= n;
}

static void stack_when_the_nth_allocation_fails_loses_nothing(void **state)
{
    size_t n;

    (void)state;
    for (n = 1; life_of_a_stack(n); n++)
        ;
    assert_true(n > 4);
}

/* --- against a model ---------------------------------------------------------------------- */

enum { DEPTH = 400 };

static struct model {
    unsigned char *p;
    size_t size;
    unsigned char pattern;
    bool is_mark;
    allot_stack_mark mark;
} model[DEPTH];

static void require_filled(const struct model *m)
{
    for (size_t i = 0; i < m->size; i++)
        assert_int_equal(m->p[i], m->pattern);
}

static size_t step(size_t depth, uint64_t bits)
{
    struct model *m = &model[depth];
    size_t k = depth == 0 ? 0 : (bits >> 20) % depth;

    switch (depth == DEPTH ? 4 : depth == 0 ? 0 : bits % 7) {
    case 0:
    case 1:
    case 2:
        *m = (struct model){.size = (bits >> 8) % ((bits & 1024) ? 3000 : 60),
                            .pattern = (unsigned char)(bits >> 30)};
        m->p = allot_stack_push_aligned(&stack, m->size, (size_t)1 << (bits >> 40) % 9);
        assert_non_null(m->p);
        memset(m->p, m->pattern, m->size);
        return depth + 1;
    case 3:
        *m = (struct model){.is_mark = true, .mark = allot_stack_mark_get(&stack)};
        return depth + 1;
    case 4:
        while (k < depth && !model[k].is_mark)
            k++;
        if (k == depth)
            return depth;
        assert_int_equal(allot_stack_rewind(&stack, model[k].mark), 0);
        return k + 1;
    default:
        while (depth > 0 && model[depth - 1].is_mark)
            depth--;
        if (depth == 0)
            return 0;
        require_filled(&model[depth - 1]);
        allot_stack_pop(&stack, model[depth - 1].p);
        return depth - 1;
    }
}

static void stack_when_used_at_random_behaves_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct ali_random r = {seed};
        size_t depth = 0;

        start(&(struct allot_stack_options){.chunk_bytes = seed % 2 ? 0 : 1000,
                                            .flags = seed % 3 ? 0 : ALLOT_STACK_ROLLBACK});
        for (int op = 0; op < 20000; op++) {
            depth = step(depth, ali_random_next(&r));
            assert_int_equal(told.count, 0);
            if (op % 997 == 0)
                assert_int_equal(allot_stack_audit(&stack), 0);
        }
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push_when_popped_in_order_gives_the_same_places_again),
        cmocka_unit_test(push_when_the_size_is_impossible_fails_and_changes_nothing),
        cmocka_unit_test(push_when_the_object_is_larger_than_chunks_gets_one_of_its_own),
        cmocka_unit_test(limit_when_reached_fails_and_tells_why),
        cmocka_unit_test(fixed_when_the_buffer_is_used_up_fails_without_a_source),
        cmocka_unit_test(rewind_when_the_mark_is_good_pops_what_came_after),
        cmocka_unit_test(mark_when_taken_again_and_again_takes_no_more_memory),
        cmocka_unit_test(rewind_when_the_mark_is_stale_is_refused),
        cmocka_unit_test(pop_when_out_of_order_is_reported_and_does_nothing),
        cmocka_unit_test(pop_when_the_pointer_is_like_a_record_is_refused),
        cmocka_unit_test(rollback_when_popped_in_any_order_gives_all_memory_back),
        cmocka_unit_test(allocator_when_objects_are_resized_keeps_their_content),
        cmocka_unit_test(visit_when_objects_are_live_sees_each_once),
        cmocka_unit_test(frames_when_they_come_round_again_reuse_their_memory),
        cmocka_unit_test(stack_when_the_nth_allocation_fails_loses_nothing),
        cmocka_unit_test(stack_when_used_at_random_behaves_as_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Pools and stacks under observers: every object is seen once, samples are unbiased, and what was
 * not seen allocated is not told of as freed. */
#include "unit.h"

#include <errno.h>

#include "core/observe.h"
#include "region/source.h"

static struct {
    void *live[4096];
    size_t sizes[4096];
    size_t count, allocated, freed, wrong;
    uint64_t weight;
} seen;

static void on_allocated(const struct ali_event *event, void *arg)
{
    seen.wrong += arg != &seen || seen.count == 4096;
    seen.live[seen.count] = event->p;
    seen.sizes[seen.count++] = event->size;
    seen.allocated++;
    seen.weight += event->weight_bytes;
}

static void on_freed(const struct ali_event *event, void *arg)
{
    size_t i = 0;

    (void)arg;
    while (i < seen.count && seen.live[i] != event->p)
        i++;
    seen.freed++;
    if (i == seen.count || seen.sizes[i] != event->size) {
        seen.wrong++;
        return;
    }
    seen.live[i] = seen.live[--seen.count];
    seen.sizes[i] = seen.sizes[seen.count];
}

static struct ali_observer observer = {.allocated = on_allocated, .freed = on_freed, .arg = &seen};

static void observe(uint64_t mean_bytes)
{
    memset(&seen, 0, sizeof seen);
    observer.mean_bytes = mean_bytes;
    assert_int_equal(ali_observe(&observer), 0);
}

static char buffer[256 << 10];

/* --- everything --------------------------------------------------------------------------- */

/* With a source each object is an allocation of it; without, the pool tells. */
static void pool_when_all_is_seen_makes_each_object_an_allocation(void **state)
{
    struct source source = SOURCE();
    allot_pool pool;
    void *p[100];
    size_t before;

    (void)state;
    expect_misuse_by_handler();
    assert_int_equal(allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = 40,
                                                                         .max_objects = 100,
                                                                         .source = &source.base}),
                     0);
    observe(0);
    before = source.live_blocks;
    for (size_t i = 0; i < 100; i++) {
        p[i] = allot_pool_get(&pool);
        assert_int_equal(source.live_blocks, before + i + 1);
        assert_true(allot_pool_owns(&pool, p[i]));
    }
    assert_null(allot_pool_get(&pool)); /* the cap still holds */
    assert_int_equal(allot_pool_audit(&pool), 0);
    for (size_t i = 0; i < 50; i++)
        allot_pool_put(&pool, p[i]);
    assert_int_equal(source.live_blocks, before + 50);
    allot_pool_put(&pool, p[60] == NULL ? NULL : (char *)p[60] + 8);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.kind, ALLOT_MISUSE_INVALID_FREE);
    assert_int_equal(ali_observe(NULL), 0);
    for (size_t i = 50; i < 80; i++)
        allot_pool_put(&pool, p[i]); /* of before */
    assert_int_equal(source.live_blocks, before + 20);
    allot_pool_reset(&pool);
    assert_int_equal(source.live_blocks, before);
    assert_non_null(allot_pool_get(&pool));
    allot_pool_release(&pool);
    assert_true(source_is_empty(&source));
    allot_set_misuse_handler(NULL, NULL);
}

static void fixed_pool_when_all_is_seen_tells_of_each_object(void **state)
{
    allot_pool pool;
    void *p[200];

    (void)state;
    assert_int_equal(
        allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = 40,
                                                            .buffer = buffer,
                                                            .buffer_bytes = sizeof buffer,
                                                            .flags = ALLOT_POOL_FIXED}),
        0);
    for (int i = 0; i < 100; i++)
        p[i] = allot_pool_get(&pool); /* not seen */
    (void)allot_pool_trim(&pool);     /* the window is closed */
    observe(0);
    for (int i = 100; i < 200; i++)
        p[i] = allot_pool_get(&pool);
    assert_int_equal(seen.allocated, 100);
    for (int i = 0; i < 150; i++)
        allot_pool_put(&pool, p[i]);
    assert_int_equal(seen.freed, 50);
    allot_pool_reset(&pool);
    assert_int_equal(seen.freed, 100);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(allot_pool_audit(&pool), 0);
    assert_int_equal(ali_observe(NULL), 0);
    allot_pool_release(&pool);
}

static void stack_when_all_is_seen_makes_each_object_an_allocation(void **state)
{
    struct source source = SOURCE();
    allot_stack stack;
    allot_stack_mark mark;
    void *p[300];
    size_t before;

    (void)state;
    expect_misuse_by_handler();
    assert_int_equal(
        allot_stack_init(
            &stack, &(struct allot_stack_options){.source = &source.base, .chunk_bytes = 1 << 20}),
        0);
    p[0] = allot_stack_push(&stack, 10);
    mark = allot_stack_mark_get(&stack);
    observe(0);
    allot_stack_pop(&stack, allot_stack_push(&stack, 10)); /* hidden from now on at the latest */
    (void)allot_stack_rewind(&stack, mark);
    before = source.live_blocks;
    for (size_t i = 1; i < 300; i++) {
        p[i] = allot_stack_push_aligned(&stack, i, 64);
        assert_true(ali_is_aligned(p[i], 64));
        assert_int_equal(source.live_blocks, before + i);
        memset(p[i], 1, i);
    }
    allot_stack_pop(&stack, p[7]);
    assert_int_equal(told.last.kind, ALLOT_MISUSE_OUT_OF_ORDER);
    for (size_t i = 299; i > 200; i--)
        allot_stack_pop(&stack, p[i]);
    assert_int_equal(source.live_blocks, before + 200);
    assert_int_equal(allot_stack_audit(&stack), 0);
    assert_int_equal(allot_stack_rewind(&stack, mark), 0);
    assert_int_equal(source.live_blocks, before);
    assert_int_equal(ali_observe(NULL), 0);
    assert_int_equal(told.count, 1);
    allot_stack_pop(&stack, p[0]);
    allot_stack_release(&stack);
    assert_true(source_is_empty(&source));
    allot_set_misuse_handler(NULL, NULL);
}

static void fixed_stack_when_all_is_seen_tells_of_each_object(void **state)
{
    allot_stack stack;
    void *p[100];

    (void)state;
    assert_int_equal(
        allot_stack_init(&stack, &(struct allot_stack_options){.buffer = buffer,
                                                               .buffer_bytes = sizeof buffer,
                                                               .flags = ALLOT_STACK_FIXED |
                                                                        ALLOT_STACK_ROLLBACK}),
        0);
    observe(0);
    allot_stack_reset(&stack);
    for (size_t i = 0; i < 100; i++)
        p[i] = allot_stack_push(&stack, i + 1);
    assert_int_equal(seen.allocated, 100);
    for (size_t i = 0; i < 100; i += 2)
        allot_stack_pop(&stack, p[i]);
    assert_int_equal(seen.freed, 50);
    assert_int_equal(allot_stack_audit(&stack), 0);
    for (size_t i = 99; i > 50; i -= 2)
        allot_stack_pop(&stack, p[i]);
    allot_stack_reset(&stack);
    assert_int_equal(seen.freed, 100);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(ali_observe(NULL), 0);
    allot_stack_release(&stack);
}

/* --- sampling ----------------------------------------------------------------------------- */

/* The variance of the sum of weights is at most bytes * (mean + size); see the heap's tests. */
static void require_unbiased(double given, double mean, double size)
{
    double off = (double)seen.weight - given;

    assert_true(off * off < 16 * given * (mean + size));
    assert_true(16 * (mean + size) < given / 25); /* or it would prove nothing */
    assert_int_equal(seen.freed, seen.allocated);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(seen.count, 0);
}

static void pool_when_sampled_is_unbiased(void **state)
{
    static const size_t sizes[] = {16, 200, 9000};

    (void)state;
    for (int s = 0; s < 3; s++) {
        struct source source = SOURCE();
        size_t size = sizes[s], rounds = (64 << 20) / size / 100;
        allot_pool pool;
        void *p[100];

        assert_int_equal(
            allot_pool_init(
                &pool, &(struct allot_pool_options){.object_bytes = size, .source = &source.base}),
            0);
        observe(8192);
        for (size_t i = 0; i < rounds; i++) {
            for (int j = 0; j < 100; j++)
                p[j] = allot_pool_get(&pool);
            for (int j = 0; j < 100; j++)
                allot_pool_put(&pool, p[j]);
        }
        require_unbiased((double)size * (double)rounds * 100, 8192, (double)size);
        assert_int_equal(allot_pool_audit(&pool), 0);
        assert_int_equal(ali_observe(NULL), 0);
        allot_pool_release(&pool);
    }
}

static void stack_when_sampled_is_unbiased(void **state)
{
    struct source source = SOURCE();
    allot_stack stack;
    double given = 0;

    (void)state;
    assert_int_equal(
        allot_stack_init(&stack, &(struct allot_stack_options){.source = &source.base}), 0);
    observe(8192);
    (void)allot_stack_mark_get(&stack);
    for (int i = 0; i < 20000; i++) {
        void *p[10];

        for (int j = 0; j < 10; j++) {
            p[j] = allot_stack_push(&stack, (size_t)(j + 1) * 50);
            given += (j + 1) * 50;
        }
        for (int j = 9; j >= 0; j--)
            allot_stack_pop(&stack, p[j]);
    }
    require_unbiased(given, 8192, 500);
    assert_int_equal(ali_observe(NULL), 0);
    allot_stack_release(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_when_all_is_seen_makes_each_object_an_allocation),
        cmocka_unit_test(fixed_pool_when_all_is_seen_tells_of_each_object),
        cmocka_unit_test(stack_when_all_is_seen_makes_each_object_an_allocation),
        cmocka_unit_test(fixed_stack_when_all_is_seen_tells_of_each_object),
        cmocka_unit_test(pool_when_sampled_is_unbiased),
        cmocka_unit_test(stack_when_sampled_is_unbiased),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

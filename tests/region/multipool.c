/* Multipools: which class serves what, and sizes against a model. */
#include "unit.h"

#include <errno.h>

#include "region/source.h"

static allot_multipool pools;

static void alloc_when_sizes_are_random_behaves_as_the_model(void **state)
{
    static const size_t given[] = {48, 64, 1008, 5008, 40000};
    static const struct allot_multipool_options options[] = {
        {.class_count = 0},
        {.class_bytes = given, .class_count = 5},
        {.class_bytes = given, .class_count = 5, .flags = ALLOT_POOL_CACHED},
    };
    static struct {
        unsigned char *p;
        size_t size;
        allot_how how;
    } slots[500];

    (void)state;
    expect_misuse_by_handler();
    for (size_t o = 0; o < ALI_ARRAY_COUNT(options); o++) {
        struct source source = SOURCE();
        struct allot_multipool_options with = options[o];
        struct ali_random r = {o};

        with.source = &source.base;
        assert_int_equal(allot_multipool_init(&pools, &with), 0);
        for (int op = 0; op < 30000; op++) {
            uint64_t bits = ali_random_next(&r);
            size_t k = bits % 500, size = 1 + (bits >> 16) % (bits & 4096 ? 50000 : 300);

            if (slots[k].p != NULL) {
                for (size_t i = 0; i < slots[k].size; i++)
                    assert_int_equal(slots[k].p[i], (unsigned char)k);
                allot_delete_how(&pools.base, slots[k].p, slots[k].size, slots[k].how);
                slots[k].p = NULL;
                continue;
            }
            slots[k].how = (allot_how)(bits >> 40) % 9;
            slots[k].p = allot_new_how(&pools.base, size, slots[k].how);
            slots[k].size = size;
            assert_true(ali_is_aligned(slots[k].p, (size_t)1 << slots[k].how));
            memset(slots[k].p, (int)k, size);
        }
        for (size_t k = 0; k < 500; k++)
            if (slots[k].p != NULL)
                allot_delete_how(&pools.base, slots[k].p, slots[k].size, slots[k].how);
        memset(slots, 0, sizeof slots);
        allot_multipool_release(&pools);
        assert_true(source_is_empty(&source));
    }
    assert_int_equal(told.count, 0);
    allot_set_misuse_handler(NULL, NULL);
}

static void free_when_the_size_is_of_another_class_is_reported(void **state)
{
    void *p;

    (void)state;
    expect_misuse_by_handler();
    assert_int_equal(allot_multipool_init(&pools, NULL), 0);
    p = allot_multipool_alloc(&pools, 100);
    allot_multipool_free(&pools, p, 50);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.kind, ALLOT_MISUSE_INVALID_FREE);
    allot_multipool_free(&pools, p, 128);
    allot_multipool_free(&pools, p, 128);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.last.kind, ALLOT_MISUSE_DOUBLE_FREE);
    assert_null(allot_multipool_alloc(&pools, SIZE_MAX));
    allot_multipool_free(&pools, NULL, 5);
    allot_multipool_release(&pools);
    allot_set_misuse_handler(NULL, NULL);
}

static void init_when_classes_are_wrong_or_memory_fails_leaves_nothing(void **state)
{
    static const size_t falling[] = {32, 16}, odd[] = {24};
    struct source source = SOURCE();

    (void)state;
    assert_int_equal(
        allot_multipool_init(
            &pools, &(struct allot_multipool_options){.class_bytes = falling, .class_count = 2}),
        -EINVAL);
    assert_int_equal(
        allot_multipool_init(
            &pools, &(struct allot_multipool_options){.class_bytes = odd, .class_count = 1}),
        -EINVAL);
    for (source.fail_at = 1;; source.fail_at++) {
        source.calls = 0;
        if (allot_multipool_init(&pools,
                                 &(struct allot_multipool_options){.source = &source.base}) == 0)
            break;
        assert_true(source_is_empty(&source));
    }
    assert_int_equal(source.fail_at, 11);
    allot_multipool_release(&pools);
    assert_true(source_is_empty(&source));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_when_sizes_are_random_behaves_as_the_model),
        cmocka_unit_test(free_when_the_size_is_of_another_class_is_reported),
        cmocka_unit_test(init_when_classes_are_wrong_or_memory_fails_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

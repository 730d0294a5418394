/* Every allocation of the source and every call of the OS made to fail in turn: nothing is lost,
 * nothing is leaked, and what was there before is untouched. */
#include "unit.h"

#include <errno.h>

#include "allot/allot.h"
#include "core/core.h"
#include "fake/fake.h"
#include "region/counted.h"

enum { OBJECTS = 120 };

static unsigned cleanups;

static void count_cleanup(void *arg)
{
    (void)arg;
    cleanups++;
}

struct held {
    unsigned char *p;
    size_t size;
};

static void check(const struct held *held, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < held[i].size; k++)
            assert_int_equal(held[i].p[k], (i * 7) & 255);
}

static bool hold(struct held *held, size_t *count, void *p, size_t size)
{
    if (p == NULL) {
        assert_int_equal(errno, ENOMEM);
        assert_int_not_equal(allot_last_error().cause, ALLOT_CAUSE_NONE);
        return false;
    }
    memset(p, (int)((*count * 7) & 255), size);
    held[(*count)++] = (struct held){p, size};
    return true;
}

/* Everything once; failures on the way are taken as they come. */
static void exercise(const struct allot_arena_options *options)
{
    struct held held[OBJECTS];
    size_t count = 0, kept;
    allot_arena_mark mark;
    unsigned registered = 0;
    allot_arena a, b, *child;
    char *text;

    cleanups = 0;
    if (allot_arena_init(&a, options) != 0)
        return;
    for (size_t i = 0; i < 30; i++) {
        hold(held, &count, allot_arena_push(&a, 40 * i + 1), 40 * i + 1);
        hold(held, &count, allot_arena_push_bytes(&a, i + 1), i + 1);
        registered += allot_arena_cleanup(&a, count_cleanup, NULL) == 0;
    }
    mark = allot_arena_mark_get(&a);
    kept = count;
    hold(held, &count, allot_arena_push_aligned(&a, 3000, 4096), 3000);
    hold(held, &count, allot_arena_push(&a, 70000), 70000);
    hold(held, &count, allot_arena_push_zero(&a, 70000), 70000);
    text = allot_arena_printf(&a, "%300d", 1);
    assert_true(text == NULL || strlen(text) == 300);
    child = allot_arena_child(&a, NULL);
    if (child != NULL)
        hold(held, &count, allot_arena_push(child, 100), 100);
    check(held, count);
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    check(held, kept);
    count = kept;
    assert_int_equal(allot_arena_init(&b, &(struct allot_arena_options){.source = options->source}),
                     0);
    hold(held, &count, allot_arena_push(&b, 500), 500);
    hold(held, &count, allot_arena_push(&b, 50000), 50000);
    if (allot_arena_adopt(&a, &b) == 0)
        assert_false(allot_arena_owns(&b, held[0].p));
    check(held, count);
    allot_arena_release(&a);
    assert_int_equal(cleanups, registered);
    allot_arena_release(&b);
}

static void nth_allocation_of_the_source_fails(void **state)
{
    struct allot_arena_options o = {.chunk_bytes = 1024};
    size_t n;

    (void)state;
    for (n = 1;; n++) {
        struct counted source = COUNTED_INIT;

        source.fail_nth = n;
        o.source = &source.base;
        exercise(&o);
        assert_int_equal(source.live_blocks, 0);
        assert_int_equal(source.live_bytes, 0);
        if (source.calls < n)
            break;
    }
    assert_true(n > 10);
}

static void nth_allocation_fails_while_every_object_is_a_block(void **state)
{
    struct allot_arena_options o = {.chunk_bytes = 1024};
    size_t n;

    (void)state;
    ali_options.regions = ALI_REGIONS_INDIVIDUAL;
    for (n = 1;; n++) {
        struct counted source = COUNTED_INIT;

        source.fail_nth = n;
        o.source = &source.base;
        exercise(&o);
        assert_int_equal(source.live_blocks, 0);
        if (source.calls < n)
            break;
    }
    ali_options.regions = ALI_REGIONS_CHUNKED;
    assert_true(n > 60);
}

static void nth_call_of_the_os_fails_for_a_reservation(void **state)
{
    struct counted source = COUNTED_INIT;
    struct allot_arena_options o = {
        .source = &source.base, .reserve_bytes = ALI_MIB, .chunk_bytes = 4096};
    int64_t mapped = fake_mapped_bytes();
    uint64_t n, failures;

    (void)state;
    for (n = 1;; n++) {
        fake_fail(FAKE_MEMORY & ~FAKE_BIT(FAKE_UNMAP), FAKE_NTH, n, ENOMEM);
        exercise(&o);
        failures = fake_failures();
        fake_off();
        assert_int_equal(source.live_blocks, 0);
        assert_int_equal(fake_mapped_bytes(), mapped);
        if (failures == 0)
            break;
    }
    assert_true(n > 4);
}

static void pages_that_cannot_be_given_back_are_not_taken_for_zero(void **state)
{
    struct allot_arena_options o = {.reserve_bytes = 4 * ALI_MIB};
    allot_arena a;
    char *p;

    (void)state;
    assert_int_equal(allot_arena_init(&a, &o), 0);
    memset(allot_arena_push(&a, 2 * ALI_MIB), 0xff, 2 * ALI_MIB);
    fake_fail(FAKE_BIT(FAKE_PURGE), FAKE_FROM, 1, EINVAL);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_NONE), 0);
    assert_int_equal(fake_failures(), 1);
    fake_off();
    p = allot_arena_push_zero(&a, 2 * ALI_MIB);
    for (size_t i = 0; i < 2 * ALI_MIB; i++)
        if (p[i] != 0)
            fail();
    allot_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_allocation_of_the_source_fails),
        cmocka_unit_test(nth_allocation_fails_while_every_object_is_a_block),
        cmocka_unit_test(nth_call_of_the_os_fails_for_a_reservation),
        cmocka_unit_test(pages_that_cannot_be_given_back_are_not_taken_for_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

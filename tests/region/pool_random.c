/* Pools of one thread against a model, and with each allocation of their source failing in turn. */
#include "unit.h"

#include <errno.h>

#include "region/pooled.h"

/* --- failures ----------------------------------------------------------------------------- */

/* Everything that a pool does, with the n-th call of the source failing. */
static bool life_of_a_pool(size_t n, bool on)
{
    struct allot_pool_options options = {
        .object_bytes = 200, .source = &source.base, .chunk_objects = 10};
    void *p[50] = {0};
    size_t live = 0;

    source = (struct source)SOURCE();
    source.fail_at = n;
    source.fails_on = on;
    if (allot_pool_init(&pool, &options) != 0) {
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_INJECTED);
        assert_true(source_is_empty(&source));
        return true;
    }
    for (int i = 0; i < 50; i++) {
        p[i] = allot_pool_get(&pool);
        live += p[i] != NULL;
    }
    assert_int_equal(stats_now().live_objects, live);
    allot_pool_put_bulk(&pool, p, 50);
    (void)!allot_pool_preheat(&pool, 100);
    (void)!allot_pool_get_bulk(&pool, p, 50);
    assert_int_equal(allot_pool_audit(&pool), 0);
    allot_pool_release(&pool);
    assert_true(source_is_empty(&source));
    return source.calls >= n;
}

static void pool_when_the_nth_allocation_fails_loses_nothing(void **state)
{
    size_t n;

    (void)state;
    for (n = 1; life_of_a_pool(n, false); n++)
        ;
    assert_true(n > 6);
    for (n = 1; life_of_a_pool(n, true); n++)
        ;
}

/* --- against a model ---------------------------------------------------------------------- */

enum { SLOTS = 3000 };
static struct slot {
    unsigned char *p;
    unsigned char pattern;
} slots[SLOTS];

static void fill(struct slot *s, size_t size, unsigned char pattern)
{
    s->pattern = pattern;
    memset(s->p, pattern, size);
}

static void require_filled(const struct slot *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(s->p[i], s->pattern);
}

static void random_stream(uint64_t seed, size_t size, size_t cap, int ops)
{
    struct ali_random r = {seed};
    size_t live = 0;
    unsigned target = 0;

    start(&(struct allot_pool_options){
        .object_bytes = size, .max_objects = cap, .chunk_objects = seed % 3 ? 0 : 50});
    for (int op = 0; op < ops; op++) {
        uint64_t bits = ali_random_next(&r);
        struct slot *s = &slots[(bits >> 8) % SLOTS];

        if (op % 5000 == 0)
            target = (unsigned)(bits >> 40) % 256;
        if ((bits & 255) <= target && s->p == NULL) {
            s->p = allot_pool_get(&pool);
            assert_true((s->p != NULL) == (cap == 0 || live < cap));
            if (s->p != NULL) {
                live++;
                fill(s, size, (unsigned char)(bits >> 32));
            }
        } else if ((bits & 255) > target && s->p != NULL) {
            require_filled(s, size);
            allot_pool_put(&pool, s->p);
            s->p = NULL;
            live--;
        }
        if (op % 9999 == 0) {
            assert_int_equal(stats_now().live_objects, live);
            assert_int_equal(allot_pool_audit(&pool), 0);
            if (op % 2)
                (void)allot_pool_trim(&pool);
        }
    }
    memset(slots, 0, sizeof slots);
    stop();
}

static void pool_when_used_at_random_behaves_as_the_model(void **state)
{
    static const size_t sizes[] = {2, 16, 40, 1024, 20000};

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        print_message("seed %zu\n", i);
        random_stream(i, sizes[i % 5], i % 4 == 3 ? 1000 : 0, 50000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_when_the_nth_allocation_fails_loses_nothing),
        cmocka_unit_test(pool_when_used_at_random_behaves_as_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every call of the OS made to fail under every operation of the heap: one after the other, every
 * k-th, all from one on, some at random. Contents stay, every refusal says why, and afterwards all
 * works and nothing was lost. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "fake/fake.h"
#include "heap/shadow.h"

static const int errors[] = {ENOMEM, EPERM, EAGAIN, EINVAL};

/* Each run is in a child: once a heap has grown it has little to ask of the OS. */
enum { ALL_LOST_NOTHING = 0, NONE_FAILED = 17, SOME_REFUSED = 18 };

struct plan {
    uint32_t calls;
    enum fake_mode mode;
    uint64_t n;
    bool object; /* in a heap object */
};

static struct shadow shadow;

static void require_at(bool good, int line, const char *condition)
{
    if (good)
        return;
    fprintf(stderr, "%s:%d: %s%s%s\n", __FILE__, line, condition, shadow.error ? ": " : "",
            shadow.error ? shadow.error : "");
    _exit(99);
}

#define require(condition) require_at(condition, __LINE__, #condition)

static size_t live_blocks(void)
{
    struct allot_stats stats;

    (void)allot_stats_get(&stats);
    return stats.live_blocks;
}

static void scenario(uint64_t seed, int steps)
{
    struct ali_random r = {seed};

    for (int i = 0; i < steps; i++) {
        struct shadow_op op = shadow_random_op(&r);

        op.slot %= 64;
        require(shadow_apply(&shadow, &op));
        if (i % 64 == 40)
            (void)allot_trim(0);
    }
}

/* After the failures: nothing was lost, and what was refused is given now. */
static void recover(void)
{
    static const size_t sizes[] = {1, 1000, 16384, 100000, 3000000};

    fake_off();
    shadow.may_fail = false;
    require(shadow_check(&shadow));
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        void *p = allot_heap_zalloc(shadow.heap, sizes[i]);

        require(p != NULL && shadow_is_zero(p, sizes[i]));
        memset(p, 0xff, sizes[i]);
        allot_heap_free(shadow.heap, p);
    }
    scenario(99, 200);
    require(shadow_free_all(&shadow));
    require(live_blocks() == 0);
}

static void run_plan(void *arg)
{
    const struct plan *plan = arg;
    uint64_t failures;

    shadow.may_fail = true;
    if (plan->object)
        require((shadow.heap = allot_heap_create(NULL)) != NULL);
    fake_seed(plan->n);
    fake_fail(plan->calls, plan->mode, plan->n, errors[plan->n % ALI_ARRAY_COUNT(errors)]);
    scenario(plan->n, 300);
    failures = fake_failures();
    recover();
    allot_heap_destroy(shadow.heap);
    require(live_blocks() == 0);
    if (failures == 0)
        _exit(NONE_FAILED);
    _exit(shadow.refused != 0 ? SOME_REFUSED : ALL_LOST_NOTHING);
}

static int result_of(struct plan plan)
{
    int status = unit_in_child(run_plan, &plan);

    if (!WIFEXITED(status) ||
        (WEXITSTATUS(status) != ALL_LOST_NOTHING && WEXITSTATUS(status) != NONE_FAILED &&
         WEXITSTATUS(status) != SOME_REFUSED))
        fail_msg("calls %x mode %d n %llu: status %x", plan.calls, (int)plan.mode,
                 (unsigned long long)plan.n, (unsigned)status);
    return WEXITSTATUS(status);
}

static void until_none_fails(bool object)
{
    uint64_t n = 1;

    while (result_of((struct plan){FAKE_ALL, FAKE_NTH, n, object}) != NONE_FAILED)
        n++;
    assert_in_range(n, 20, 100000);
}

static void blocks_when_the_nth_call_fails_stay_whole(void **state)
{
    (void)state;
    until_none_fails(false);
}

static void heap_blocks_when_the_nth_call_fails_stay_whole(void **state)
{
    (void)state;
    until_none_fails(true);
}

static void in_every_mode(bool object)
{
    static const uint32_t calls[] = {FAKE_ALL, FAKE_MEMORY,
                                     FAKE_BIT(FAKE_MAP_AT) | FAKE_BIT(FAKE_MAP),
                                     FAKE_BIT(FAKE_PURGE) | FAKE_BIT(FAKE_UNMAP)};
    static const enum fake_mode modes[] = {FAKE_EVERY, FAKE_FROM, FAKE_ONE_IN};
    int refused = 0;

    for (size_t c = 0; c < ALI_ARRAY_COUNT(calls); c++)
        for (size_t m = 0; m < ALI_ARRAY_COUNT(modes); m++)
            for (uint64_t k = 1; k <= 10; k++)
                refused += result_of((struct plan){calls[c], modes[m], k, object}) == SOME_REFUSED;
    assert_true(refused >= 10);
}

static void blocks_when_every_kth_or_all_calls_fail_stay_whole(void **state)
{
    (void)state;
    in_every_mode(false);
}

static void heap_blocks_when_every_kth_or_all_calls_fail_stay_whole(void **state)
{
    (void)state;
    in_every_mode(true);
}

/* --- the start, in a process where nothing has been asked of the OS yet ---------------------- */

static void start_with_nth_failing(void *arg)
{
    const uint64_t *n = arg;
    void *p = NULL;

    fake_fail(FAKE_ALL, FAKE_NTH, *n, ENOMEM);
    for (int i = 0; i < 3 && p == NULL; i++) {
        if (!ali_heap_alloc_hit(100, &p))
            p = ali_heap_alloc_miss(100, ALI_CALL_MALLOC, NULL);
        unit_child_require(p != NULL || allot_last_error().cause != ALLOT_CAUSE_NONE);
    }
    unit_child_require(p != NULL); /* one failure is not the end */
    memset(p, 1, 100);
    if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_FREE, NULL);
    _exit(fake_failures() == 0 ? 17 : 0);
}

static void start_when_the_nth_call_fails_recovers(void **state)
{
    int status = 0;

    (void)state;
    for (uint64_t n = 1; n < 1000; n++) {
        status = unit_in_child(start_with_nth_failing, &n);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 17)
            break;
        if (!unit_succeeded(status))
            fail_msg("the %llu-th call: status %x", (unsigned long long)n, (unsigned)status);
    }
    assert_int_equal(WEXITSTATUS(status), 17);
}

static void start_with_all_failing(void *arg)
{
    void *p = NULL;

    (void)arg;
    fake_fail(FAKE_ALL, FAKE_FROM, 1, ENOMEM);
    if (!ali_heap_alloc_hit(100, &p))
        p = ali_heap_alloc_miss(100, ALI_CALL_MALLOC, NULL);
    unit_child_require(p == NULL && allot_last_error().cause != ALLOT_CAUSE_NONE);
    unit_child_require(ali_heap_zalloc(5000000, ALI_CALL_CALLOC, NULL) == NULL);
    unit_child_require(allot_heap_alloc(NULL, 1) == NULL);
    (void)allot_trim(0);
}

static void start_when_all_calls_fail_refuses(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(start_with_all_failing, NULL)));
}

/* --- heaps and threads -------------------------------------------------------------------- */

static void use_heaps(uint64_t *made)
{
    allot_heap *heaps[40];
    static void *block[40];

    for (int i = 0; i < 40; i++) {
        ali_error_set(ALLOT_LAYER_NONE, ALLOT_CAUSE_NONE, 0);
        heaps[i] = allot_heap_create(NULL);
        block[i] = heaps[i] == NULL ? NULL : allot_heap_alloc(heaps[i], (size_t)i * 5000);
        *made += block[i] != NULL;
        assert_true(block[i] != NULL || allot_last_error().cause != ALLOT_CAUSE_NONE);
    }
    for (int i = 0; i < 40; i++)
        if (heaps[i] != NULL)
            allot_heap_destroy(heaps[i]);
}

static void heaps_when_calls_fail_are_made_or_refused_and_go(void **state)
{
    struct allot_stats before, after;
    uint64_t made = 0;

    (void)state;
    use_heaps(&made);
    (void)allot_trim(0);
    (void)allot_stats_get(&before);
    for (uint64_t n = 1; n < 60; n++) {
        fake_fail(FAKE_ALL, n % 2 ? FAKE_NTH : FAKE_EVERY, n, ENOMEM);
        use_heaps(&made);
        fake_off();
        (void)allot_trim(0);
        (void)allot_stats_get(&after);
        /* a refused piece of metadata may have cost a slice, once */
        assert_in_range(after.spans_bytes, 0, before.spans_bytes + 8 * ALI_SLICE_BYTES);
        assert_int_equal(after.heaps, before.heaps);
        assert_int_equal(after.live_blocks, 0);
    }
    assert_true(made > 40);
}

static void *short_life(void *arg)
{
    void *p;

    (void)arg;
    for (size_t size = 1; size < 300000; size = size * 3 + 1) {
        ali_error_set(ALLOT_LAYER_NONE, ALLOT_CAUSE_NONE, 0);
        if (!ali_heap_alloc_hit(size, &p))
            p = ali_heap_alloc_miss(size, ALI_CALL_MALLOC, NULL);
        if (p == NULL && allot_last_error().cause == ALLOT_CAUSE_NONE)
            return unit_wrong("an allocation failed and did not say why");
        if (p != NULL && !ali_heap_free_hit(p))
            ali_heap_free_miss(p, ALI_CALL_FREE, NULL);
    }
    return NULL;
}

static void threads_when_calls_fail_end_in_order(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        pthread_t thread;
        void *error;

        fake_fail(FAKE_ALL, n % 2 ? FAKE_NTH : FAKE_EVERY, n / 2 + 1, ENOMEM);
        assert_int_equal(pthread_create(&thread, NULL, short_life, NULL), 0);
        pthread_join(thread, &error);
        fake_off();
        assert_null(error);
        (void)allot_trim(0);
        assert_int_equal(live_blocks(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_when_the_nth_call_fails_recovers), /* first: nothing has started */
        cmocka_unit_test(start_when_all_calls_fail_refuses),
        cmocka_unit_test(blocks_when_the_nth_call_fails_stay_whole),
        cmocka_unit_test(heap_blocks_when_the_nth_call_fails_stay_whole),
        cmocka_unit_test(blocks_when_every_kth_or_all_calls_fail_stay_whole),
        cmocka_unit_test(heap_blocks_when_every_kth_or_all_calls_fail_stay_whole),
        cmocka_unit_test(heaps_when_calls_fail_are_made_or_refused_and_go),
        cmocka_unit_test(threads_when_calls_fail_end_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every call of the OS made to fail: one after the other, every k-th, all from one on. Nothing may
 * be lost, overlap or be trusted that is not there, and what was refused may work later. */
#include "unit.h"

#include <errno.h>

#include "fake/fake.h"
#include "span/model.h"

#define SPANS 40

static struct model_span spans[SPANS];

static struct model_span *slot(struct ali_random *r)
{
    return &spans[ali_random_next(r) % SPANS];
}

static void try_take(struct model_span *m, struct ali_random *r)
{
    static const size_t sizes[] = {1, 2, 7, 30, 64, 200, 1, 3, 5, 16, 2, 100, 1100};
    struct ali_span_request request = {
        .slices = sizes[ali_random_next(r) % ALI_ARRAY_COUNT(sizes)],
        .align_slices = (size_t)1 << ali_random_next(r) % 6,
        .want_zero = ali_random_next(r) % 2,
    };

    if (!model_take(m, &request, ali_random_next(r))) {
        assert_int_equal(allot_last_error().layer, ALLOT_LAYER_SPAN);
        assert_int_not_equal(allot_last_error().cause, ALLOT_CAUSE_NONE);
    }
}

static void try_resize(struct model_span *m, struct ali_random *r)
{
    size_t old = m->slices, slices = old + 1 + ali_random_next(r) % 50;
    struct ali_span *to;

    if (ali_random_next(r) % 3 == 0) {
        m->slices = m->committed = 1 + ali_random_next(r) % old;
        ali_span_shrink(m->span, m->slices);
        return;
    }
    if (!ali_span_grow(m->span, slices)) {
        assert_int_equal(ali_span_slices(m->span), old);
        to = ali_span_move(m->span, slices);
        if (to == NULL) {
            assert_int_equal(ali_span_slices(m->span), old);
            assert_true(model_is_intact(m, old));
            assert_int_equal(m->span->client[0], 0xa5);
            return;
        }
        m->span = to;
        memset(to->client, 0xa5, sizeof(to->client));
    }
    assert_true(model_is_intact(m, old));
    m->slices = m->committed = slices;
    model_fill(m, old);
}

static void scenario(uint64_t seed, int steps)
{
    struct ali_random r = {seed};

    for (int i = 0; i < steps; i++) {
        struct model_span *m = slot(&r);

        if (m->span == NULL)
            try_take(m, &r);
        else if (ali_random_next(&r) % 2)
            try_resize(m, &r);
        else
            model_give(m);
        if (i % 16 == 0)
            (void)ali_span_trim(ali_random_next(&r) % 4 * ALI_MIB);
        assert_true(ali_span_valid());
    }
    model_check_disjoint(spans, SPANS);
}

/* Afterwards all is well again, and nothing was lost for good. */
static void recover(void)
{
    struct ali_span_request request = {.slices = 500, .align_slices = 1};
    struct ali_span_stats stats;

    fake_off();
    for (int i = 0; i < SPANS; i++) {
        if (spans[i].span)
            model_give(&spans[i]);
    }
    ali_span_stats(&stats);
    assert_int_equal(stats.used_bytes, 0);
    assert_true(model_take(&spans[0], &request, 1));
    model_give(&spans[0]);
    (void)ali_span_trim(0);
    assert_int_equal(ali_span_dirty_bytes(), 0);
    assert_true(ali_span_valid());
}

static const int errors[] = {ENOMEM, EPERM, EINVAL, EAGAIN};

static void spans_when_the_nth_call_fails_stay_whole(void **state)
{
    uint64_t n = 1;

    (void)state;
    for (;; n++) {
        fake_fail(FAKE_ALL, FAKE_NTH, n, errors[n % 4]);
        scenario(n, 40);
        if (fake_failures() == 0)
            break;
        recover();
    }
    recover();
    assert_in_range(n, 10, 100000);
}

static void spans_when_every_kth_call_fails_stay_whole(void **state)
{
    (void)state;
    for (uint64_t k = 1; k <= 12; k++) {
        fake_fail(FAKE_ALL, FAKE_EVERY, k, errors[k % 4]);
        scenario(k + 100, 300);
        assert_true(fake_failures() > 0);
        recover();
    }
}

static void spans_when_all_calls_fail_from_one_on_stay_whole(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 60; n += 3) {
        fake_fail(FAKE_ALL, FAKE_FROM, n, errors[n % 4]);
        scenario(n + 200, 150);
        recover();
    }
}

static void spans_when_one_kind_of_call_fails_stay_whole(void **state)
{
    (void)state;
    for (enum fake_call call = 0; call <= FAKE_HUGE; call++) {
        fake_fail(FAKE_BIT(call), FAKE_FROM, 1, ENOMEM);
        scenario(call + 300, 300);
        recover();
        fake_fail(FAKE_BIT(call), FAKE_ONE_IN, 3, EPERM);
        scenario(call + 400, 300);
        recover();
    }
}

static void spans_when_mapping_finds_something_there_stay_whole(void **state)
{
    (void)state;
    for (uint64_t k = 2; k <= 6; k++) {
        fake_fail(FAKE_BIT(FAKE_MAP_AT), FAKE_EVERY, k, EEXIST);
        scenario(k + 500, 200);
        recover();
    }
}

static void start_body(void *arg)
{
    uint64_t n = (uint64_t)(uintptr_t)arg;

    fake_fail(FAKE_ALL, FAKE_NTH, n, n % 2 ? ENOMEM : EEXIST);
    unit_child_require(ali_region_init());
    fake_off();
    unit_child_require(ali_span_valid());
    scenario(n, 100);
}

/* Before the region is used in this process: each child starts anew. */
static void start_when_the_nth_call_fails_finds_another_place(void **state)
{
    (void)state;
    for (uintptr_t n = 1; n <= 12; n++)
        assert_true(unit_succeeded(unit_in_child(start_body, (void *)n)));
}

static void refused_body(void *arg)
{
    (void)arg;
    fake_fail(FAKE_ALL, FAKE_FROM, 1, ENOMEM);
    unit_child_require(!ali_region_init());
    fake_off();
    unit_child_require(ali_region_init());
    scenario(1, 100);
}

static void start_when_all_is_refused_may_be_tried_again(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(refused_body, NULL)));
}

static void stuck_body(void *arg)
{
    int64_t before = fake_mapped_bytes();

    (void)arg;
    fake_fail(FAKE_BIT(FAKE_MAP_AT) | FAKE_BIT(FAKE_UNMAP), FAKE_FROM, 1, ENOMEM);
    for (int i = 0; i < 100; i++)
        unit_child_require(!ali_region_init());
    unit_child_require(fake_mapped_bytes() - before < (int64_t)(128 * ALI_GIB));
    fake_off();
    fake_fail(FAKE_BIT(FAKE_MAP_AT), FAKE_FROM, 1, ENOMEM);
    unit_child_require(!ali_region_init());
    unit_child_require(fake_mapped_bytes() == before);
    fake_off();
    unit_child_require(ali_region_init());
    scenario(1, 100);
}

static void start_when_a_hole_is_not_taken_back_costs_one_hole(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(stuck_body, NULL)));
}

static int start(void **state)
{
    (void)state;
    return ali_region_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest before[] = {
        cmocka_unit_test(start_when_the_nth_call_fails_finds_another_place),
        cmocka_unit_test(start_when_all_is_refused_may_be_tried_again),
        cmocka_unit_test(start_when_a_hole_is_not_taken_back_costs_one_hole),
    };
    const struct CMUnitTest after[] = {
        cmocka_unit_test(spans_when_the_nth_call_fails_stay_whole),
        cmocka_unit_test(spans_when_every_kth_call_fails_stay_whole),
        cmocka_unit_test(spans_when_all_calls_fail_from_one_on_stay_whole),
        cmocka_unit_test(spans_when_one_kind_of_call_fails_stay_whole),
        cmocka_unit_test(spans_when_mapping_finds_something_there_stay_whole),
    };

    ali_os_init();
    ali_options_init();
    return cmocka_run_group_tests(before, NULL, NULL) + cmocka_run_group_tests(after, start, NULL);
}

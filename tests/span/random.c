/* Random operations against the shadow, with the walker after each of them. */
#include "unit.h"

#include "span/model.h"

#define SPANS 200
#define STEPS 8000

static struct model_span spans[SPANS];
static struct ali_random random_state;

static uint64_t below(uint64_t n)
{
    return ali_random_next(&random_state) % n;
}

static size_t random_slices(void)
{
    switch (below(8)) {
    case 0:
        return 1 + below(300);
    case 1:
        return 1 + below(64);
    default:
        return 1 + below(8);
    }
}

static void step_take(struct model_span *m)
{
    struct ali_span_request request = {
        .slices = below(400) == 0 ? 1024 + below(512) : random_slices(),
        .align_slices = (size_t)1 << (below(4) ? 0 : below(8)),
        .want_zero = below(3) == 0,
    };

    if (below(10) == 0)
        request.commit_bytes = 1 + below(request.slices * ALI_SLICE_BYTES);
    assert_true(model_take(m, &request, ali_random_next(&random_state)));
}

static void step_grow(struct model_span *m)
{
    size_t slices = m->slices + random_slices();

    if (m->committed < m->slices || !ali_span_grow(m->span, slices))
        return;
    assert_int_equal(ali_span_slices(m->span), slices);
    assert_true(model_is_intact(m, m->slices));
    m->committed = slices;
    model_fill(m, m->slices);
    m->slices = slices;
}

static void step_shrink(struct model_span *m)
{
    size_t slices = 1 + below(m->slices);

    ali_span_shrink(m->span, slices);
    assert_int_equal(ali_span_slices(m->span), slices);
    m->slices = slices;
    m->committed = ali_min(m->committed, slices);
    assert_true(model_is_intact(m, slices));
}

static void step_move(struct model_span *m)
{
    size_t slices = m->slices + random_slices();
    struct ali_span *to = ali_span_move(m->span, slices);

    if (to == NULL)
        return;
    m->span = to;
    assert_true(model_is_intact(m, m->slices));
    assert_true(model_reads_zero(to->client, sizeof(to->client)));
    memset(to->client, 0xa5, sizeof(to->client));
    size_t filled = m->committed;

    m->committed = slices;
    model_fill(m, filled);
    m->slices = slices;
}

static void step_purge_pages(struct model_span *m)
{
    size_t slice = below(m->committed);
    size_t at = slice * ALI_SLICE_BYTES;

    if (!ali_span_purge_pages(m->span, at, ALI_SLICE_BYTES))
        return;
    assert_true(model_reads_zero((char *)ali_span_base(m->span) + at, ALI_SLICE_BYTES));
    model_fill(m, slice);
}

static void step(struct model_span *m)
{
    if (m->span == NULL) {
        step_take(m);
        return;
    }
    switch (below(12)) {
    case 0:
        step_grow(m);
        break;
    case 1:
        step_shrink(m);
        break;
    case 2:
        step_move(m);
        break;
    case 3:
        step_purge_pages(m);
        break;
    case 4:
        (void)ali_span_trim(below(64) * ALI_MIB / 4);
        break;
    case 5:
        ali_span_tick();
        break;
    default:
        model_give(m);
    }
}

static void spans_when_used_at_random_stay_intact(void **state)
{
    struct ali_span_stats stats;
    size_t live = 0;

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        step(&spans[below(SPANS)]);
        assert_true(ali_span_valid());
        if (i % 64 == 0)
            model_check_disjoint(spans, SPANS);
    }
    for (int i = 0; i < SPANS; i++) {
        if (spans[i].span)
            live += spans[i].slices * ALI_SLICE_BYTES;
    }
    ali_span_stats(&stats);
    assert_int_equal(stats.used_bytes, live);
    for (int i = 0; i < SPANS; i++) {
        if (spans[i].span)
            model_give(&spans[i]);
    }
    assert_true(ali_span_valid());
    ali_span_stats(&stats);
    assert_int_equal(stats.used_bytes, 0);
    (void)ali_span_trim(0);
    assert_int_equal(ali_span_dirty_bytes(), 0);
    assert_true(ali_span_valid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_when_used_at_random_stay_intact),
    };

    ali_options_init();
    assert_true(ali_region_init());
    random_state.state = model_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Mappings of others in the window: stepped over, never written, never replaced. */
#include "unit.h"

#include "span/model.h"

#define FOREIGN 24U
#define SPANS 400U

struct foreign {
    unsigned char *at;
    size_t bytes;
};

static struct foreign foreign[FOREIGN];
static struct model_span spans[SPANS];

static bool foreign_add(struct foreign *f, void *at, size_t bytes)
{
    if (ali_os_map_at(at, bytes, ALI_OS_READ_WRITE) != 0)
        return false;
    f->at = at;
    f->bytes = bytes;
    memset(at, 0x77, bytes);
    return true;
}

static void foreign_check(const struct foreign *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < f[i].bytes; k += 512)
            assert_int_equal(f[i].at[k], 0x77);
    }
}

static uintptr_t frontier(void)
{
    return ali_region.base + ali_region.limit_bytes;
}

static bool overlaps(const struct model_span *m, const struct foreign *f)
{
    uintptr_t base = (uintptr_t)ali_span_base(m->span), at = (uintptr_t)f->at;

    return base < at + f->bytes && at < base + m->slices * ALI_SLICE_BYTES;
}

static void fill_with_spans(struct ali_random *r)
{
    for (size_t i = 0; i < SPANS; i++) {
        struct ali_span_request request = {.slices = 1 + ali_random_next(r) % 40,
                                           .align_slices = 1};

        assert_true(model_take(&spans[i], &request, i));
        for (size_t k = 0; k < FOREIGN; k++)
            assert_true(foreign[k].at == NULL || !overlaps(&spans[i], &foreign[k]));
    }
    assert_true(ali_span_valid());
}

static void frontier_when_something_is_there_steps_over_it(void **state)
{
    struct ali_random r = {5};
    uintptr_t at = frontier() + 3 * ali_os_page_bytes;

    (void)state;
    /* pages and ranges, near one another and apart, on and off slice boundaries */
    for (size_t i = 0; i < FOREIGN; i++) {
        size_t bytes = (1 + ali_random_next(&r) % (i % 5 ? 3 : 3000)) * ali_os_page_bytes;

        assert_true(foreign_add(&foreign[i], (void *)at, bytes));
        at += bytes + ali_random_next(&r) % (i % 3 ? 40 : 400) * ali_os_page_bytes;
    }
    fill_with_spans(&r);
    model_check_disjoint(spans, SPANS);
    foreign_check(foreign, FOREIGN);
    for (size_t i = 0; i < SPANS; i++)
        model_give(&spans[i]);
    (void)ali_span_trim(0);
    foreign_check(foreign, FOREIGN);
    assert_true(ali_span_valid());
}

static void unmapped_span_when_something_came_there_is_cut(void **state)
{
    struct ali_span_request request = {.slices = 2000, .align_slices = 1};
    struct foreign f[3];
    struct model_span m;
    char *base;

    (void)state;
    assert_true(model_take(&m, &request, 3));
    base = ali_span_base(m.span);
    ali_options.purge_delay_ms = 0; /* so that it is unmapped, whatever was wanted again before */
    model_give(&m);
    ali_options.purge_delay_ms = 1000;
    assert_true(foreign_add(&f[0], base + 5 * ALI_SLICE_BYTES, ali_os_page_bytes));
    assert_true(foreign_add(&f[1], base + 900 * ALI_SLICE_BYTES, 70 * ALI_SLICE_BYTES));
    assert_true(foreign_add(&f[2], base + 1990 * ALI_SLICE_BYTES, ALI_SLICE_BYTES));
    for (int i = 0; i < 3; i++) {
        assert_true(model_take(&m, &request, 4));
        for (int k = 0; k < 3; k++)
            assert_false(overlaps(&m, &f[k]));
        assert_true(ali_span_valid());
        model_give(&m);
    }
    fill_with_spans(&(struct ali_random){7});
    for (size_t i = 0; i < SPANS; i++)
        model_give(&spans[i]);
    foreign_check(f, 3);
}

static void grow_when_something_is_behind_refuses(void **state)
{
    struct ali_span_request request = {.slices = 2000, .align_slices = 1};
    struct foreign f = {0};
    struct model_span m;

    (void)state;
    assert_true(model_take(&m, &request, 3));
    (void)foreign_add(&f, (void *)(frontier() + ALI_SLICE_BYTES), ali_os_page_bytes);
    for (size_t slices = 2001; slices < 2600; slices += 200) {
        size_t old = ali_span_slices(m.span);

        if (!ali_span_grow(m.span, slices))
            assert_int_equal(ali_span_slices(m.span), old);
        assert_true(model_is_intact(&m, 2000));
        assert_true(ali_span_valid());
    }
    foreign_check(&f, 1);
    model_give(&m);
}

/* In a child: it ends the window. */
static void metas_blocked(void *arg)
{
    struct ali_span_request request = {.slices = 400, .align_slices = 1};
    struct ali_span_stats stats;
    struct model_span m = {0};
    struct foreign f = {0};
    bool zero;
    int got = 0;

    (void)arg;
    ali_span_stats(&stats);
    unit_child_require(
        foreign_add(&f, (char *)ali_region.metas + stats.metadata_bytes + 4 * ALI_SLICE_BYTES,
                    ali_os_page_bytes));
    while (got < 10000 && (m.span = ali_span_alloc(&request, &zero)) != NULL)
        got++;
    unit_child_require(got < 10000);
    unit_child_require(allot_last_error().cause == ALLOT_CAUSE_ADDRESS_SPACE);
    unit_child_require(ali_span_valid());
    foreign_check(&f, 1);
    ali_span_free(ali_span_next_used(0));
    unit_child_require(ali_span_alloc(&request, &zero) != NULL);
    unit_child_require(ali_span_valid());
}

static void metas_when_something_is_there_end_the_window(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(metas_blocked, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frontier_when_something_is_there_steps_over_it),
        cmocka_unit_test(unmapped_span_when_something_came_there_is_cut),
        cmocka_unit_test(grow_when_something_is_behind_refuses),
        cmocka_unit_test(metas_when_something_is_there_end_the_window),
    };

    ali_options_init();
    if (!ali_region_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

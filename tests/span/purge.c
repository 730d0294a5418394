/* Memory that is given back: after the delay, above the cap, when asked. What counts is what the
 * kernel says is resident, not what the layer believes. */
#include "unit.h"

#include <time.h>

#include "span/model.h"

#define SPAN_SLICES 16U
#define SPANS 80U

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0)
        ;
}

static size_t resident_bytes(struct model_span *m, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += ali_os_resident_bytes(ali_span_base(m[i].span), m[i].slices * ALI_SLICE_BYTES);
    return bytes;
}

static void take_all(struct model_span *m, size_t count)
{
    struct ali_span_request request = {.slices = SPAN_SLICES, .align_slices = 1};

    for (size_t i = 0; i < count; i++) {
        assert_true(model_take(&m[i], &request, i));
        memset(ali_span_base(m[i].span), 0x11, SPAN_SLICES * ALI_SLICE_BYTES);
        model_fill(&m[i], 0);
    }
}

/* Every other one first, so that they lie apart. The spans stay named, to look at their pages. */
static void give_all(struct model_span *m, size_t count)
{
    for (size_t odd = 0; odd < 2; odd++) {
        for (size_t i = odd; i < count; i += 2) {
            struct model_span copy = m[i];

            model_give(&copy);
            assert_true(ali_span_valid());
        }
    }
}

static void free_when_above_the_cap_gives_memory_back(void **state)
{
    struct model_span m[SPANS];

    (void)state;
    (void)ali_span_trim(0);
    take_all(m, SPANS);
    assert_in_range(resident_bytes(m, SPANS), SPANS * ALI_MIB, SPANS * ALI_MIB);
    give_all(m, SPANS);
    assert_in_range(ali_span_dirty_bytes(), 1, ali_span_dirty_cap_bytes());
    assert_in_range(resident_bytes(m, SPANS), 1, ali_span_dirty_bytes());
    assert_int_equal(ali_span_dirty_cap_bytes(), ali_options.dirty_max_bytes);
}

static void tick_when_the_delay_is_over_gives_all_back(void **state)
{
    struct model_span m[8];

    (void)state;
    (void)ali_span_trim(0);
    ali_options.purge_delay_ms = 200;
    take_all(m, 8);
    give_all(m, 8);
    ali_span_tick();
    assert_int_equal(ali_span_dirty_bytes(), 8 * ALI_MIB);
    sleep_ms(400);
    ali_span_tick();
    assert_int_equal(ali_span_dirty_bytes(), 0);
    assert_int_equal(resident_bytes(m, 8), 0);
    assert_true(ali_span_valid());
    ali_options.purge_delay_ms = 1000;
}

static void free_when_the_delay_is_zero_gives_back_at_once(void **state)
{
    struct model_span m[4];

    (void)state;
    (void)ali_span_trim(0);
    ali_options.purge_delay_ms = 0;
    take_all(m, 4);
    give_all(m, 4);
    assert_int_equal(ali_span_dirty_bytes(), 0);
    assert_int_equal(resident_bytes(m, 4), 0);
    ali_options.purge_delay_ms = 1000;
}

static void trim_when_asked_keeps_as_much_as_it_may(void **state)
{
    struct model_span m[8];

    (void)state;
    (void)ali_span_trim(0);
    take_all(m, 8);
    give_all(m, 8);
    assert_in_range(ali_span_trim(3 * ALI_MIB), 5 * ALI_MIB, 8 * ALI_MIB);
    assert_in_range(ali_span_dirty_bytes(), 0, 3 * ALI_MIB);
    assert_in_range(resident_bytes(m, 8), 0, 3 * ALI_MIB);
    (void)ali_span_trim(0);
    assert_int_equal(resident_bytes(m, 8), 0);
    assert_int_equal(ali_span_trim(0), 0);
}

static void purge_when_the_youngest_are_in_use_spares_them(void **state)
{
    struct model_span m[3];
    struct ali_span_request request = {.slices = 1, .align_slices = 1};
    struct model_span apart[3];

    (void)state;
    (void)ali_span_trim(0);
    ali_options.purge_delay_ms = 300;
    for (int i = 0; i < 3; i++) {
        take_all(&m[i], 1);
        assert_true(model_take(&apart[i], &request, 9));
    }
    for (int i = 0; i < 3; i++) {
        give_all(&m[i], 1);
        if (i < 2)
            sleep_ms(i == 0 ? 200 : 250);
    }
    ali_span_tick();
    assert_int_equal(resident_bytes(&m[0], 1), 0);
    assert_int_equal(resident_bytes(&m[2], 1), ALI_MIB);
    for (int i = 0; i < 3; i++)
        model_give(&apart[i]);
    ali_options.purge_delay_ms = 1000;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_when_above_the_cap_gives_memory_back),
        cmocka_unit_test(tick_when_the_delay_is_over_gives_all_back),
        cmocka_unit_test(free_when_the_delay_is_zero_gives_back_at_once),
        cmocka_unit_test(trim_when_asked_keeps_as_much_as_it_may),
        cmocka_unit_test(purge_when_the_youngest_are_in_use_spares_them),
    };

    ali_options_init();
    if (!ali_region_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

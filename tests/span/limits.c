/* Limits of the process and of the kernel. Each case runs in a child, which sets the limit. */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "span/model.h"

#define SPANS 4096

static struct model_span spans[SPANS];

static struct ali_span *alloc(size_t slices)
{
    struct ali_span_request request = {.slices = slices, .align_slices = 1};
    bool zero;

    return ali_span_alloc(&request, &zero);
}

/* How many spans there are until one is refused. */
static size_t fill(size_t slices)
{
    size_t n = 0;

    while (n < SPANS && (spans[n].span = alloc(slices)) != NULL) {
        spans[n].slices = spans[n].committed = slices;
        spans[n].pattern = n;
        model_fill(&spans[n], 0);
        n++;
    }
    return n;
}

static void give(size_t n, size_t step)
{
    for (size_t i = 0; i < n; i += step) {
        if (spans[i].span == NULL)
            continue;
        unit_child_require(model_is_intact(&spans[i], spans[i].slices));
        ali_span_free(spans[i].span);
        spans[i].span = NULL;
    }
}

/* What memory of one size may be used for: the same size, smaller ones, one large one. */
static void use_what_there_is(size_t bytes_min, enum allot_cause cause)
{
    size_t n = fill(4), m;

    unit_child_require(n < SPANS && n * 4 * ALI_SLICE_BYTES >= bytes_min);
    unit_child_require(allot_last_error().layer == ALLOT_LAYER_SPAN);
    unit_child_require(allot_last_error().cause == cause);
    unit_child_require(ali_span_valid());
    give(n, 2);
    unit_child_require(ali_span_valid());
    for (m = 0; alloc(1) != NULL; m++)
        ;
    unit_child_require(m >= n / 2 * 4);
    for (struct ali_span *s = ali_span_next_used(0), *next; s; s = next) {
        next = ali_span_next_used(ali_span_index(s) + 1);
        if (ali_span_slices(s) == 1)
            ali_span_free(s);
    }
    give(n, 1);
    unit_child_require(ali_span_valid());
    /* pieces that lie apart are given back to make room for one that is whole */
    unit_child_require(alloc(n * 4 * 8 / 10) != NULL);
    unit_child_require(ali_span_valid());
}

static void limit_set(int which, rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};

    unit_child_require(setrlimit(which, &limit) == 0);
}

static void address_space_body(void *arg)
{
    struct ali_os_usage usage;

    (void)arg;
    ali_os_usage(&usage);
    limit_set(RLIMIT_AS, usage.virtual_bytes + 32 * ALI_MIB);
    unit_child_require(ali_region_init());
    use_what_there_is(26 * ALI_MIB, ALLOT_CAUSE_ADDRESS_SPACE);
    unit_child_require(alloc((size_t)1 << 24) == NULL);
    unit_child_require(ali_span_valid());
}

static void data_body(void *arg)
{
    (void)arg;
    limit_set(RLIMIT_DATA, 64 * ALI_MIB);
    unit_child_require(ali_region_init());
    use_what_there_is(56 * ALI_MIB, ALLOT_CAUSE_DATA_LIMIT);
}

static void own_limit_body(void *arg)
{
    struct ali_span_stats stats;
    struct ali_span *s;

    (void)arg;
    ali_options.limit_bytes = 20 * ALI_MIB;
    unit_child_require(ali_region_init());
    unit_child_require(fill(4) == 80);
    unit_child_require(allot_last_error().cause == ALLOT_CAUSE_LIMIT);
    unit_child_require(allot_last_error().os_error == 0);
    unit_child_require(!ali_span_grow(spans[79].span, 5));
    unit_child_require(ali_span_move(spans[79].span, 5) == NULL);
    ali_span_stats(&stats);
    unit_child_require(stats.used_bytes == 20 * ALI_MIB);
    give(80, 1);
    s = alloc(320);
    unit_child_require(s != NULL && alloc(1) == NULL);
    ali_span_shrink(s, 319);
    unit_child_require(alloc(1) != NULL && alloc(1) == NULL);
    unit_child_require(ali_span_valid());
}

/* Two maps for each: alternating protection keeps them from merging. */
static size_t table_fill(void **maps, size_t max)
{
    size_t n = 0;

    for (; n < max; n++) {
        maps[n] =
            mmap(NULL, 4096, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (maps[n] == MAP_FAILED)
            break;
    }
    return n;
}

static void full_table_body(void *arg)
{
    static void *maps[70000];
    struct ali_span *s, *t;
    size_t n, live = 0;

    (void)arg;
    unit_child_require(ali_region_init());
    s = alloc(100);
    t = alloc(2000);
    unit_child_require(s != NULL && t != NULL);
    n = table_fill(maps, ALI_ARRAY_COUNT(maps));
    if (n == ALI_ARRAY_COUNT(maps))
        _exit(77); /* this machine allows more maps than that */
    ali_span_free(s);
    for (int i = 0; i < 100; i++)
        unit_child_require(alloc(1) != NULL);
    ali_span_shrink(t, 1000); /* above the cap: purged, which needs no map */
    unit_child_require(ali_span_valid());
    for (; alloc(64) != NULL; live++)
        ;
    unit_child_require(live >= 1000 / 64);
    unit_child_require(allot_last_error().cause == ALLOT_CAUSE_MAP_COUNT);
    unit_child_require(ali_span_valid());
    for (size_t i = 0; i < n; i++)
        (void)munmap(maps[i], 4096);
    unit_child_require(alloc(3000) != NULL);
    unit_child_require(ali_span_valid());
}

static void locked_body(void *arg)
{
    struct ali_os_usage before, after;
    size_t n;

    (void)arg;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        _exit(77);
    ali_os_usage(&before);
    unit_child_require(ali_region_init());
    unit_child_require(alloc(1) != NULL);
    ali_os_usage(&after);
    unit_child_require(after.resident_bytes <= before.resident_bytes + 2 * ALI_MIB);
    spans[0].span = alloc(640);
    unit_child_require(spans[0].span != NULL);
    ali_os_usage(&before);
    n = 1;
    spans[0].slices = spans[0].committed = 640;
    model_fill(&spans[0], 0);
    give(n, 1);
    (void)ali_span_trim(0);
    ali_os_usage(&after);
    unit_child_require(after.resident_bytes + 36 * ALI_MIB <= before.resident_bytes);
    unit_child_require(ali_span_valid());
}

static void overcommit_body(void *arg)
{
    (void)arg;
    unit_child_require(ali_region_init());
    /* more than any machine that runs this has */
    if (alloc((size_t)12 << 24) != NULL)
        _exit(77);
    unit_child_require(allot_last_error().cause == ALLOT_CAUSE_OVERCOMMIT);
    unit_child_require(ali_span_valid());
    unit_child_require(ali_region.limit_bytes < ALI_GIB);
    unit_child_require(alloc((size_t)1 << 30) == NULL);
    unit_child_require(alloc(SIZE_MAX >> ALI_SLICE_SHIFT) == NULL);
    unit_child_require(allot_last_error().cause == ALLOT_CAUSE_ADDRESS_SPACE);
    unit_child_require(alloc(10) != NULL);
}

/* AddressSanitizer's own memory counts too, and is more than these limits. */
static bool is_instrumented(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    return false;
#endif
}

static void run(void (*body)(void *))
{
    int status = unit_in_child(body, NULL);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(unit_succeeded(status));
}

static void address_space_of_32_mib_when_reached_is_used_well(void **state)
{
    (void)state;
    run(address_space_body);
}

static void data_limit_of_64_mib_when_reached_is_used_well(void **state)
{
    (void)state;
    if (is_instrumented())
        skip();
    run(data_body);
}

static void own_limit_when_reached_refuses_and_changes_nothing(void **state)
{
    (void)state;
    run(own_limit_body);
}

static void full_map_table_when_met_leaves_what_is_mapped_usable(void **state)
{
    (void)state;
    run(full_table_body);
}

static void locked_memory_when_freed_is_given_back(void **state)
{
    (void)state;
    if (is_instrumented())
        skip();
    run(locked_body);
}

static void request_when_beyond_all_memory_leaves_no_trace(void **state)
{
    (void)state;
    run(overcommit_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_space_of_32_mib_when_reached_is_used_well),
        cmocka_unit_test(data_limit_of_64_mib_when_reached_is_used_well),
        cmocka_unit_test(own_limit_when_reached_refuses_and_changes_nothing),
        cmocka_unit_test(full_map_table_when_met_leaves_what_is_mapped_usable),
        cmocka_unit_test(locked_memory_when_freed_is_given_back),
        cmocka_unit_test(request_when_beyond_all_memory_leaves_no_trace),
    };

    ali_os_init();
    ali_options_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

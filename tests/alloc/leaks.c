/* Every decorator through the out-of-memory harness, each of its allocations failing in turn, with
 * LeakSanitizer asked after each run. What the decorators stand on is libc's memory, which is the
 * sanitizer's here: an object that is lost by anybody, the harness included, is found.
 *
 * LeakSanitizer stops all threads by ptrace; where that is refused, the test is skipped. */
#include "unit.h"

#include <errno.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>

#include "allot/allot.h"
#include "base/base.h"

enum { CANNOT_LOOK = 77 };

static int leaked(void)
{
    return __lsan_do_recoverable_leak_check();
}

/* --- what is done with each --------------------------------------------------------------- */

static void change_size(allot_allocator *a, size_t from, size_t to)
{
    void *p = allot_new(a, from);

    if (p == NULL)
        return;
    if (allot_resize(a, &p, from, to) == 0)
        from = to;
    allot_delete(a, p, from);
}

/* Each kind of call; all is freed, whatever fails. */
static ALI_NOINLINE void work(allot_allocator *a)
{
    void *p = allot_new(a, 40);
    void *q = allot_new_how(a, 100, ALLOT_ALIGN(64) | ALLOT_ZERO);
    void *r = allot_new_array(a, 30, 30);

    allot_delete_how(a, q, 100, ALLOT_ALIGN(64));
    change_size(a, 20, 3000);
    change_size(a, 3000, 20);
    change_size(a, 100, 101);
    (void)allot_allocator_trim(a);
    allot_delete(a, r, 900);
    allot_delete(a, p, 40);
}

/* --- the decorators ----------------------------------------------------------------------- */

static void limiter(allot_allocator *a)
{
    const struct allot_limiter_options options = {.soft_bytes = 50, .hard_bytes = 2000};
    struct allot_limiter d;

    allot_limiter_init(&d, a, &options);
    work(&d.base);
    allot_limiter_release(&d);
}

static void fallback(allot_allocator *a)
{
    const struct allot_limiter_options options = {.hard_bytes = 50};
    struct allot_limiter little;
    allot_allocator *list[] = {&little.base, a};
    struct allot_fallback d;

    allot_limiter_init(&little, a, &options);
    if (allot_fallback_init(&d, list, 2) != 0)
        return;
    work(&d.base);
    allot_fallback_release(&d);
    allot_limiter_release(&little);
}

/* Two that cannot tell what they own. */
static void fallback_tagged(allot_allocator *a)
{
    allot_allocator *list[] = {a, allot_libc_allocator(), allot_libc_allocator()};
    struct allot_fallback d;

    if (allot_fallback_init(&d, list, 3) != 0)
        return;
    unit_child_require(d.tagged);
    work(&d.base);
    allot_fallback_release(&d);
}

static void segregator(allot_allocator *a)
{
    const struct allot_segregator_step steps[] = {
        {50, a}, {500, allot_libc_allocator()}, {SIZE_MAX, a}};
    struct allot_segregator d;

    if (allot_segregator_init(&d, steps, 3) != 0)
        return;
    work(&d.base);
    allot_segregator_release(&d);
}

static bool try_thrice(allot_allocator *retrier, size_t size, unsigned attempt, void *arg)
{
    (void)retrier;
    (void)size;
    (void)arg;
    return attempt < 3;
}

static void retrier(allot_allocator *a)
{
    struct allot_retrier d;

    allot_retrier_init(&d, a, try_thrice, NULL);
    work(&d.base);
    allot_retrier_release(&d);
}

static void reserve(allot_allocator *a)
{
    struct allot_reserve d;

    (void)!allot_reserve_init(&d, a, 500, NULL, NULL);
    work(&d.base);
    (void)!allot_reserve_refill(&d);
    work(&d.base);
    allot_reserve_release(&d);
}

static void locked(allot_allocator *a)
{
    struct allot_locked d;

    allot_locked_init(&d, a);
    work(&d.base);
    allot_locked_release(&d);
}

/* More objects than the first table has room for; what is left is freed by a reset. */
static void tracker(allot_allocator *a)
{
    const struct allot_tracker_options options = {.table = a, .frames = 8};
    struct allot_tracker d;

    allot_tracker_init(&d, a, &options);
    work(&d.base);
    for (int i = 0; i < 70; i++)
        (void)!allot_new(&d.base, 10);
    (void)!allot_allocator_reset(&d.base);
    (void)allot_tracker_release(&d);
}

static void counter(allot_allocator *a)
{
    struct allot_counter d;

    allot_counter_init(&d, a);
    work(&d.base);
    allot_counter_release(&d);
}

static void log_nothing(const struct allot_log_event *event, void *arg)
{
    (void)event;
    (void)arg;
}

static void logger(allot_allocator *a)
{
    struct allot_logger d;

    allot_logger_init(&d, a, log_nothing, NULL);
    work(&d.base);
    allot_logger_release(&d);
}

static void canary(allot_allocator *a)
{
    struct allot_canary d;

    allot_canary_init(&d, a);
    work(&d.base);
    (void)allot_canary_release(&d);
}

static void one_thread(allot_allocator *a)
{
    struct allot_one_thread d;

    allot_one_thread_init(&d, a);
    work(&d.base);
    allot_one_thread_release(&d);
}

static void injector(allot_allocator *a)
{
    const struct allot_injector_plan plan = {.every = 3};
    struct allot_injector d;

    allot_injector_init(&d, a, &plan);
    work(&d.base);
    allot_injector_release(&d);
}

/* Loses an object when there is no other. */
static ALI_NOINLINE void planted(allot_allocator *a)
{
    void *p = allot_new(a, 40);
    void *q = allot_new(a, 50);

    if (q != NULL || p == NULL)
        allot_delete(a, p, 40);
    allot_delete(a, q, 50);
}

/* --- tests -------------------------------------------------------------------------------- */

typedef void (*through_fn)(allot_allocator *a);

static const struct {
    const char *name;
    through_fn through;
} decorators[] = {
    {"limiter", limiter},       {"fallback", fallback}, {"fallback, tagged", fallback_tagged},
    {"segregator", segregator}, {"retrier", retrier},   {"reserve", reserve},
    {"locked", locked},         {"tracker", tracker},   {"counter", counter},
    {"logger", logger},         {"canary", canary},     {"one thread", one_thread},
    {"injector", injector},
};

/* The harness still has its account of what `through` has allocated, in memory that LeakSanitizer
 * does not search: what is live here is lost. */
static int run_and_look(allot_allocator *a, void *arg)
{
    (*(const through_fn *)arg)(a);
    return leaked();
}

static int wrong_results;

static void count_wrong(const struct allot_oom_finding *finding, void *arg)
{
    char text[4096];

    (void)arg;
    wrong_results += finding->kind == ALLOT_OOM_WRONG;
    (void)allot_oom_text(finding, text, sizeof text);
    print_message("%s", text);
}

static allot_status run(through_fn through, enum allot_oom_mode mode,
                        struct allot_oom_report *report)
{
    const struct allot_oom_options options = {
        .mode = mode, .inner = allot_libc_allocator(), .on_finding = count_wrong};

    wrong_results = 0;
    return allot_oom_run(run_and_look, &through, &options, report);
}

static void *volatile place;

static void lose_one(void *arg)
{
    (void)arg;
    place = malloc(77);
    place = NULL;
    _exit(leaked() != 0 ? 1 : 0);
}

static bool can_look(void)
{
    int status = unit_in_child(lose_one, NULL);

    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) {
        assert_int_equal(WEXITSTATUS(status), 1);
        return true;
    }
    print_message("LeakSanitizer cannot look here\n");
    return false;
}

static void leak_when_planted_is_found_by_the_sanitizer(void **state)
{
    struct allot_oom_report report;

    (void)state;
    assert_int_equal(run(planted, ALLOT_OOM_ONCE, &report), -EBADMSG);
    assert_int_equal(report.runs, 3);
    assert_int_equal(report.wrong, 1);
    assert_int_equal(wrong_results, 1);
}

static void decorators_when_any_allocation_fails_leak_nothing(void **state)
{
    static const enum allot_oom_mode modes[] = {ALLOT_OOM_ONCE, ALLOT_OOM_FROM};
    struct allot_oom_report report;

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(decorators); i++)
        for (size_t m = 0; m < ALI_ARRAY_COUNT(modes); m++) {
            assert_int_equal(run(decorators[i].through, modes[m], &report), 0);
            assert_true(report.failures > 2);
            assert_int_equal(leaked(), 0); /* by the harness */
            print_message("%s: %d runs\n", decorators[i].name, (int)report.runs);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leak_when_planted_is_found_by_the_sanitizer),
        cmocka_unit_test(decorators_when_any_allocation_fails_leak_nothing),
    };

    if (!can_look())
        return CANNOT_LOOK;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What each decorator that watches does beyond what every allocator does, and its error paths:
 * counter, logger, canary, one thread, injector. The tracker is in tracker.c. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc/trial.h"

/* --- counter ------------------------------------------------------------------------------ */

static void scopes_when_nested_count_their_own(void **state)
{
    struct allot_counter_scope outer, nested;
    struct allot_counts counts;
    struct allot_counter c;
    void *p, *q, *r;

    (void)state;
    allot_counter_init(&c, BASE);
    p = allot_new(&c.base, 1000);
    allot_counter_begin(&c, &outer);
    q = allot_new(&c.base, 300);
    allot_delete(&c.base, q, 300);
    q = allot_new(&c.base, 64);
    allot_counter_begin(&c, &nested);
    r = allot_new(&c.base, 65);
    assert_int_equal(allot_resize(&c.base, &r, 65, 100), 0);
    assert_int_equal(allot_resize(&c.base, &r, 100, 50), 0);
    strict_fail(&inner, 1, false);
    assert_null(allot_new(&c.base, 10));
    assert_int_equal(figures(&c.base).peak_live_bytes, ALLOT_STAT_UNKNOWN);
    assert_int_equal(allot_counter_end(&c, &outer, &counts), -EINVAL);
    assert_told(ALLOT_MISUSE_OUT_OF_ORDER, "allot_counter_end", &outer);
    assert_int_equal(counts.allocations, 0);
    assert_int_equal(allot_counter_end(&c, &nested, &counts), 0);
    assert_int_equal(counts.allocations, 1);
    assert_int_equal(counts.live_objects, 1);
    assert_int_equal(counts.live_bytes, 50);
    assert_int_equal(counts.peak_bytes, 100);
    assert_int_equal(counts.resizes, 2);
    assert_int_equal(counts.failures, 1);
    assert_int_equal(counts.frees, 0);
    assert_int_equal(counts.allocated_bytes, 100);
    assert_int_equal(counts.bins[6], 1);
    assert_int_equal(counts.bins[8], 0);
    allot_delete(&c.base, p, 1000);
    assert_int_equal(allot_counter_end(&c, &outer, &counts), 0);
    assert_int_equal(counts.allocations, 3);
    assert_int_equal(counts.frees, 2);
    assert_int_equal(counts.peak_bytes, 300);
    assert_true((ptrdiff_t)counts.live_bytes == 64 + 50 - 1000);
    assert_int_equal(counts.bins[6], 2);
    assert_int_equal(counts.bins[8], 1);
    allot_counter_get(&c, &counts);
    assert_int_equal(counts.peak_bytes, 1300);
    assert_int_equal(counts.live_bytes, 114);
    assert_int_equal(counts.bins[9], 1);
    assert_int_equal(figures(&c.base).peak_live_bytes, 1300);
    assert_int_equal(allot_counter_end(&c, NULL, &counts), -EINVAL);
    recorded_count = 0;
    strict_fail(&inner, 1, true);
    assert_int_equal(allot_resize(&c.base, &r, 50, 5000), -ENOMEM);
    assert_int_equal(allot_allocator_reset(&c.base), 0);
    allot_counter_get(&c, &counts);
    assert_int_equal(counts.frees, 4);
    assert_int_equal(counts.live_bytes, 0);
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&c.base), -ENOTSUP);
    allot_counter_release(&c);
}

/* --- logger ------------------------------------------------------------------------------- */

static struct allot_log_event events[16];
static size_t event_count;

static void log_event(const struct allot_log_event *event, void *arg)
{
    assert_ptr_equal(arg, events);
    assert_true(event_count < ALI_ARRAY_COUNT(events));
    events[event_count++] = *event;
    assert_int_equal(event->serial, event_count);
}

static void assert_event(size_t i, enum allot_log_kind kind, bool done, size_t old_size,
                         size_t size)
{
    assert_int_equal(events[i].kind, kind);
    assert_int_equal(events[i].done, done);
    assert_int_equal(events[i].old_size, old_size);
    assert_int_equal(events[i].size, size);
    assert_true((events[i].caller != NULL) == (kind != ALLOT_LOG_TRIM));
}

static void logger_when_used_tells_every_call(void **state)
{
    struct allot_logger l;
    void *p, *was;

    (void)state;
    event_count = 0;
    allot_logger_init(&l, BASE, log_event, events);
    p = allot_new(&l.base, 50);
    assert_event(0, ALLOT_LOG_ALLOC, true, 0, 50);
    assert_ptr_equal(events[0].result, p);
    assert_int_equal(events[0].how, ALLOT_ALIGN_DEFAULT);
    assert_true(allot_try_resize(&l.base, p, 50, 60));
    assert_event(1, ALLOT_LOG_RESIZE, true, 50, 60);
    assert_ptr_equal(events[1].object, p);
    assert_ptr_equal(events[1].result, p);
    strict_fail(&inner, 1, true);
    was = p;
    assert_int_equal(allot_resize(&l.base, &p, 60, 600), -ENOMEM);
    assert_event(2, ALLOT_LOG_RESIZE, false, 60, 600);
    assert_event(3, ALLOT_LOG_REMAP, false, 60, 600);
    assert_null(events[3].result);
    assert_event(4, ALLOT_LOG_ALLOC, false, 0, 600);
    strict_fail(&inner, 0, false);
    inner.allocations = 0; /* so that it remaps */
    assert_int_equal(allot_resize(&l.base, &p, 60, 600), 0);
    assert_event(6, ALLOT_LOG_REMAP, true, 60, 600);
    assert_ptr_equal(events[6].object, was);
    assert_ptr_equal(events[6].result, p);
    allot_delete(&l.base, p, 600);
    assert_event(7, ALLOT_LOG_FREE, true, 600, 0);
    assert_ptr_equal(events[7].object, p);
    (void)allot_allocator_trim(&l.base);
    assert_event(8, ALLOT_LOG_TRIM, true, 0, 0);
    assert_int_equal(allot_allocator_reset(&l.base), 0);
    assert_event(9, ALLOT_LOG_RESET, true, 0, 0);
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&l.base), -ENOTSUP);
    assert_event(10, ALLOT_LOG_RESET, false, 0, 0);
    assert_int_equal(event_count, 11);
    allot_logger_release(&l);
    inner.ops.remap = NULL;
    allot_logger_init(&l, BASE, log_event, events);
    assert_null(l.base.ops->remap);
    allot_logger_release(&l);
}

/* Of a file, which is then removed. */
static off_t bytes_of(const char *path)
{
    struct stat file;

    assert_int_equal(stat(path, &file), 0);
    (void)unlink(path);
    return file.st_size;
}

/* What the events say is looked at by the test of allot replay. */
static void log_when_traced_has_what_was_done(void **state)
{
    static const struct allot_log_event none[] = {{.kind = ALLOT_LOG_ALLOC, .size = 9},
                                                  {.kind = ALLOT_LOG_RESET, .done = true},
                                                  {.kind = ALLOT_LOG_TRIM, .done = true}};
    const enum allot_log_kind kinds[] = {ALLOT_LOG_ALLOC, ALLOT_LOG_RESIZE, ALLOT_LOG_REMAP,
                                         ALLOT_LOG_FREE};
    char path[] = "/tmp/allot-log-XXXXXX";
    allot_trace *trace;
    off_t before, bytes;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    (void)unlink(path);
    assert_int_equal(allot_trace_create(&trace, path), 0);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(none); i++)
        allot_log_to_trace(&none[i], trace);
    allot_trace_close(trace);
    before = bytes_of(path);
    assert_int_equal(allot_trace_create(&trace, path), 0);
    allot_trace_close(trace);
    assert_int_equal(bytes_of(path), before);
    for (size_t upto = 1; upto <= ALI_ARRAY_COUNT(kinds); upto++) {
        assert_int_equal(allot_trace_create(&trace, path), 0);
        for (size_t i = 0; i < upto; i++) {
            const struct allot_log_event e = {.kind = kinds[i],
                                              .done = true,
                                              .object = i == 0 ? NULL : path,
                                              .result = i == 3 ? NULL : path,
                                              .old_size = 16,
                                              .size = 16,
                                              .how = ALLOT_ALIGN_DEFAULT};

            allot_log_to_trace(&e, trace);
        }
        allot_trace_close(trace);
        assert_true((bytes = bytes_of(path)) > before);
        before = bytes;
    }
}

/* --- canary ------------------------------------------------------------------------------- */

static void assert_damaged(struct allot_canary *c, unsigned char *p, ptrdiff_t at)
{
    unsigned char was = p[at];
    void *q = p;

    p[at] ^= 0x10;
    allot_delete(&c->base, p, 100);
    assert_told(ALLOT_MISUSE_HEAP_OVERFLOW, "allot_delete", p);
    assert_int_equal(allot_resize(&c->base, &q, 100, 101), -EINVAL);
    assert_told(ALLOT_MISUSE_HEAP_OVERFLOW, "allot_resize", p);
    assert_false(allot_try_resize(&c->base, p, 100, 90));
    assert_int_equal(allot_allocator_usable(&c->base, p, 100, 4), 0);
    assert_int_equal(allot_canary_check(c), 1);
    assert_told(ALLOT_MISUSE_HEAP_OVERFLOW, "allot_canary_check", p);
    p[at] = was;
    assert_int_equal(allot_canary_check(c), 0);
}

static bool count_visits(void *object, size_t bytes, void *arg)
{
    (void)object;
    (void)bytes;
    ++*(int *)arg;
    return true;
}

static void canary_when_overwritten_is_told(void **state)
{
    struct allot_canary c;
    unsigned char *volatile p; /* as the compiler need not know how long it is */
    void *q;
    int visits = 0;

    (void)state;
    allot_canary_init(&c, BASE);
    q = allot_new(&c.base, 10);
    p = allot_new(&c.base, 100);
    for (int i = 0; i < 16; i++) {
        assert_damaged(&c, p, 100 + i);
        assert_damaged(&c, p, -1 - i);
    }
    p[-1] ^= 1;
    assert_false(allot_allocator_visit(&c.base, count_visits, &visits));
    assert_int_equal(visits, 0);
    p[-1] ^= 1;
    assert_true(allot_allocator_visit(&c.base, count_visits, &visits));
    assert_int_equal(visits, 2);
    allot_delete(&c.base, p, 99);
    assert_told(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete", p);
    assert_null(allot_new(&c.base, PTRDIFF_MAX - 50));
    assert_error(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE);
    assert_int_equal(allot_resize(&c.base, &q, 10, PTRDIFF_MAX - 50), -ENOMEM);
    strict_fail(&inner, 1, true);
    assert_int_equal(allot_resize(&c.base, &q, 10, 5000), -ENOMEM);
    assert_null(allot_new(&c.base, 1));
    strict_fail(&inner, 0, false);
    assert_int_equal(figures(&c.base).failures, 4);
    assert_int_equal(figures(&c.base).live_bytes, 110);
    p[100] ^= 1;
    assert_int_equal(allot_canary_release(&c), 1);
    assert_told(ALLOT_MISUSE_HEAP_OVERFLOW, "allot_canary_check", p);
    assert_int_equal(allot_allocator_reset(BASE), 0);
}

static void canary_when_reset_or_freed_twice_knows(void **state)
{
    struct allot_canary c;
    void *volatile p; /* as the compiler need not know what it is */

    (void)state;
    allot_canary_init(&c, BASE);
    assert_non_null(allot_new(&c.base, 10));
    assert_int_equal(allot_allocator_reset(&c.base), 0);
    assert_int_equal(figures(&c.base).live_objects, 0);
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&c.base), -ENOTSUP);
    (void)allot_canary_release(&c);
    allot_canary_init(&c, allot_heap_allocator(NULL));
    p = allot_new(&c.base, 10);
    allot_delete(&c.base, p, SIZE_MAX - 60);
    assert_int_equal(recorded_count, 1);
    recorded_count = 0;
    allot_delete(&c.base, p, PTRDIFF_MAX);
    assert_told(ALLOT_MISUSE_INVALID_FREE, "allot_delete", p);
    allot_delete(&c.base, p, 10);
    allot_delete(&c.base, p, 10);
    assert_told(ALLOT_MISUSE_INVALID_FREE, "allot_delete", p);
    (void)allot_canary_release(&c);
}

/* Memory that stays readable when it is freed, of an allocator that checks nothing. */
static void keep(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    (void)a;
    (void)p;
    (void)size;
    (void)how;
    (void)caller;
}

static void canary_when_freed_twice_over_what_checks_nothing_knows(void **state)
{
    struct allot_canary c;
    void *volatile p; /* as the compiler need not know that it was freed */
    void (*real_free)(allot_allocator *, void *, size_t, allot_how, const void *) = inner.ops.free;

    (void)state;
    allot_canary_init(&c, BASE);
    p = allot_new(&c.base, 50);
    inner.ops.free = keep;
    allot_delete(&c.base, p, 50);
    assert_nothing_recorded();
    allot_delete(&c.base, p, 50);
    assert_told(ALLOT_MISUSE_DOUBLE_FREE, "allot_delete", p);
    assert_int_equal(recorded.place, ALLOT_PLACE_FREED_BLOCK);
    inner.ops.free = real_free;
    assert_int_equal(allot_canary_release(&c), 0);
    assert_int_equal(allot_allocator_reset(BASE), 0);
}

static void canary_when_the_inner_one_cannot_tell_looks_itself(void **state)
{
    struct allot_canary c;
    void *p;

    (void)state;
    inner.ops.usable = NULL; /* what it is told is what it says */
    allot_canary_init(&c, BASE);
    p = allot_new(&c.base, 10);
    assert_int_equal(allot_allocator_usable(&c.base, p, ALLOT_SIZE_UNKNOWN, 4), 10);
    inner.ops.caps &= ~(uint32_t)ALLOT_CAP_CHECKED;
    assert_int_equal(allot_allocator_usable(&c.base, p, ALLOT_SIZE_UNKNOWN, 4), 10);
    allot_delete(&c.base, p, ALLOT_SIZE_UNKNOWN);
    assert_int_equal(inner.live_objects, 0);
    assert_int_equal(allot_canary_release(&c), 0);
}

/* --- one thread --------------------------------------------------------------------------- */

static void *misuse_all(void *arg)
{
    struct allot_one_thread *one = arg;
    void *p;
    struct allot_allocator_stats s;

    if (allot_new(&one->base, 10) != NULL || recorded.kind != ALLOT_MISUSE_WRONG_THREAD)
        return unit_wrong("allot_new");
    p = inner.base.ops->alloc(BASE, 20, 4, arg);
    allot_delete(&one->base, p, 20);
    if (allot_resize(&one->base, &p, 20, 2000) != -EINVAL)
        return unit_wrong("allot_resize");
    if (allot_try_resize(&one->base, p, 20, 21))
        return unit_wrong("allot_try_resize");
    if (allot_allocator_owns(&one->base, p) != -1 || allot_allocator_trim(&one->base) != 0 ||
        allot_allocator_reset(&one->base) != -EPERM || allot_allocator_usable(&one->base, p, 20, 4))
        return unit_wrong("questions");
    allot_allocator_stats_get(&one->base, &s);
    if (s.live_objects != ALLOT_STAT_UNKNOWN ||
        allot_allocator_visit(&one->base, stop_at_once, NULL))
        return unit_wrong("figures");
    inner.base.ops->free(BASE, p, 20, 4, arg);
    return NULL;
}

static void *use_after_adopting(void *arg)
{
    struct allot_one_thread *one = arg;
    void *p;

    allot_one_thread_adopt(one);
    p = allot_new(&one->base, 10);
    allot_delete(&one->base, p, 10);
    return p == NULL ? unit_wrong("allot_new") : NULL;
}

static void in_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    void *wrong;

    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    if (wrong != NULL)
        fail_msg("%s", (const char *)wrong);
}

static void one_thread_when_another_calls_is_told(void **state)
{
    struct allot_one_thread one;
    void *p;

    (void)state;
    allot_one_thread_init(&one, BASE);
    assert_false((allot_allocator_caps(&one.base) & ALLOT_CAP_THREADS) != 0);
    p = allot_new(&one.base, 10);
    in_thread(misuse_all, &one);
    assert_int_equal(recorded_count, 8);
    recorded_count = 0;
    strict_fail(&inner, 1, true);
    assert_int_equal(allot_resize(&one.base, &p, 10, 1000), -ENOMEM);
    strict_fail(&inner, 0, false);
    allot_delete(&one.base, p, 10);
    in_thread(use_after_adopting, &one);
    assert_nothing_recorded();
    assert_null(allot_new(&one.base, 10));
    assert_told(ALLOT_MISUSE_WRONG_THREAD, "allot_new", &one);
    allot_one_thread_adopt(&one);
    p = allot_new(&one.base, 10);
    allot_delete(&one.base, p, 10);
    allot_one_thread_release(&one);
}

/* --- injector ----------------------------------------------------------------------------- */

static uint64_t injected_at;

static void on_inject(uint64_t nth, size_t size, const void *caller, void *arg)
{
    assert_ptr_equal(arg, &injected_at);
    assert_int_equal(size, 10);
    assert_non_null(caller);
    injected_at = nth;
}

/* Bit i: allocation i + 1 failed. */
static uint32_t pattern(struct allot_injector *i, const struct allot_injector_plan *plan,
                        size_t size)
{
    uint32_t failed = 0;

    allot_injector_set(i, plan);
    for (unsigned n = 0; n < 32; n++) {
        void *p = allot_new(&i->base, size);

        if (p == NULL) {
            assert_error(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_INJECTED);
            failed |= 1U << n;
        }
        allot_delete(&i->base, p, size);
    }
    assert_int_equal(allot_injector_calls(i), 32);
    assert_int_equal(allot_injector_failures(i), (uint64_t)__builtin_popcount(failed));
    return failed;
}

static void injector_when_planned_fails_as_told(void **state)
{
    struct allot_injector i;
    uint32_t random;
    void *p;

    (void)state;
    allot_injector_init(&i, BASE, &(struct allot_injector_plan){.nth = 1});
    assert_null(allot_new(&i.base, 10));
    assert_int_equal(pattern(&i, NULL, 10), 0);
    assert_int_equal(pattern(&i,
                             &(struct allot_injector_plan){
                                 .nth = 3, .on_inject = on_inject, .arg = &injected_at},
                             10),
                     4);
    assert_int_equal(injected_at, 3);
    assert_int_equal(pattern(&i, &(struct allot_injector_plan){.from = 30}, 10), 0xe0000000U);
    assert_int_equal(pattern(&i, &(struct allot_injector_plan){.every = 8}, 10), 0x80808080U);
    assert_int_equal(pattern(&i, &(struct allot_injector_plan){.above_bytes = 10}, 10), 0);
    assert_int_equal(pattern(&i, &(struct allot_injector_plan){.above_bytes = 10}, 11), UINT32_MAX);
    random = pattern(&i, &(struct allot_injector_plan){.chance_million = 500000, .seed = 1}, 10);
    assert_true(random != 0 && random != UINT32_MAX);
    assert_int_equal(
        pattern(&i, &(struct allot_injector_plan){.chance_million = 500000, .seed = 1}, 10),
        random);
    assert_int_not_equal(
        pattern(&i, &(struct allot_injector_plan){.chance_million = 500000, .seed = 2}, 10),
        random);
    assert_int_equal(pattern(&i, &(struct allot_injector_plan){.chance_million = 1000000}, 10),
                     UINT32_MAX);
    /* every growth is one allocation; to shrink is none */
    allot_injector_set(&i, NULL);
    p = allot_new(&i.base, 10);
    assert_int_equal(allot_resize(&i.base, &p, 10, 11), 0);
    assert_int_equal(allot_injector_calls(&i), 2);
    assert_int_equal(allot_resize(&i.base, &p, 11, 5), 0);
    assert_int_equal(allot_injector_calls(&i), 2);
    allot_injector_set(&i, &(struct allot_injector_plan){.nth = 1});
    assert_int_equal(allot_resize(&i.base, &p, 5, 6), -ENOMEM);
    allot_delete(&i.base, p, 5);
    allot_injector_release(&i);
}

/* --- over what checks --------------------------------------------------------------------- */

static void figures_when_a_free_is_wrong_stay_true(void **state)
{
    struct allot_limiter l;
    struct allot_counter c;
    int local;
    void *p;

    (void)state;
    allot_counter_init(&c, NULL);
    allot_limiter_init(&l, &c.base, NULL);
    p = allot_new(&l.base, 100);
    allot_delete(&l.base, p, 5000);
    assert_told(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete", p);
    allot_delete(&l.base, &local, 100);
    assert_told(ALLOT_MISUSE_INVALID_FREE, "allot_delete", &local);
    assert_int_equal(figures(&l.base).live_bytes, 100);
    assert_int_equal(figures(&c.base).live_objects, 1);
    allot_delete(&l.base, p, 100);
    assert_int_equal(figures(&l.base).live_bytes, 0);
    assert_int_equal(figures(&c.base).live_objects, 0);
    allot_delete(&l.base, p, 100);
    assert_told(ALLOT_MISUSE_DOUBLE_FREE, "allot_delete", p);
    assert_int_equal(figures(&c.base).live_objects, 0);
}

/* An inner allocator that checks, and remaps not: the front reports. */
static void resize_when_nobody_remaps_is_told_once(void **state)
{
    struct allot_injector i;
    struct allot_retrier r;
    int local;
    void *p = &local;

    (void)state;
    allot_injector_init(&i, NULL, NULL);
    allot_retrier_init(&r, &i.base, NULL, NULL);
    assert_null(r.base.ops->remap);
    assert_int_equal(allot_resize(&r.base, &p, 4, 400), -EINVAL);
    assert_told(ALLOT_MISUSE_INVALID_REALLOC, "allot_resize", &local);
    allot_delete_how(&r.base, &local, 4, 99);
    assert_told(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete_how", &local);
    assert_int_equal(allot_resize_how(&r.base, &p, 4, 400, 99), -EINVAL);
    assert_int_equal(allot_resize(&r.base, &p, SIZE_MAX, 400), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(scopes_when_nested_count_their_own),
        TEST(logger_when_used_tells_every_call),
        TEST(log_when_traced_has_what_was_done),
        TEST(canary_when_the_inner_one_cannot_tell_looks_itself),
        TEST(canary_when_overwritten_is_told),
        TEST(canary_when_reset_or_freed_twice_knows),
        TEST(canary_when_freed_twice_over_what_checks_nothing_knows),
        TEST(one_thread_when_another_calls_is_told),
        TEST(injector_when_planned_fails_as_told),
        TEST(figures_when_a_free_is_wrong_stay_true),
        TEST(resize_when_nobody_remaps_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What each decorator does beyond what every allocator does, and its error paths. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "alloc/strict.h"
#include "base/base.h"
#include "heap/recorder.h"

static struct strict inner;
#define BASE (&inner.base)

static int start(void **state)
{
    strict_init(&inner);
    return recorder_start(state);
}

static int stop(void **state)
{
    bool good = strict_release(&inner);

    if (!good)
        print_message("underneath: %s\n", inner.error);
    if (recorded_count != 0)
        print_message("misuse: %s\n", recorded.detail);
    good = good && recorded_count == 0;
    (void)recorder_stop(state);
    return good ? 0 : -1;
}

static struct allot_allocator_stats figures(allot_allocator *a)
{
    struct allot_allocator_stats s;

    allot_allocator_stats_get(a, &s);
    return s;
}

static void assert_error(enum allot_layer layer, enum allot_cause cause)
{
    assert_int_equal(allot_last_error().layer, layer);
    assert_int_equal(allot_last_error().cause, cause);
}

static void assert_told(enum allot_misuse_kind kind, const char *call, const void *p)
{
    assert_int_equal(recorded_count, 1);
    assert_int_equal(recorded.kind, kind);
    assert_string_equal(recorded.call, call);
    assert_ptr_equal(recorded.pointer, p);
    recorded_count = 0;
}

/* --- limiter ------------------------------------------------------------------------------ */

static size_t soft_calls, soft_bytes;

static void on_soft(struct allot_limiter *limiter, size_t live_bytes, void *arg)
{
    assert_ptr_equal(arg, &soft_calls);
    assert_true(live_bytes > limiter->options.soft_bytes);
    soft_calls++;
    soft_bytes = live_bytes;
}

static void limit_when_reached_is_exact(void **state)
{
    struct allot_limiter l;
    void *p, *q;

    (void)state;
    allot_limiter_init(&l, BASE, &(struct allot_limiter_options){.hard_bytes = 100});
    p = allot_new(&l.base, 60);
    assert_non_null(p);
    assert_null(allot_new(&l.base, 41));
    assert_error(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_LIMIT);
    assert_int_equal(errno, ENOMEM);
    q = allot_new(&l.base, 40);
    assert_non_null(q);
    assert_null(allot_new(&l.base, 1));
    assert_int_equal(figures(&l.base).failures, 2);
    assert_int_equal(figures(&l.base).live_bytes, 100);
    assert_int_equal(figures(&l.base).limit_bytes, 100);
    assert_int_equal(allot_resize(&l.base, &p, 60, 61), -ENOMEM);
    assert_error(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_LIMIT);
    assert_false(allot_try_resize(&l.base, p, 60, 61));
    allot_delete(&l.base, q, 40);
    /* by the difference, in place and when it moves */
    assert_int_equal(allot_resize(&l.base, &p, 60, 64), 0);
    assert_int_equal(allot_resize(&l.base, &p, 64, 100), 0);
    assert_int_equal(figures(&l.base).live_bytes, 100);
    assert_int_equal(allot_resize(&l.base, &p, 100, 101), -ENOMEM);
    assert_int_equal(allot_resize(&l.base, &p, 100, 10), 0);
    assert_int_equal(figures(&l.base).live_bytes, 10);
    assert_int_equal(figures(&l.base).peak_live_bytes, 100);
    allot_limiter_set(&l, 0, 5);
    assert_null(allot_new(&l.base, 1));
    assert_int_equal(allot_resize(&l.base, &p, 10, 11), -ENOMEM);
    assert_true(allot_try_resize(&l.base, p, 10, 9));
    allot_limiter_set(&l, 0, 0);
    strict_fail(&inner, 1, true);
    assert_null(allot_new(&l.base, 1000));
    assert_int_equal(allot_resize(&l.base, &p, 9, 1000), -ENOMEM);
    strict_fail(&inner, 0, false);
    assert_int_equal(figures(&l.base).live_bytes, 9);
    assert_int_equal(allot_allocator_reset(&l.base), 0);
    assert_int_equal(figures(&l.base).live_bytes, 0);
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&l.base), -ENOTSUP);
    allot_limiter_release(&l);
}

static void soft_limit_when_passed_is_told_each_time(void **state)
{
    struct allot_limiter l;
    void *p, *q;

    (void)state;
    soft_calls = 0;
    allot_limiter_init(
        &l, BASE,
        &(struct allot_limiter_options){.soft_bytes = 100, .on_soft = on_soft, .arg = &soft_calls});
    p = allot_new(&l.base, 100);
    assert_int_equal(soft_calls, 0);
    q = allot_new(&l.base, 1);
    assert_int_equal(soft_calls, 1);
    assert_int_equal(soft_bytes, 101);
    assert_int_equal(allot_resize(&l.base, &q, 1, 500), 0);
    assert_int_equal(soft_calls, 1);
    allot_delete(&l.base, p, 100);
    assert_int_equal(allot_resize(&l.base, &q, 500, 20), 0);
    assert_int_equal(allot_resize(&l.base, &q, 20, 300), 0);
    assert_int_equal(soft_calls, 2);
    allot_delete(&l.base, q, 300);
    allot_limiter_set(&l, 10, 0);
    l.options.on_soft = NULL;
    p = allot_new(&l.base, 11);
    allot_delete(&l.base, p, 11);
    allot_limiter_release(&l);
}

/* --- fallback ----------------------------------------------------------------------------- */

static void fallback_when_lists_are_wrong_is_refused(void **state)
{
    allot_allocator *list[ALLOT_FALLBACK_MAX + 1] = {NULL};
    struct allot_fallback f;

    (void)state;
    assert_int_equal(allot_fallback_init(&f, list, 0), -EINVAL);
    assert_int_equal(allot_fallback_init(&f, list, ALLOT_FALLBACK_MAX + 1), -EINVAL);
    assert_int_equal(allot_fallback_init(&f, list, ALLOT_FALLBACK_MAX), 0);
    assert_ptr_equal(f.list[3], allot_allocator_default());
    allot_fallback_release(&f);
}

static void fallback_when_one_fails_takes_the_next(void **state)
{
    struct strict other;
    allot_allocator *list[] = {BASE, &other.base};
    struct allot_fallback f;
    char *p, *q;
    void *r;
    int local;

    (void)state;
    strict_init(&other);
    assert_int_equal(allot_fallback_init(&f, list, 2), 0);
    p = allot_new(&f.base, 100);
    strict_fail(&inner, 1, true);
    q = allot_new(&f.base, 100);
    assert_true(strict_check(&inner));
    assert_int_equal(allot_allocator_owns(BASE, p), 1);
    assert_int_equal(allot_allocator_owns(&other.base, q), 1);
    assert_int_equal(allot_allocator_owns(&f.base, q), 1);
    /* a resize that its owner cannot do ends with the next one */
    memset(p, 7, 100);
    r = p;
    assert_int_equal(allot_resize(&f.base, &r, 100, 5000), 0);
    assert_int_equal(allot_allocator_owns(&other.base, r), 1);
    assert_int_equal(((char *)r)[99], 7);
    strict_fail(&other, 1, true);
    assert_null(allot_new(&f.base, 100));
    assert_int_equal(figures(&f.base).failures, 1);
    assert_int_equal(figures(&f.base).live_objects, 2);
    allot_delete(&f.base, r, 5000);
    allot_delete(&f.base, q, 100);
    assert_nothing_recorded();
    allot_delete(&f.base, &local, 4);
    assert_told(ALLOT_MISUSE_INVALID_FREE, "allot_delete", &local);
    r = &local;
    assert_int_equal(allot_resize(&f.base, &r, 4, 100), -EINVAL);
    assert_told(ALLOT_MISUSE_INVALID_REALLOC, "allot_resize", &local);
    assert_false(allot_try_resize(&f.base, &local, 4, 100));
    assert_int_equal(allot_allocator_usable(&f.base, &local, 4, 4), 0);
    allot_fallback_release(&f);
    assert_true(strict_release(&other));
}

static bool stop_at_once(void *object, size_t bytes, void *arg)
{
    (void)object;
    (void)bytes;
    (void)arg;
    return false;
}

static void fallback_when_tagged_knows_by_the_tag(void **state)
{
    allot_allocator *list[] = {BASE, NULL};
    struct allot_fallback f;
    void *p, *q;

    (void)state;
    inner.ops.caps &= ~(uint32_t)ALLOT_CAP_OWNS;
    inner.ops.owns = NULL;
    list[1] = allot_libc_allocator();
    assert_int_equal(allot_fallback_init(&f, list, 2), 0);
    assert_true(f.tagged);
    assert_false((allot_allocator_caps(&f.base) & (ALLOT_CAP_CHECKED | ALLOT_CAP_OWNS)) != 0);
    p = allot_new_how(&f.base, 100, ALLOT_ALIGN(4096));
    q = allot_new_how(&f.base, 1, 0);
    assert_true(ali_is_aligned(p, 4096));
    assert_int_equal(inner.live_objects, 2);
    assert_int_equal(inner.live_bytes, 100 + 4096 + 1 + 16);
    assert_int_equal(allot_allocator_owns(&f.base, p), -1);
    assert_int_equal(figures(&f.base).live_bytes, ALLOT_STAT_UNKNOWN);
    assert_false(allot_allocator_visit(&f.base, stop_at_once, NULL));
    assert_null(allot_new_how(&f.base, PTRDIFF_MAX - 15, 4));
    assert_error(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE);
    assert_int_equal(allot_resize_how(&f.base, &q, 1, PTRDIFF_MAX - 15, 0), -ENOMEM);
    assert_false(allot_try_resize(&f.base, q, 1, PTRDIFF_MAX));
    allot_delete_how(&f.base, p, 100, ALLOT_ALIGN(4096));
    allot_delete_how(&f.base, q, 1, 0);
    p = calloc(1, 64); /* no tag in front */
    allot_delete(&f.base, (char *)p + 32, 8);
    assert_told(ALLOT_MISUSE_INVALID_FREE, "allot_delete", (char *)p + 32);
    free(p);
    assert_int_equal(allot_allocator_reset(&f.base), -ENOTSUP);
    (void)allot_allocator_trim(&f.base);
    allot_fallback_release(&f);
}

/* --- segregator --------------------------------------------------------------------------- */

static void segregator_when_steps_are_wrong_is_refused(void **state)
{
    const struct allot_segregator_step zero[] = {{0, NULL}};
    const struct allot_segregator_step same[] = {{8, NULL}, {8, NULL}};
    const struct allot_segregator_step many[ALLOT_SEGREGATOR_MAX + 1] = {{1, NULL}};
    struct allot_segregator s;

    (void)state;
    assert_int_equal(allot_segregator_init(&s, zero, 0), -EINVAL);
    assert_int_equal(allot_segregator_init(&s, zero, 1), -EINVAL);
    assert_int_equal(allot_segregator_init(&s, same, 2), -EINVAL);
    assert_int_equal(allot_segregator_init(&s, many, ALLOT_SEGREGATOR_MAX + 1), -EINVAL);
}

static void segregator_when_asked_goes_by_size(void **state)
{
    struct strict other;
    const struct allot_segregator_step steps[] = {{100, BASE}, {1000, &other.base}};
    struct allot_segregator s;
    void *p, *q;
    int local;

    (void)state;
    strict_init(&other);
    assert_int_equal(allot_segregator_init(&s, steps, 2), 0);
    assert_false((allot_allocator_caps(&s.base) & ALLOT_CAP_ANY_SIZE) != 0);
    p = allot_new(&s.base, 100);
    q = allot_new(&s.base, 101);
    assert_int_equal(inner.live_objects, 1);
    assert_int_equal(other.live_objects, 1);
    assert_int_equal(allot_allocator_owns(&s.base, p), 1);
    assert_int_equal(allot_allocator_owns(&s.base, q), 1);
    assert_int_equal(allot_allocator_owns(&s.base, &local), 0);
    assert_null(allot_new(&s.base, 1001));
    assert_error(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_UNSUPPORTED);
    assert_int_equal(figures(&s.base).failures, 1);
    assert_int_equal(allot_resize(&s.base, &q, 101, 1001), -ENOMEM);
    assert_int_equal(allot_resize(&s.base, &p, 100, 1000), 0);
    assert_int_equal(inner.live_objects, 0);
    assert_int_equal(allot_resize(&s.base, &q, 101, 900), 0);
    strict_fail(&other, 1, true);
    assert_int_equal(allot_resize(&s.base, &q, 900, 999), -ENOMEM);
    strict_fail(&other, 0, false);
    allot_delete(&s.base, p, 1001);
    assert_told(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete", p);
    assert_int_equal(allot_allocator_usable(&s.base, p, 1001, 4), 0);
    assert_int_equal(allot_resize(&s.base, &p, 1001, 5), -EINVAL);
    assert_told(ALLOT_MISUSE_INVALID_REALLOC, "allot_resize", p);
    assert_false(allot_allocator_visit(&s.base, stop_at_once, NULL));
    assert_int_equal(allot_allocator_reset(&s.base), 0);
    assert_int_equal(other.live_objects, 0);
    inner.ops.owns = NULL;
    assert_int_equal(allot_allocator_owns(&s.base, &local), -1);
    (void)allot_allocator_trim(&s.base);
    allot_segregator_release(&s);
    assert_true(strict_release(&other));
}

/* --- retrier ------------------------------------------------------------------------------ */

static unsigned attempts, give_up_at;

static bool retry(allot_allocator *retrier, size_t size, unsigned attempt, void *arg)
{
    assert_int_equal(size, 100);
    assert_ptr_equal(arg, &attempts);
    assert_int_equal(attempt, ++attempts);
    assert_string_equal(allot_allocator_kind(retrier), "retrier");
    (void)allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 5); /* as its own calls might */
    if (attempt == 3)
        strict_fail(&inner, 0, false);
    return attempt != give_up_at;
}

static void retrier_when_it_fails_asks_and_tries_again(void **state)
{
    struct allot_retrier r;
    void *p;

    (void)state;
    attempts = 0;
    give_up_at = 9;
    allot_retrier_init(&r, BASE, retry, &attempts);
    strict_fail(&inner, 1, true);
    p = allot_new(&r.base, 100);
    assert_non_null(p);
    assert_int_equal(attempts, 3);
    allot_delete(&r.base, p, 100);
    attempts = 0;
    give_up_at = 2;
    strict_fail(&inner, 1, true);
    assert_null(allot_new(&r.base, 100));
    assert_int_equal(attempts, 2);
    assert_error(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_INJECTED);
    assert_int_equal(errno, ENOMEM);
    allot_retrier_release(&r);
    allot_retrier_init(&r, BASE, NULL, NULL);
    assert_null(allot_new(&r.base, 100));
    allot_retrier_release(&r);
}

/* --- reserve ------------------------------------------------------------------------------ */

static size_t released;

static void on_release(allot_allocator *reserve, size_t bytes, void *arg)
{
    assert_string_equal(allot_allocator_kind(reserve), "reserve");
    assert_ptr_equal(arg, &released);
    assert_int_equal(bytes, 500);
    released++;
}

static void reserve_when_needed_is_given_once(void **state)
{
    struct allot_limiter limit;
    struct allot_reserve r;
    void *p, *q;

    (void)state;
    released = 0;
    allot_limiter_init(&limit, BASE, &(struct allot_limiter_options){.hard_bytes = 1000});
    assert_int_equal(allot_reserve_init(&r, &limit.base, SIZE_MAX, NULL, NULL), -ENOMEM);
    assert_error(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE);
    assert_int_equal(allot_reserve_init(&r, &limit.base, 2000, NULL, NULL), -ENOMEM);
    assert_int_equal(allot_reserve_init(&r, &limit.base, 500, on_release, &released), 0);
    assert_true(allot_reserve_is_held(&r));
    assert_int_equal(figures(&r.base).live_bytes, 0);
    p = allot_new(&r.base, 500);
    assert_int_equal(released, 0);
    q = allot_new(&r.base, 400);
    assert_non_null(q);
    assert_int_equal(released, 1);
    assert_false(allot_reserve_is_held(&r));
    assert_null(allot_new(&r.base, 400));
    assert_int_equal(released, 1);
    assert_int_equal(figures(&r.base).live_bytes, 900);
    assert_int_equal(allot_reserve_refill(&r), -ENOMEM);
    allot_delete(&r.base, p, 500);
    assert_int_equal(allot_reserve_refill(&r), 0);
    assert_int_equal(allot_reserve_refill(&r), 0);
    assert_true(allot_reserve_is_held(&r));
    assert_int_equal(allot_allocator_reset(&r.base), 0);
    assert_true(allot_reserve_is_held(&r));
    assert_int_equal(inner.live_objects, 1);
    p = allot_new(&r.base, 600);
    assert_int_equal(released, 2);
    assert_int_equal(allot_allocator_reset(&r.base), 0);
    assert_false(allot_reserve_is_held(&r));
    assert_int_equal(inner.live_objects, 0);
    allot_reserve_release(&r);
    assert_int_equal(allot_reserve_init(&r, &limit.base, 0, NULL, NULL), 0);
    strict_fail(&inner, 1, false);
    p = allot_new(&r.base, 10);
    assert_non_null(p);
    allot_delete(&r.base, p, 10);
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&r.base), -ENOTSUP);
    allot_reserve_release(&r);
    allot_limiter_release(&limit);
}

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
        TEST(limit_when_reached_is_exact),
        TEST(soft_limit_when_passed_is_told_each_time),
        TEST(fallback_when_lists_are_wrong_is_refused),
        TEST(fallback_when_one_fails_takes_the_next),
        TEST(fallback_when_tagged_knows_by_the_tag),
        TEST(segregator_when_steps_are_wrong_is_refused),
        TEST(segregator_when_asked_goes_by_size),
        TEST(retrier_when_it_fails_asks_and_tries_again),
        TEST(reserve_when_needed_is_given_once),
        TEST(scopes_when_nested_count_their_own),
        TEST(logger_when_used_tells_every_call),
        TEST(canary_when_overwritten_is_told),
        TEST(canary_when_reset_or_freed_twice_knows),
        TEST(one_thread_when_another_calls_is_told),
        TEST(injector_when_planned_fails_as_told),
        TEST(figures_when_a_free_is_wrong_stay_true),
        TEST(resize_when_nobody_remaps_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

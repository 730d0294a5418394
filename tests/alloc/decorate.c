/* What each decorator that gives memory does beyond what every allocator does, and its error paths:
 * limiter, fallback, segregator, retrier, reserve. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "alloc/trial.h"

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

enum { TAKERS = 2, TAKES = 500000 };

static void *endless_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    static char byte;

    (void)a;
    (void)size;
    (void)how;
    (void)caller;
    return &byte;
}

static void endless_free(allot_allocator *a, void *p, size_t size, allot_how how,
                         const void *caller)
{
    (void)a;
    (void)p;
    (void)size;
    (void)how;
    (void)caller;
}

static pthread_barrier_t all_there;

static void *take_many(void *limiter)
{
    (void)pthread_barrier_wait(&all_there);
    for (int i = 0; i < TAKES; i++)
        (void)!allot_new(limiter, 1);
    return NULL;
}

/* Where allocations cost nothing, so that the threads meet in the limiter. */
static void peak_when_threads_raise_it_is_exact(void **state)
{
    static const struct allot_allocator_ops ops = {.abi = ALLOT_ALLOCATOR_ABI,
                                                   .caps = ALLOT_CAP_THREADS,
                                                   .kind = "endless",
                                                   .alloc = endless_alloc,
                                                   .free = endless_free};
    allot_allocator endless = {.ops = &ops};
    pthread_t threads[TAKERS];
    struct allot_limiter l;

    (void)state;
    allot_limiter_init(&l, &endless, NULL);
    assert_int_equal(pthread_barrier_init(&all_there, NULL, TAKERS), 0);
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &l.base), 0);
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(figures(&l.base).live_bytes, TAKERS * TAKES);
    assert_int_equal(figures(&l.base).peak_live_bytes, TAKERS * TAKES);
    (void)pthread_barrier_destroy(&all_there);
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

static size_t none_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    (void)a;
    (void)p;
    (void)size;
    (void)how;
    return 0;
}

static void fallback_when_tagged_frees_without_sizes(void **state)
{
    struct strict other;
    allot_allocator *list[] = {BASE, &other.base};
    struct allot_fallback f;
    uint64_t forged[4] = {0};
    void *volatile p; /* as the compiler need not know how long it is */

    (void)state;
    strict_init(&other);
    inner.ops.caps &= ~(uint32_t)ALLOT_CAP_OWNS;
    inner.ops.owns = NULL;
    other.ops.caps &= ~(uint32_t)ALLOT_CAP_OWNS;
    other.ops.owns = NULL;
    assert_int_equal(allot_fallback_init(&f, list, 2), 0);
    p = allot_new(&f.base, 100);
    assert_int_equal(allot_allocator_usable(&f.base, p, 100, 4), 100);
    /* the tag of a list that has more */
    memcpy(forged, (char *)p - 16, 16);
    forged[1] |= 7;
    allot_delete(&f.base, forged + 2, 1);
    assert_told(ALLOT_MISUSE_INVALID_FREE, "allot_delete", forged + 2);
    assert_true((allot_allocator_caps(&f.base) & ALLOT_CAP_UNSIZED) != 0);
    allot_delete(&f.base, p, ALLOT_SIZE_UNKNOWN);
    assert_int_equal(inner.live_objects, 0);
    /* an owner that knows of no such object */
    inner.ops.caps |= ALLOT_CAP_CHECKED;
    inner.ops.usable = none_usable;
    p = allot_new(&f.base, 10);
    assert_int_equal(allot_allocator_usable(&f.base, p, 10, 4), 0);
    allot_delete(&f.base, p, 10);
    /* one that cannot reset, after all */
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&f.base), -ENOTSUP);
    allot_fallback_release(&f);
    assert_true(strict_release(&other));
}

static void *visited;

static bool note_visited(void *object, size_t bytes, void *arg)
{
    (void)arg;
    assert_int_equal(bytes, 100);
    visited = object;
    return true;
}

static void fallback_when_owners_can_little_says_so(void **state)
{
    struct strict other;
    allot_allocator *list[] = {BASE, &other.base};
    struct allot_fallback f;
    bool (*visit_was)(allot_allocator *, allot_visit_fn, void *);
    void *p;

    (void)state;
    strict_init(&other);
    visit_was = other.ops.visit;
    for (int tagged = 0; tagged < 2; tagged++) {
        inner.ops.resize = NULL;
        inner.ops.usable = NULL;
        if (tagged) {
            inner.ops.caps &= ~(uint32_t)ALLOT_CAP_OWNS;
            inner.ops.owns = NULL;
            other.ops.caps &= ~(uint32_t)ALLOT_CAP_OWNS;
            other.ops.owns = NULL;
        }
        assert_int_equal(allot_fallback_init(&f, list, 2), 0);
        assert_int_equal(f.tagged, tagged);
        p = allot_new(&f.base, 100);
        assert_false(allot_try_resize(&f.base, p, 100, 101));
        assert_int_equal(allot_allocator_usable(&f.base, p, 100, 4), 100);
        assert_false(allot_allocator_visit(&f.base, stop_at_once, NULL));
        visited = NULL;
        assert_true(allot_allocator_visit(&f.base, note_visited, NULL));
        assert_ptr_equal(visited, p);
        other.ops.visit = NULL;
        assert_false(allot_allocator_visit(&f.base, note_visited, NULL));
        other.ops.visit = visit_was;
        allot_delete(&f.base, p, 100);
        allot_fallback_release(&f);
    }
    assert_true(strict_release(&other));
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
    inner.ops.reset = NULL;
    assert_int_equal(allot_allocator_reset(&s.base), -ENOTSUP);
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

/* Another thread that refills at the same moment, here from inside the allocation. */
static struct allot_reserve *refilled;
static void *(*real_alloc)(allot_allocator *a, size_t size, allot_how how, const void *caller);

static void *alloc_and_refill(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_reserve *r = refilled;

    refilled = NULL;
    if (r != NULL)
        assert_int_equal(allot_reserve_refill(r), 0);
    return real_alloc(a, size, how, caller);
}

static void reserve_when_two_refill_holds_one(void **state)
{
    struct allot_reserve r;
    void *p;

    (void)state;
    assert_int_equal(allot_reserve_init(&r, BASE, 100, NULL, NULL), 0);
    strict_fail(&inner, 1, false);
    p = allot_new(&r.base, 10);
    assert_false(allot_reserve_is_held(&r));
    real_alloc = inner.ops.alloc;
    inner.ops.alloc = alloc_and_refill;
    refilled = &r;
    assert_int_equal(allot_reserve_refill(&r), 0);
    assert_true(allot_reserve_is_held(&r));
    assert_int_equal(inner.live_objects, 2);
    allot_delete(&r.base, p, 10);
    allot_reserve_release(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(limit_when_reached_is_exact),
        TEST(soft_limit_when_passed_is_told_each_time),
        TEST(peak_when_threads_raise_it_is_exact),
        TEST(fallback_when_lists_are_wrong_is_refused),
        TEST(fallback_when_one_fails_takes_the_next),
        TEST(fallback_when_tagged_knows_by_the_tag),
        TEST(fallback_when_tagged_frees_without_sizes),
        TEST(fallback_when_owners_can_little_says_so),
        TEST(segregator_when_steps_are_wrong_is_refused),
        TEST(segregator_when_asked_goes_by_size),
        TEST(retrier_when_it_fails_asks_and_tries_again),
        TEST(reserve_when_needed_is_given_once),
        TEST(reserve_when_two_refill_holds_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

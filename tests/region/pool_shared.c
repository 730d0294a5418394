/* Shared pools: threads that get, put and pass objects on; caches; threads that end; forks. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "region/source.h"

struct item {
    _Atomic(uint64_t) owner;
    uint64_t words[5];
};

enum { THREADS = 4, KEEP = 200 };

static allot_pool pool;
static struct source source;

static void start(const struct allot_pool_options *options)
{
    struct allot_pool_options o = *options;

    source = (struct source)SOURCE();
    o.source = &source.base;
    o.object_bytes = sizeof(struct item);
    expect_misuse_by_handler();
    assert_int_equal(allot_pool_init(&pool, &o), 0);
}

static void stop(void)
{
    assert_int_equal(allot_pool_audit(&pool), 0);
    allot_pool_release(&pool);
    assert_true(source_is_empty(&source));
    assert_int_equal(told.count, 0);
    allot_set_misuse_handler(NULL, NULL);
}

static struct allot_pool_stats stats_now(void)
{
    struct allot_pool_stats s;

    allot_pool_stats_get(&pool, &s);
    return s;
}

static void in_threads(void *(*body)(void *), void *arg)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, body, arg != NULL ? arg : (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        if (wrong != NULL)
            fail_msg("%s", (const char *)wrong);
    }
}

/* --- churn -------------------------------------------------------------------------------- */

/* An object that two threads have at once is found by its owner. */
static const char *take(struct item **slot, uint64_t me)
{
    struct item *p = allot_pool_get(&pool);

    if (p == NULL)
        return NULL;
    atomic_store(&p->owner, me);
    for (int i = 0; i < 5; i++)
        p->words[i] = me * 31 + (uint64_t)i;
    *slot = p;
    return NULL;
}

static const char *give(struct item **slot, uint64_t me)
{
    struct item *p = *slot;

    *slot = NULL;
    if (atomic_load(&p->owner) != me)
        return "an object of two threads";
    for (int i = 0; i < 5; i++)
        if (p->words[i] != me * 31 + (uint64_t)i)
            return "an object was written to";
    atomic_store(&p->owner, 0);
    allot_pool_put(&pool, p);
    return NULL;
}

static _Atomic(struct item *) shelf[64];

static void *churn(void *arg)
{
    uint64_t me = (uintptr_t)arg;
    struct ali_random r = {me};
    struct item *mine[KEEP] = {0};
    const char *wrong = NULL;

    for (int op = 0; op < 60000 && wrong == NULL; op++) {
        uint64_t bits = ali_random_next(&r);
        struct item **slot = &mine[(bits >> 8) % KEEP];
        struct item *p;

        if (bits % 16 == 0 && *slot != NULL) { /* swap with another thread */
            atomic_store(&(*slot)->owner, 0);
            p = atomic_exchange(&shelf[(bits >> 32) % 64], *slot);
            *slot = NULL;
            if (p != NULL)
                allot_pool_put(&pool, p);
        } else if (*slot != NULL) {
            wrong = give(slot, me);
        } else {
            wrong = take(slot, me);
        }
        if (op % 20000 == 19999)
            (void)allot_pool_trim(&pool);
    }
    for (int i = 0; i < KEEP && wrong == NULL; i++)
        wrong = mine[i] != NULL ? give(&mine[i], me) : NULL;
    return unit_wrong(wrong);
}

static void check_churn(const struct allot_pool_options *options)
{
    start(options);
    in_threads(churn, NULL);
    for (int i = 0; i < 64; i++) {
        struct item *p = atomic_exchange(&shelf[i], NULL);

        if (p != NULL)
            allot_pool_put(&pool, p);
    }
    assert_int_equal(stats_now().live_objects, 0);
    assert_int_equal(stats_now().gets, stats_now().puts);
    stop();
}

static void shared_when_threads_churn_gives_each_object_once(void **state)
{
    (void)state;
    check_churn(&(struct allot_pool_options){.flags = ALLOT_POOL_SHARED});
    check_churn(&(struct allot_pool_options){
        .flags = ALLOT_POOL_SHARED, .chunk_objects = 100, .max_objects = 500});
}

static void cached_when_threads_churn_gives_each_object_once(void **state)
{
    (void)state;
    check_churn(&(struct allot_pool_options){.flags = ALLOT_POOL_CACHED});
    check_churn(&(struct allot_pool_options){
        .flags = ALLOT_POOL_CACHED, .chunk_objects = 100, .max_objects = 700});
}

/* --- counts ------------------------------------------------------------------------------- */

static void *get_and_put(void *arg)
{
    void *p[100];

    (void)arg;
    for (int round = 0; round < 50; round++) {
        if (allot_pool_get_bulk(&pool, p, 100) != 0)
            return unit_wrong("no memory");
        allot_pool_put_bulk(&pool, p, 100);
    }
    return NULL;
}

static void cached_when_threads_end_has_all_objects_back(void **state)
{
    struct allot_pool_stats s;

    (void)state;
    start(&(struct allot_pool_options){.flags = ALLOT_POOL_CACHED});
    for (int round = 0; round < 20; round++)
        in_threads(get_and_put, NULL);
    s = stats_now();
    assert_int_equal(s.live_objects, 0);
    assert_int_equal(s.gets, 20 * THREADS * 50 * 100);
    assert_int_equal(s.puts, s.gets);
    /* Full magazines may wait in the depot, and nothing else is out. */
    assert_int_equal(s.cached_objects % ALLOT_POOL_MAGAZINE, 0);
    (void)allot_pool_trim(&pool);
    assert_int_equal(stats_now().cached_objects, 0);
    assert_int_equal(stats_now().chunks, 0);
    stop();
}

static void *use_until_told(void *arg)
{
    pthread_barrier_t *barrier = arg;

    allot_pool_put(&pool, allot_pool_get(&pool));
    pthread_barrier_wait(barrier); /* the pool ends */
    pthread_barrier_wait(barrier);
    allot_pool_put(&pool, allot_pool_get(&pool)); /* another, in the same place */
    pthread_barrier_wait(barrier);
    return NULL;
}

static void cached_when_the_pool_ends_before_its_threads_is_forgotten(void **state)
{
    pthread_barrier_t barrier;
    pthread_t threads[THREADS];

    (void)state;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    start(&(struct allot_pool_options){.flags = ALLOT_POOL_CACHED});
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, use_until_told, &barrier);
    pthread_barrier_wait(&barrier);
    stop();
    start(&(struct allot_pool_options){.flags = ALLOT_POOL_CACHED});
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(stats_now().live_objects, 0);
    stop();
    pthread_barrier_destroy(&barrier);
}

static void cached_when_a_thread_uses_many_pools_keeps_them_apart(void **state)
{
    enum { POOLS = 30 };
    static allot_pool pools[POOLS];
    void *p[POOLS];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < POOLS; i++)
            assert_int_equal(allot_pool_init(&pools[i],
                                             &(struct allot_pool_options){
                                                 .object_bytes = 32, .flags = ALLOT_POOL_CACHED}),
                             0);
        for (int again = 0; again < 50; again++) {
            for (int i = 0; i < POOLS; i++)
                p[i] = allot_pool_get(&pools[i]);
            for (int i = 0; i < POOLS; i++) {
                assert_true(allot_pool_owns(&pools[i], p[i]));
                allot_pool_put(&pools[i], p[i]);
            }
        }
        for (int i = 0; i < POOLS; i++) {
            assert_int_equal(allot_pool_audit(&pools[i]), 0);
            allot_pool_release(&pools[i]);
        }
    }
}

/* --- misuse ------------------------------------------------------------------------------- */

static void check_misuse(uint32_t flags)
{
    struct item *p, *q;

    start(&(struct allot_pool_options){.flags = flags});
    p = allot_pool_get(&pool);
    q = allot_pool_get(&pool);
    allot_pool_put(&pool, p);
    for (int i = 0; i < 100; i++) {
        allot_pool_put(&pool, p);
        assert_int_equal(told.last.kind, ALLOT_MISUSE_DOUBLE_FREE);
        allot_pool_put(&pool, (char *)q + 1);
        assert_int_equal(told.last.kind, ALLOT_MISUSE_INVALID_FREE);
    }
    assert_int_equal(told.count, 200);
    told.count = 0;
    allot_pool_put(&pool, q);
    stop();
}

static void put_when_wrong_is_reported_in_shared_pools_too(void **state)
{
    (void)state;
    check_misuse(ALLOT_POOL_SHARED);
    check_misuse(ALLOT_POOL_CACHED);
}

static pthread_barrier_t together;
static void *_Atomic victim;

static void *put_the_same(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        if (pthread_barrier_wait(&together) == PTHREAD_BARRIER_SERIAL_THREAD)
            atomic_store(&victim, allot_pool_get(&pool));
        pthread_barrier_wait(&together);
        allot_pool_put(&pool, atomic_load(&victim));
    }
    return NULL;
}

/* All threads put one object at the same moment: one of them is right. */
static void put_when_threads_put_the_same_object_one_succeeds(void **state)
{
    static const uint32_t flags[] = {ALLOT_POOL_SHARED, ALLOT_POOL_CACHED};

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(&(struct allot_pool_options){.flags = flags[i]});
        pthread_barrier_init(&together, NULL, THREADS);
        in_threads(put_the_same, NULL);
        pthread_barrier_destroy(&together);
        assert_int_equal(told.count, 300 * (THREADS - 1));
        assert_int_equal(stats_now().live_objects, 0);
        told.count = 0;
        stop();
    }
}

/* --- memory ------------------------------------------------------------------------------- */

/* Gets until the pool fails, or 400 times; what was got is put back. True: it never failed. */
static bool get_many(bool in_bulk)
{
    enum { MOST = 400, PART = 50 };
    void *p[MOST];
    size_t count = 0;
    bool good = true;

    while (count < MOST && good) {
        errno = 0;
        if (in_bulk)
            good = allot_pool_get_bulk(&pool, p + count, PART) == 0;
        else
            good = (p[count] = allot_pool_get(&pool)) != NULL;
        if (good)
            count += in_bulk ? PART : 1;
    }
    assert_true(good || errno == ENOMEM);
    assert_true(good || allot_last_error().cause == ALLOT_CAUSE_INJECTED);
    for (size_t i = 0; i < count; i++)
        memset(p[i], 0x5a, sizeof(struct item));
    assert_int_equal(stats_now().live_objects, count);
    allot_pool_put_bulk(&pool, p, count);
    assert_int_equal(stats_now().live_objects, 0);
    return good;
}

static bool try_with_nth_failing(const struct allot_pool_options *options, size_t nth, bool stays)
{
    struct allot_pool_options o = *options;
    bool good;

    source = (struct source)SOURCE();
    source.fail_at = nth;
    source.fails_on = stays;
    o.source = &source.base;
    o.object_bytes = sizeof(struct item);
    if (allot_pool_init(&pool, &o) != 0) {
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_INJECTED);
        assert_true(source_is_empty(&source));
        return false;
    }
    good = get_many(nth % 2 == 0) && get_many(nth % 2 != 0);
    assert_int_equal(allot_pool_audit(&pool), 0);
    source.fail_at = 0; /* there is memory again */
    assert_true(get_many(true) && get_many(false));
    stop();
    return good;
}

static void get_when_the_nth_chunk_fails_leaves_a_good_pool(void **state)
{
    static const uint32_t flags[] = {ALLOT_POOL_SHARED, ALLOT_POOL_CACHED};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct allot_pool_options o = {.flags = flags[i % 2], .chunk_objects = 60};
        size_t nth = 1;

        memset(&told, 0, sizeof told);
        while (!try_with_nth_failing(&o, nth, i / 2 != 0))
            nth++;
        assert_in_range(nth, 8, 10); /* the pool, and 7 or 8 chunks */
    }
}

static void *get_until_refused(void *arg)
{
    (void)arg;
    for (int round = 0; round < 200; round++) {
        void *p[40];

        if (allot_pool_get_bulk(&pool, p, 40) != 0)
            continue;
        for (int i = 0; i < 40; i++)
            atomic_store(&((struct item *)p[i])->owner, (uintptr_t)&p[i]);
        for (int i = 0; i < 40; i++)
            if (atomic_load(&((struct item *)p[i])->owner) != (uintptr_t)&p[i])
                return unit_wrong("an object of two threads");
        allot_pool_put_bulk(&pool, p, 40);
    }
    return NULL;
}

static void bulk_when_threads_run_out_of_memory_gives_each_object_once(void **state)
{
    static const uint32_t flags[] = {ALLOT_POOL_SHARED, ALLOT_POOL_CACHED};

    (void)state;
    for (size_t nth = 2; nth < 10; nth++) {
        start(&(struct allot_pool_options){.flags = flags[nth % 2], .chunk_objects = 20});
        source.fail_at = nth;
        source.fails_on = true;
        in_threads(get_until_refused, NULL);
        assert_int_equal(stats_now().live_objects, 0);
        stop();
    }
}

static allot_status construct_item(void *object, void *arg)
{
    (void)arg;
    ((struct item *)object)->words[0] = 77;
    return 0;
}

static void bulk_when_objects_are_constructed_gives_constructed_ones(void **state)
{
    void *p[100];

    (void)state;
    start(&(struct allot_pool_options){
        .flags = ALLOT_POOL_SHARED, .chunk_objects = 64, .construct = construct_item});
    for (int round = 0; round < 3; round++) {
        assert_int_equal(allot_pool_get_bulk(&pool, p, 100), 0);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(((struct item *)p[i])->words[0], 77);
            for (int j = 0; j < i; j++)
                assert_ptr_not_equal(p[i], p[j]);
        }
        assert_int_equal(stats_now().live_objects, 100);
        allot_pool_put_bulk(&pool, p, 50);
        allot_pool_put_bulk(&pool, p, 100); /* half of them again, which is told of */
        assert_int_equal(told.count, 50);
        assert_int_equal(told.last.kind, ALLOT_MISUSE_DOUBLE_FREE);
        assert_string_equal(told.last.call, "allot_pool_put_bulk");
        told.count = 0;
        assert_int_equal(stats_now().live_objects, 0);
    }
    stop();
}

/* --- fork --------------------------------------------------------------------------------- */

static _Atomic(bool) ending;

static void *churn_until_told(void *arg)
{
    struct ali_random r = {(uintptr_t)arg};
    void *mine[64] = {0};

    while (!atomic_load(&ending)) {
        void **slot = &mine[ali_random_next(&r) % 64];

        if (*slot != NULL)
            allot_pool_put(&pool, *slot);
        *slot = *slot != NULL ? NULL : allot_pool_get(&pool);
    }
    for (int i = 0; i < 64; i++)
        if (mine[i] != NULL)
            allot_pool_put(&pool, mine[i]);
    return NULL;
}

static void use_in_child(void *arg)
{
    static void *p[1000];

    (void)arg;
    (void)alarm(20); /* a lock that nobody will give up */
    unit_child_require(allot_pool_audit(&pool) == 0);
    for (int i = 0; i < 1000; i++) {
        p[i] = allot_pool_get(&pool);
        unit_child_require(p[i] != NULL);
        for (int j = 0; j < i && i < 50; j++)
            unit_child_require(p[i] != p[j]);
    }
    for (int i = 0; i < 1000; i++)
        allot_pool_put(&pool, p[i]);
    (void)allot_pool_trim(&pool);
    unit_child_require(allot_pool_audit(&pool) == 0);
}

static void fork_when_threads_churn_leaves_the_child_a_good_pool(void **state)
{
    static const uint32_t flags[] = {ALLOT_POOL_SHARED, ALLOT_POOL_CACHED};
    pthread_t threads[THREADS];

    (void)state;
    for (int f = 0; f < 2; f++) {
        start(&(struct allot_pool_options){.flags = flags[f]});
        atomic_store(&ending, false);
        allot_pool_put(&pool, allot_pool_get(&pool)); /* so that this thread has a cache */
        for (uintptr_t i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, churn_until_told, (void *)(i + 1));
        for (int i = 0; i < 60; i++)
            assert_true(unit_succeeded(unit_in_child(use_in_child, NULL)));
        atomic_store(&ending, true);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(stats_now().live_objects, 0);
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_when_threads_churn_gives_each_object_once),
        cmocka_unit_test(cached_when_threads_churn_gives_each_object_once),
        cmocka_unit_test(cached_when_threads_end_has_all_objects_back),
        cmocka_unit_test(cached_when_the_pool_ends_before_its_threads_is_forgotten),
        cmocka_unit_test(cached_when_a_thread_uses_many_pools_keeps_them_apart),
        cmocka_unit_test(put_when_wrong_is_reported_in_shared_pools_too),
        cmocka_unit_test(put_when_threads_put_the_same_object_one_succeeds),
        cmocka_unit_test(get_when_the_nth_chunk_fails_leaves_a_good_pool),
        cmocka_unit_test(bulk_when_threads_run_out_of_memory_gives_each_object_once),
        cmocka_unit_test(bulk_when_objects_are_constructed_gives_constructed_ones),
        /* gcc's ThreadSanitizer ends a child of a threaded program */
        cmocka_unit_test(fork_when_threads_churn_leaves_the_child_a_good_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

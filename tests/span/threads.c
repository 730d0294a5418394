/* Threads that allocate, resize, free and purge spans, while the main thread forks: each child
 * checks every invariant and uses the layer itself. */
#include "unit.h"

#include <pthread.h>

#include "span/model.h"

#define THREADS 4
#define SPANS 24

#if defined(__SANITIZE_THREAD__)
#define FORKS 0 /* it does not follow a threaded program into its child */
#define STEPS 3000
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FORKS 0
#define STEPS 3000
#endif
#endif
#ifndef STEPS
#define FORKS 300
#define STEPS 30000
#endif

static uint64_t seed;
static _Atomic(bool) failed;
static _Atomic(int) running;

static void expect_at(bool cond, int line)
{
    if (!cond) {
        fprintf(stderr, "%s:%d: not so\n", __FILE__, line);
        atomic_store(&failed, true);
    }
}

#define expect(cond) expect_at((cond), __LINE__)

static void take(struct model_span *m, struct ali_random *r)
{
    struct ali_span_request request = {
        .slices = 1 + ali_random_next(r) % (ali_random_next(r) % 128 ? 8 : 1200),
        .align_slices = 1,
        .want_zero = ali_random_next(r) % 4 == 0,
    };
    bool zero;

    m->span = ali_span_alloc(&request, &zero);
    expect(m->span != NULL);
    if (m->span == NULL)
        return;
    m->slices = m->committed = request.slices;
    m->pattern = ali_random_next(r);
    if (zero && request.slices <= 8)
        expect(model_reads_zero(ali_span_base(m->span), request.slices * ALI_SLICE_BYTES));
    memset(m->span->client, 0xa5, sizeof(m->span->client));
    model_fill(m, 0);
}

static void give(struct model_span *m)
{
    expect(model_is_intact(m, m->slices));
    memset(m->span->client, 0, sizeof(m->span->client));
    ali_span_free(m->span);
    m->span = NULL;
}

static void resize(struct model_span *m, struct ali_random *r)
{
    size_t slices = m->slices + 1 + ali_random_next(r) % 8, old = m->slices;
    struct ali_span *to;

    if (ali_random_next(r) % 2) {
        m->slices = m->committed = 1 + ali_random_next(r) % m->slices;
        ali_span_shrink(m->span, m->slices);
        expect(model_is_intact(m, m->slices));
        return;
    }
    if (!ali_span_grow(m->span, slices)) {
        to = ali_span_move(m->span, slices);
        if (to == NULL)
            return;
        m->span = to;
        memset(m->span->client, 0xa5, sizeof(m->span->client));
    }
    expect(model_is_intact(m, old));
    m->slices = m->committed = slices;
    model_fill(m, old);
}

static void step(struct model_span *m, struct ali_random *r)
{
    if (m->span == NULL)
        take(m, r);
    else if (ali_random_next(r) % 3 == 0)
        resize(m, r);
    else
        give(m);
    if (ali_random_next(r) % 64 == 0)
        (void)ali_span_trim(ali_random_next(r) % 8 * ALI_MIB);
    if (ali_random_next(r) % 8 == 0)
        ali_span_tick();
}

static void *work(void *arg)
{
    struct ali_random r = {seed + (uintptr_t)arg * 7919};
    struct model_span spans[SPANS] = {0};

    for (int i = 0; i < STEPS && !atomic_load(&failed); i++) {
        step(&spans[ali_random_next(&r) % SPANS], &r);
        if (i % 1000 == 0)
            expect(ali_span_valid());
    }
    for (int i = 0; i < SPANS; i++) {
        if (spans[i].span)
            give(&spans[i]);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* In the child; the exit status. */
static int child_main(uint64_t child_seed)
{
    struct ali_random r = {child_seed};
    struct model_span spans[SPANS] = {0};

    alarm(20);
    ali_span_fork_child();
    if (!ali_span_valid())
        return 2;
    for (int i = 0; i < 100; i++)
        step(&spans[ali_random_next(&r) % SPANS], &r);
    if (!ali_span_valid())
        return 3;
    return atomic_load(&failed) ? 4 : 0;
}

static void fork_once(uint64_t child_seed)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0)
        _exit(child_main(child_seed));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void threads_when_others_fork_keep_every_invariant(void **state)
{
    pthread_t threads[THREADS];
    int forks = 0;

    (void)state;
    atomic_store(&running, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    while (forks < FORKS && atomic_load(&running) > 0)
        fork_once(seed + (uint64_t)++forks);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    print_message("forks: %d\n", forks);
    assert_false(atomic_load(&failed));
    assert_true(ali_span_valid());
    (void)ali_span_trim(0);
    assert_int_equal(ali_span_dirty_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_when_others_fork_keep_every_invariant),
    };

    ali_options_init();
    if (!ali_region_init())
        return 1;
    seed = model_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

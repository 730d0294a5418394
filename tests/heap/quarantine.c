/* The quarantine among threads: how much waits, whose it is, what a fork and a destroyed heap
 * leave. What waits is told from outside: a block that was freed and is still HELD. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "fake/fake.h"
#include "heap/trial.h"

#define HOLDS ALI_HARDEN_QUARANTINE
#define THREADS 20 /* more than there are queues */

static bool is_held(const void *p)
{
    struct ali_found f;

    return ali_heap_find(p, &f) && f.exact && ali_state_get(f.state) == ALI_STATE_HELD;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

    return x < y ? -1 : x > y;
}

/* Bytes of those that wait; one may have been handed out, and be named, more than once. */
static size_t held_bytes(void *const *blocks, size_t n)
{
    void **sorted = malloc(n * sizeof *sorted);
    struct ali_found f;
    size_t bytes = 0;

    unit_child_require(sorted != NULL);
    memcpy(sorted, blocks, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_address);
    for (size_t i = 0; i < n; i++)
        if ((i == 0 || sorted[i] != sorted[i - 1]) && is_held(sorted[i]) &&
            ali_heap_find(sorted[i], &f))
            bytes += f.block_bytes;
    free(sorted);
    return bytes;
}

static void give_n(void *const *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        give(blocks[i], ALI_CALL_FREE);
}

/* --- threads that fill and sleep ---------------------------------------------------------- */

#define MOST 4096
#define KEPT 50

struct filler {
    size_t size, count;
    void *blocks[MOST];
    pthread_t thread;
};

static struct filler fillers[THREADS];
static pthread_barrier_t turn;

static void fill_once(struct filler *f)
{
    for (size_t i = 0; i < f->count; i++)
        f->blocks[i] = take(f->size, ALI_CALL_MALLOC);
    give_n(f->blocks, f->count);
}

static void *fill_and_sleep(void *arg)
{
    fill_once(arg);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn); /* asleep between the two */
    return NULL;
}

static void *named[THREADS * MOST + KEPT];

static size_t name_all(size_t fillers_count)
{
    size_t n = 0;

    for (size_t i = 0; i < fillers_count; i++) {
        memcpy(named + n, fillers[i].blocks, fillers[i].count * sizeof *named);
        n += fillers[i].count;
    }
    return n;
}

static size_t fillers_hold(size_t n)
{
    return held_bytes(named, name_all(n));
}

static void start(size_t i, void *(*body)(void *), size_t size, size_t count)
{
    fillers[i].size = size;
    fillers[i].count = count;
    unit_child_require(pthread_create(&fillers[i].thread, NULL, body, &fillers[i]) == 0);
}

static void join(size_t n)
{
    for (size_t i = 0; i < n; i++)
        unit_child_require(pthread_join(fillers[i].thread, NULL) == 0);
}

static void fill_all(void)
{
    size_t held;

    ali_options.quarantine_bytes = ALI_MIB;
    unit_child_require(pthread_barrier_init(&turn, NULL, THREADS + 1) == 0);
    for (size_t i = 0; i < THREADS; i++)
        start(i, fill_and_sleep, 16 << i % 9, MOST);
    pthread_barrier_wait(&turn);
    held = fillers_hold(THREADS);
    unit_child_require(held <= ALI_MIB && held > ALI_MIB / 2);
    /* one that is awake has its share, and no more */
    fill_once(&fillers[0]);
    held = held_bytes(fillers[0].blocks, MOST);
    unit_child_require(held != 0 && fillers_hold(THREADS) <= ALI_MIB);
    pthread_barrier_wait(&turn);
    join(THREADS);
    unit_child_require(fillers_hold(THREADS) <= ALI_MIB); /* queues of threads that have ended */
    unit_child_require(ali_quarantine_empty(ALI_CALL_FREE, NULL));
    unit_child_require(fillers_hold(THREADS) == 0 && recorded_count == 0);
    unit_child_require(!ali_quarantine_empty(ALI_CALL_FREE, NULL));
}

static void quarantine_when_threads_fill_it_and_sleep_is_bounded(void **state)
{
    (void)state;
    try_with(HOLDS, fill_all);
    try_with(HOLDS | ALI_HARDEN_UAF, fill_all);
}

/* Half of what may be held at once, by each. */
static void *give_halves(void *arg)
{
    struct filler *f = arg;

    for (int round = 0; round < 200; round++) {
        f->blocks[0] = take(f->size, ALI_CALL_MALLOC);
        pthread_barrier_wait(&turn);
        give(f->blocks[0], ALI_CALL_FREE);
        pthread_barrier_wait(&turn); /* all have freed: the main thread looks */
        pthread_barrier_wait(&turn);
    }
    return NULL;
}

static void free_at_once(void)
{
    enum { PARTS = 8 };

    ali_options.quarantine_bytes = 4096;
    unit_child_require(pthread_barrier_init(&turn, NULL, PARTS + 1) == 0);
    for (size_t i = 0; i < PARTS; i++)
        start(i, give_halves, 2000, 1);
    for (int round = 0; round < 200; round++) {
        pthread_barrier_wait(&turn);
        pthread_barrier_wait(&turn);
        unit_child_require(fillers_hold(PARTS) <= 4096);
        pthread_barrier_wait(&turn);
    }
    join(PARTS);
}

static void quarantine_when_threads_free_at_once_keeps_its_bound(void **state)
{
    (void)state;
    try_with(HOLDS, free_at_once);
}

/* --- shares ------------------------------------------------------------------------------- */

/* A thread that sleeps keeps what the others do not need, the youngest of it. */
static void share(void)
{
    struct filler *asleep = &fillers[0], *awake = &fillers[1];
    size_t first, rest;

    ali_options.quarantine_bytes = ALI_MIB;
    unit_child_require(pthread_barrier_init(&turn, NULL, 2) == 0);
    give(take(1, ALI_CALL_MALLOC), ALI_CALL_FREE); /* this thread's block is the first */
    start(0, fill_and_sleep, 1024, 2048);
    pthread_barrier_wait(&turn);
    first = held_bytes(asleep->blocks, asleep->count);
    unit_child_require(first > ALI_MIB / 10 * 9);
    unit_child_require(!is_held(asleep->blocks[0]) && is_held(asleep->blocks[2047]));
    awake->size = 1024;
    awake->count = 100;
    fill_once(awake); /* less than its share: nothing of its own leaves */
    unit_child_require(held_bytes(awake->blocks, awake->count) == (size_t)100 * 1024);
    awake->count = 4000;
    fill_once(awake); /* more than its share: half of all */
    rest = held_bytes(asleep->blocks, asleep->count);
    unit_child_require(rest >= ALI_MIB / 2 - 4096 && rest <= ALI_MIB / 2 + 4096);
    unit_child_require(is_held(asleep->blocks[2047]) && is_held(awake->blocks[3999]));
    unit_child_require(fillers_hold(2) <= ALI_MIB);
    pthread_barrier_wait(&turn);
    join(1);
}

static void quarantine_when_one_thread_sleeps_is_shared(void **state)
{
    (void)state;
    try_with(HOLDS, share);
}

/* Blocks of the smallest class fill the places of a queue long before the bytes are reached. */
static void fill_places(void)
{
    static void *blocks[20000];
    size_t held;

    ali_options.quarantine_bytes = 64 * ALI_KIB; /* 1024 places */
    for (size_t i = 0; i < ALI_ARRAY_COUNT(blocks); i++)
        blocks[i] = take(1, ALI_CALL_MALLOC);
    give_n(blocks, ALI_ARRAY_COUNT(blocks));
    held = held_bytes(blocks, ALI_ARRAY_COUNT(blocks));
    unit_child_require(held == (size_t)1024 * 16);
    unit_child_require(is_held(blocks[ALI_ARRAY_COUNT(blocks) - 1]) && recorded_count == 0);
}

static void quarantine_when_its_places_are_full_lets_the_oldest_go(void **state)
{
    (void)state;
    try_with(HOLDS, fill_places);
}

/* --- writes into what waits --------------------------------------------------------------- */

static void *write_late(void *arg)
{
    struct filler *f = arg;

    f->blocks[0] = take(500, ALI_CALL_MALLOC);
    give(f->blocks[0], ALI_CALL_FREE);
    ((volatile char *)f->blocks[0])[333] = 7; /* not among the first bytes, and nobody looks */
    return NULL;
}

/* The thread that wrote has ended; another makes its block leave. */
static void write_and_end(void)
{
    ali_options.quarantine_bytes = 256 * ALI_KIB;
    give(take(1, ALI_CALL_MALLOC), ALI_CALL_FREE);
    start(0, write_late, 0, 1);
    join(1);
    unit_child_require(recorded_count == 0 && is_held(fillers[0].blocks[0]));
    for (int i = 0; i < 20000 && recorded_count == 0; i++)
        give(take(100, ALI_CALL_MALLOC), ALI_CALL_FREE);
    if (is_held(fillers[0].blocks[0])) /* it has less than a share: nobody needs its bytes */
        unit_child_require(ali_quarantine_empty(ALI_CALL_FREE, NULL));
    require_recorded(ALLOT_MISUSE_WRITE_AFTER_FREE, fillers[0].blocks[0]);
}

static void quarantine_when_a_thread_wrote_and_ended_tells(void **state)
{
    (void)state;
    try_with(HOLDS | ALI_HARDEN_UAF, write_and_end);
}

/* --- heaps -------------------------------------------------------------------------------- */

/* Blocks of a heap object do not wait, so that nothing of it is in a queue when it goes. */
static void destroy_heaps(void)
{
    void *mine[64], *theirs[64];

    for (int round = 0; round < 50; round++) {
        allot_heap *h = allot_heap_create(NULL);

        unit_child_require(h != NULL);
        for (size_t i = 0; i < 64; i++) {
            mine[i] = take(64 + i, ALI_CALL_MALLOC);
            theirs[i] = allot_heap_alloc(h, i % 8 == 0 ? 200000 : 64 + i);
            unit_child_require(theirs[i] != NULL);
        }
        for (size_t i = 0; i < 64; i++) {
            give(mine[i], ALI_CALL_FREE);
            if (i % 2 == 0)
                give(theirs[i], ALI_CALL_FREE);
            unit_child_require(!is_held(theirs[i]) && is_held(mine[i]));
        }
        allot_heap_destroy(h);
        unit_child_require(held_bytes(theirs, 64) == 0);
    }
    unit_child_require(ali_quarantine_empty(ALI_CALL_FREE, NULL) && recorded_count == 0);
}

static void quarantine_when_heaps_are_destroyed_has_nothing_of_them(void **state)
{
    (void)state;
    try_with(HOLDS, destroy_heaps);
    try_with(HOLDS | ALI_HARDEN_UAF | ALI_HARDEN_GUARD, destroy_heaps);
}

/* A heap that is at its own limit gets nothing from what the default heap's blocks wait for. */
static void reach_own_limit(void)
{
    struct allot_heap_options options = {.limit_bytes = ALI_MIB};
    allot_heap *h = allot_heap_create(&options);
    char *p = take(1000, ALI_CALL_MALLOC);

    unit_child_require(h != NULL);
    give(p, ALI_CALL_FREE);
    unit_child_require(allot_heap_alloc(h, 2 * ALI_MIB) == NULL && is_held(p));
    while (allot_heap_alloc(h, 1000) != NULL)
        ;
    unit_child_require(is_held(p));
    allot_heap_destroy(h);
}

static void quarantine_when_a_heap_is_at_its_own_limit_stays(void **state)
{
    (void)state;
    try_with(HOLDS, reach_own_limit);
}

/* The process is at its limit: what waits is given up before anything fails. */
static void reach_limit(void)
{
    static void *blocks[1000];

    ali_options.quarantine_bytes = 16 * ALI_MIB;
    ali_options.limit_bytes = 8 * ALI_MIB;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ALI_ARRAY_COUNT(blocks); i++)
            blocks[i] = take(i % 2 == 0 ? 6000 : 1000, ALI_CALL_MALLOC);
        give_n(blocks, ALI_ARRAY_COUNT(blocks));
    }
    give(take(5 * ALI_MIB, ALI_CALL_MALLOC), ALI_CALL_FREE);
    unit_child_require(recorded_count == 0);
}

static void quarantine_when_at_the_limit_is_given_up_first(void **state)
{
    (void)state;
    try_with(HOLDS, reach_limit);
    try_with(HOLDS | ALI_HARDEN_UAF, reach_limit);
}

/* --- the OS refuses ----------------------------------------------------------------------- */

/* No memory for the queues of other threads: the first serves, and the OS is not asked again. */
static void be_refused(void)
{
    uint64_t calls;

    ali_options.quarantine_bytes = ALI_MIB;
    give(take(1, ALI_CALL_MALLOC), ALI_CALL_FREE);
    unit_child_require(pthread_barrier_init(&turn, NULL, 5) == 0);
    fake_fail(FAKE_BIT(FAKE_MAP), FAKE_FROM, 1, ENOMEM);
    for (size_t i = 0; i < 4; i++)
        start(i, fill_and_sleep, 512, 300);
    pthread_barrier_wait(&turn);
    unit_child_require(fillers_hold(4) == (size_t)4 * 300 * 512);
    calls = fake_failures();
    unit_child_require(calls != 0 && calls < 100);
    pthread_barrier_wait(&turn);
    join(4);
    fake_off();
    unit_child_require(ali_quarantine_empty(ALI_CALL_FREE, NULL) && fillers_hold(4) == 0);
}

static void quarantine_when_the_os_refuses_a_queue_uses_the_first(void **state)
{
    (void)state;
    try_with(HOLDS, be_refused);
}

/* --- fork --------------------------------------------------------------------------------- */

static atomic_bool stop;

static void *churn(void *arg)
{
    struct ali_random r = {(uintptr_t)arg};
    void *blocks[40];

    while (!atomic_load(&stop)) {
        for (size_t i = 0; i < ALI_ARRAY_COUNT(blocks); i++)
            blocks[i] = take(1 + ali_random_next(&r) % 3000, ALI_CALL_MALLOC);
        give_n(blocks, ALI_ARRAY_COUNT(blocks));
    }
    return arg;
}

static void *churn_once(void *arg)
{
    fill_once(arg);
    return NULL;
}

static size_t held_with(void *const *kept)
{
    size_t n = name_all(3);

    memcpy(named + n, kept, KEPT * sizeof *kept);
    return held_bytes(named, n + KEPT);
}

/* The counts are right: new threads are held to the bound, and all of it leaves. */
static void be_child(void *const *kept)
{
    size_t held;

    give_n(kept, KEPT);
    if (UNIT_SANITIZED) { /* ThreadSanitizer wants no threads here */
        for (size_t i = 0; i < 3; i++) {
            fillers[i].size = 700;
            fillers[i].count = 1500;
            fill_once(&fillers[i]);
        }
    } else {
        for (size_t i = 0; i < 3; i++)
            start(i, churn_once, 700, 1500);
        join(3);
    }
    held = held_with(kept);
    unit_child_require(held <= 256 * ALI_KIB);
    unit_child_require(held >
                       16 * ALI_KIB); /* half a share: the lost threads' queues have theirs */
    (void)ali_quarantine_empty(ALI_CALL_FREE, NULL);
    unit_child_require(held_with(kept) == 0 && recorded_count == 0);
    /* as many bytes as if nothing had ever been there */
    fillers[0].size = 1000;
    fillers[0].count = 100;
    fill_once(&fillers[0]);
    unit_child_require(held_bytes(fillers[0].blocks, 100) == (size_t)100 * 1024);
    _exit(0);
}

static void fork_amid(void)
{
    pthread_t threads[4];
    void *kept[KEPT];

    ali_options.quarantine_bytes = 256 * ALI_KIB;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(kept); i++)
        kept[i] = take(300, ALI_CALL_MALLOC);
    for (uintptr_t i = 0; i < 4; i++)
        unit_child_require(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    for (int round = 0; round < 60; round++) {
        int status = 0;
        pid_t pid = fork();

        if (pid == 0)
            be_child(kept);
        unit_child_require(waitpid(pid, &status, 0) == pid && status == 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    unit_child_require(recorded_count == 0);
}

static void quarantine_when_forked_in_the_middle_is_right_in_the_child(void **state)
{
    (void)state;
    try_with(HOLDS, fork_amid);
    try_with(HOLDS | ALI_HARDEN_UAF, fork_amid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quarantine_when_threads_fill_it_and_sleep_is_bounded),
        cmocka_unit_test(quarantine_when_threads_free_at_once_keeps_its_bound),
        cmocka_unit_test(quarantine_when_one_thread_sleeps_is_shared),
        cmocka_unit_test(quarantine_when_its_places_are_full_lets_the_oldest_go),
        cmocka_unit_test(quarantine_when_a_thread_wrote_and_ended_tells),
        cmocka_unit_test(quarantine_when_heaps_are_destroyed_has_nothing_of_them),
        cmocka_unit_test(quarantine_when_a_heap_is_at_its_own_limit_stays),
        cmocka_unit_test(quarantine_when_at_the_limit_is_given_up_first),
        cmocka_unit_test(quarantine_when_the_os_refuses_a_queue_uses_the_first),
        cmocka_unit_test(quarantine_when_forked_in_the_middle_is_right_in_the_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Threads that start, exchange blocks and end, all the time.
 *
 * Goal: the protocol between those who free and those who own (docs/REMOTE-FREE.md) keeps its
 * promises under real concurrency: no block is handed out twice, none loses its contents, every
 * free is accepted, and when all is freed and published no slab is left behind. Method: blocks
 * travel between threads through an array of slots by atomic exchange, so that most are freed by a
 * thread that did not allocate them. Each block is filled with a pattern of its own, checked when
 * it is freed. Threads end after a few thousand operations and others take their blocks over; one
 * thread trims and takes statistics meanwhile; a heap object is destroyed while threads that have
 * used it end. At the end the default heap must be empty.
 *
 * usage: remote_stress [rounds [threads [operations [seed]]]] */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <allot/allot.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Statistics read words of slabs and blocks that other threads are changing, and say so: figures of
 * slightly different moments. ThreadSanitizer is told not to look at that call. A suppression would
 * not do: it names a function, and of an access some time ago the function is not always known. */
void AnnotateIgnoreReadsBegin(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreReadsEnd(const char *file, int line) __attribute__((weak));

static void take_stock(struct allot_stats *stats)
{
    if (AnnotateIgnoreReadsBegin)
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    (void)allot_stats_get(stats);
    if (AnnotateIgnoreReadsEnd)
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

#define SLOTS 512
#define MAX_THREADS 64

struct head {
    uint64_t mark; /* of this block's life */
    size_t bytes;
    allot_heap *heap;
};

static _Atomic(struct head *) slots[SLOTS];
static _Atomic(struct head *) shared_slots[SLOTS / 8]; /* blocks of the heap object */
static allot_heap *shared;
static _Atomic(uint64_t) next_mark = 1;
static _Atomic(uint64_t) misuses;
static _Atomic(bool) stop;
static unsigned operations = 4000;

static void fail(const char *what, const void *p)
{
    fprintf(stderr, "remote_stress: %s at %p\n", what, p);
    abort();
}

static void on_misuse(const struct allot_misuse *misuse, void *arg)
{
    char text[2048];

    (void)arg;
    allot_misuse_text(misuse, text, sizeof text);
    fputs(text, stderr);
    atomic_fetch_add(&misuses, 1);
}

static uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

/* Mostly small; some in slabs of few blocks, some in wide slabs, some large. */
static size_t random_bytes(uint64_t *state)
{
    uint32_t r = random_next(state);

    switch (r % 16) {
    case 0:
        return sizeof(struct head) + random_next(state) % 60000;
    case 1:
        return 9000 + random_next(state) % 24000;
    case 2:
        return sizeof(struct head) + random_next(state) % 8000;
    default:
        return sizeof(struct head) + random_next(state) % 400;
    }
}

static unsigned char byte_of(uint64_t mark, size_t i)
{
    return (unsigned char)((mark * 0x9e3779b97f4a7c15U >> 56) + i);
}

static size_t step_of(size_t bytes)
{
    return bytes > 4096 ? 509 : bytes > 256 ? 31 : 1;
}

static void fill(struct head *h, allot_heap *heap, size_t bytes)
{
    unsigned char *p = (unsigned char *)h;
    size_t i;

    h->mark = atomic_fetch_add_explicit(&next_mark, 1, memory_order_relaxed);
    h->bytes = bytes;
    h->heap = heap;
    for (i = sizeof *h; i < bytes; i += step_of(bytes))
        p[i] = byte_of(h->mark, i);
}

static struct head *make(allot_heap *heap, uint64_t *state)
{
    size_t bytes = random_bytes(state);
    bool zero = random_next(state) % 8 == 0;
    unsigned char *p = zero ? allot_heap_zalloc(heap, bytes) : allot_heap_alloc(heap, bytes);
    size_t i;

    if (p == NULL)
        fail("no memory", NULL);
    for (i = 0; zero && i < bytes; i += step_of(bytes))
        if (p[i] != 0)
            fail("zalloc gave a byte that is not zero", p + i);
    fill((struct head *)(void *)p, heap, bytes);
    return (struct head *)(void *)p;
}

/* The first `end` bytes. */
static void check(const struct head *h, size_t end)
{
    const unsigned char *p = (const unsigned char *)h;
    size_t i;

    for (i = sizeof *h; i < end; i += step_of(h->bytes))
        if (p[i] != byte_of(h->mark, i))
            fail("contents changed", p + i);
}

static struct head *resize(struct head *h, uint64_t *state)
{
    size_t bytes = random_bytes(state);
    void *p = h;

    check(h, h->bytes);
    if (allot_heap_realloc(h->heap, &p, bytes) != 0)
        fail("realloc", p);
    h = p;
    check(h, bytes < h->bytes ? bytes : h->bytes);
    fill(h, h->heap, bytes);
    return h;
}

static void drop(struct head *h)
{
    if (h == NULL)
        return;
    check(h, h->bytes);
    allot_heap_free(h->heap, h);
}

static void *work(void *arg)
{
    uint64_t state = (uint64_t)(uintptr_t)arg;
    struct head *mine[32] = {NULL};
    unsigned i;

    for (i = 0; i < operations; i++) {
        uint32_t r = random_next(&state);
        unsigned k = random_next(&state) % 32;

        if (r % 64 == 0) {
            _Atomic(struct head *) *slot = &shared_slots[random_next(&state) % (SLOTS / 8)];

            drop(atomic_exchange(slot, make(shared, &state)));
        } else if (r % 4 == 0) {
            drop(mine[k]);
            mine[k] = make(NULL, &state);
        } else if (r % 4 == 1 && mine[k] != NULL) {
            mine[k] = resize(mine[k], &state);
        } else {
            drop(atomic_exchange(&slots[random_next(&state) % SLOTS], make(NULL, &state)));
        }
    }
    for (i = 0; i < 32; i++)
        drop(mine[i]);
    return NULL;
}

static void *disturb(void *arg)
{
    static struct allot_stats stats; /* this thread's */
    unsigned turn = 0;

    (void)arg;
    while (!atomic_load(&stop)) {
        struct timespec pause = {0, 2000000};

        allot_trim((turn % 2) * ((size_t)1 << 20));
        if (turn++ % 4 == 0)
            take_stock(&stats);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void run_round(unsigned threads, uint64_t seed)
{
    pthread_t ids[MAX_THREADS];
    unsigned i;

    for (i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)(seed + i)) != 0)
            fail("pthread_create", NULL);
    for (i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
}

/* Destroyed with blocks in it, at once after the last thread that used it has ended or while a
 * thread that has used it earlier ends. */
static _Atomic(bool) used_it;

static void *use_and_end(void *arg)
{
    struct head *h[16];
    uint64_t state = (uint64_t)(uintptr_t)arg;
    unsigned i;

    for (i = 0; i < 16; i++)
        h[i] = make(shared, &state);
    for (i = 0; i < 8; i++)
        drop(h[i]);
    atomic_store(&used_it, true); /* no call on the heap after this; the thread still has to end */
    return NULL;
}

static void destroy_round(uint64_t seed)
{
    pthread_t id;
    unsigned i;

    for (i = 0; i < SLOTS / 8; i++)
        if (i % 2 == 0)
            drop(atomic_exchange(&shared_slots[i], NULL));
        else
            atomic_store(&shared_slots[i], NULL); /* goes with the heap */
    atomic_store(&used_it, false);
    if (pthread_create(&id, NULL, use_and_end, (void *)(uintptr_t)seed) != 0)
        fail("pthread_create", NULL);
    while (!atomic_load(&used_it))
        ;
    allot_heap_destroy(shared);
    shared = allot_heap_create(NULL);
    if (shared == NULL)
        fail("allot_heap_create", NULL);
    pthread_join(id, NULL);
}

static int settle(void)
{
    static struct allot_stats stats;
    unsigned i;

    for (i = 0; i < SLOTS; i++)
        drop(atomic_exchange(&slots[i], NULL));
    allot_heap_destroy(shared);
    allot_trim(0);
    allot_trim(0);
    (void)allot_stats_get(&stats);
    printf("live %zu bytes in %zu blocks, spans %zu bytes, misuses %llu\n", stats.live_bytes,
           stats.live_blocks, stats.spans_bytes, (unsigned long long)atomic_load(&misuses));
    /* what this thread's slots hold may stay: a slab of each class that it allocated from itself */
    if (stats.live_blocks != 0 || stats.spans_bytes > (size_t)16 << 20 ||
        atomic_load(&misuses) != 0)
        return 1;
    return 0;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 12;
    unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 8;
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)time(NULL);
    pthread_t disturber;
    unsigned i;

    if (argc > 3)
        operations = (unsigned)strtoul(argv[3], NULL, 10);
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    allot_set_misuse_handler(on_misuse, NULL);
    shared = allot_heap_create(NULL);
    if (shared == NULL || pthread_create(&disturber, NULL, disturb, NULL) != 0)
        fail("start", NULL);
    for (i = 0; i < rounds; i++) {
        run_round(threads, seed * 1000003U + (uint64_t)i * MAX_THREADS);
        destroy_round(seed + i);
    }
    atomic_store(&stop, true);
    pthread_join(disturber, NULL);
    return settle();
}

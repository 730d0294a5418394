/* An observer that notes what it is told, and bodies for threads that allocate under it. */
#ifndef ALI_TEST_HEAP_OBSERVED_H
#define ALI_TEST_HEAP_OBSERVED_H

#include <pthread.h>

#include "allot/allot.h"
#include "heap/internal.h"

/* --- what was seen ------------------------------------------------------------------------ */

#define ENTRIES (1U << 16)

struct entry {
    void *p;
    size_t size;
    uint64_t weight;
    int live; /* times told allocated less times told freed */
};

static struct {
    pthread_mutex_t lock;
    struct entry entries[ENTRIES];
    size_t allocated, freed, wrong;
    uint64_t weight;
    size_t last_freed_size;
    struct ali_event last_allocated, last_freed;
    const void *last_caller;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct entry *entry_of(void *p)
{
    size_t i = (uintptr_t)p / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 48;

    while (seen.entries[i].p != NULL && seen.entries[i].p != p)
        i = (i + 1) % ENTRIES;
    seen.entries[i].p = p;
    return &seen.entries[i];
}

static inline void on_allocated(const struct ali_event *event, void *arg)
{
    struct entry *e;

    pthread_mutex_lock(&seen.lock);
    e = entry_of(event->p);
    if (e->live++ != 0 || arg != &seen)
        seen.wrong++;
    e->size = event->size;
    e->weight = event->weight_bytes;
    seen.allocated++;
    seen.weight += event->weight_bytes;
    seen.last_caller = event->caller;
    seen.last_allocated = *event;
    pthread_mutex_unlock(&seen.lock);
}

static inline void on_freed(const struct ali_event *event, void *arg)
{
    struct entry *e;

    pthread_mutex_lock(&seen.lock);
    e = entry_of(event->p);
    if (--e->live != 0 || event->size < e->size || arg != &seen)
        seen.wrong++;
    *(volatile char *)event->p = *(volatile char *)event->p; /* still readable */
    seen.freed++;
    seen.last_freed_size = event->size;
    seen.last_caller = event->caller;
    seen.last_freed = *event;
    pthread_mutex_unlock(&seen.lock);
}

static const struct ali_observer everything = {
    .allocated = on_allocated, .freed = on_freed, .arg = &seen};

/* --- calls -------------------------------------------------------------------------------- */

static int here; /* stands for the caller */

static inline void *take(size_t size)
{
    void *p;

    if (!ali_heap_alloc_hit(size, &p))
        p = ali_heap_alloc_miss(size, ALI_CALL_MALLOC, &here);
    return p;
}

static inline void give(void *p)
{
    if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_FREE, &here);
}

static inline bool is_seen_live(void *p, size_t size)
{
    struct entry *e = entry_of(p);
    size_t usable = ali_heap_usable(p, ALI_CALL_USABLE_SIZE, NULL);

    return e->live == 1 && e->size == size && e->weight >= size && e->weight <= usable;
}

static inline int observe_nothing(void **state)
{
    (void)state;
    assert_int_equal(ali_observe(NULL), 0);
    memset(seen.entries, 0, sizeof seen.entries);
    seen.allocated = seen.freed = seen.wrong = 0;
    seen.weight = 0;
    return 0;
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return unit_wrong(#condition);                                                         \
    } while (0)

/* Bodies give what was wrong, or NULL. */
static inline void run_in_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    void *error;

    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    assert_int_equal(pthread_join(thread, &error), 0);
    if (error != NULL)
        fail_msg("%s", (const char *)error);
    assert_int_equal(seen.wrong, 0);
}

static const size_t sizes[] = {1,     16,    17,     100,   256,   1000,    4096,   9000,
                               16384, 20480, 100000, 65536, 65537, 1000000, 5000000};

#define SIZES ALI_ARRAY_COUNT(sizes)

#define MANY 5000

static void *blocks[MANY];

static inline size_t nth_size(size_t i)
{
    return i * 7919 % 3000 + (i % 500 == 0) * 200000;
}

static inline void *take_many(void *arg)
{
    allot_heap *heap = arg;

    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = heap == NULL ? take(nth_size(i)) : allot_heap_alloc(heap, nth_size(i));
        REQUIRE(blocks[i] != NULL && entry_of(blocks[i])->live == 1);
    }
    return NULL;
}

static inline void *give_many(void *arg)
{
    allot_heap *heap = arg;

    for (size_t i = 0; i < MANY; i++) {
        if (heap == NULL)
            give(blocks[i]);
        else
            allot_heap_free(heap, blocks[i]);
        REQUIRE(entry_of(blocks[i])->live == 0);
    }
    return NULL;
}

#endif

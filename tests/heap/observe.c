/* The observe seam: an observer of everything misses nothing and is told nothing twice; one that
 * samples is unbiased; either may come and go while the program runs.
 *
 * Slots that were filled before an observer came are not watched, so most of this runs in threads
 * of their own, whose slots are empty. */
#include "unit.h"

#include <math.h>
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

static void on_allocated(void *p, size_t size, uint64_t weight, const void *caller, void *arg)
{
    struct entry *e;

    pthread_mutex_lock(&seen.lock);
    e = entry_of(p);
    if (e->live++ != 0 || arg != &seen)
        seen.wrong++;
    e->size = size;
    e->weight = weight;
    seen.allocated++;
    seen.weight += weight;
    seen.last_caller = caller;
    pthread_mutex_unlock(&seen.lock);
}

static void on_freed(void *p, size_t size, const void *caller, void *arg)
{
    struct entry *e;

    pthread_mutex_lock(&seen.lock);
    e = entry_of(p);
    if (--e->live != 0 || size < e->size || arg != &seen)
        seen.wrong++;
    *(volatile char *)p = *(volatile char *)p; /* still readable */
    seen.freed++;
    seen.last_freed_size = size;
    seen.last_caller = caller;
    pthread_mutex_unlock(&seen.lock);
}

static const struct ali_observer everything = {
    .allocated = on_allocated, .freed = on_freed, .arg = &seen};

/* --- calls -------------------------------------------------------------------------------- */

static int here; /* stands for the caller */

static void *take(size_t size)
{
    void *p;

    if (!ali_heap_alloc_hit(size, &p))
        p = ali_heap_alloc_miss(size, ALI_CALL_MALLOC, &here);
    return p;
}

static void give(void *p)
{
    if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_FREE, &here);
}

static bool is_seen_live(void *p, size_t size)
{
    struct entry *e = entry_of(p);
    size_t usable = ali_heap_usable(p, ALI_CALL_USABLE_SIZE, NULL);

    return e->live == 1 && e->size == size && e->weight >= size && e->weight <= usable;
}

static int observe_nothing(void **state)
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
static void run_in_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    void *error;

    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    assert_int_equal(pthread_join(thread, &error), 0);
    if (error != NULL)
        fail_msg("%s", (const char *)error);
    assert_int_equal(seen.wrong, 0);
}

/* --- everything --------------------------------------------------------------------------- */

static const size_t sizes[] = {1,     16,    17,     100,    256,    1000,    4096,   9000,
                               16384, 20480, 100000, 131072, 131073, 1000000, 5000000};

#define SIZES ALI_ARRAY_COUNT(sizes)

static void *one_by_one(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < SIZES; i++) {
        size_t allocated = seen.allocated, freed = seen.freed;
        void *p = take(sizes[i]);

        REQUIRE(p != NULL && seen.allocated == allocated + 1);
        REQUIRE(seen.last_caller == &here);
        REQUIRE(is_seen_live(p, sizes[i]));
        give(p);
        REQUIRE(seen.freed == freed + 1 && entry_of(p)->live == 0);
        REQUIRE(seen.last_caller == &here);
        p = ali_heap_zalloc(sizes[i], ALI_CALL_CALLOC, &here);
        REQUIRE(p != NULL && seen.allocated == allocated + 2 && is_seen_live(p, sizes[i]));
        give(p);
        p = ali_heap_aligned(sizes[i], 4096, ALI_CALL_ALIGNED_ALLOC, &here);
        REQUIRE(p != NULL && seen.allocated == allocated + 3 && is_seen_live(p, sizes[i]));
        REQUIRE(ali_is_aligned(p, 4096));
        ali_heap_free_claimed(p, sizes[i], 4096, ALI_CALL_FREE_SIZED, &here);
        REQUIRE(seen.freed == freed + 3 && entry_of(p)->live == 0);
    }
    return NULL;
}

static void observer_when_everything_is_asked_for_sees_each_call_once(void **state)
{
    (void)state;
    assert_int_equal(ali_observe(&everything), 0);
    run_in_thread(one_by_one, NULL);
    assert_int_equal(seen.allocated, 3 * SIZES);
    assert_int_equal(seen.freed, 3 * SIZES);
}

static void *resize_all(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < SIZES; j++) {
            void *p = take(sizes[i]);
            void *q = ali_heap_realloc(p, sizes[j], ALI_CALL_REALLOC, &here);

            REQUIRE(q != NULL && is_seen_live(q, sizes[j]));
            REQUIRE(p == q || entry_of(p)->live == 0);
            REQUIRE(seen.allocated == seen.freed + 1);
            give(q);
            REQUIRE(seen.allocated == seen.freed && entry_of(q)->live == 0);
        }
    return NULL;
}

static void observer_when_blocks_are_resized_knows_their_new_size(void **state)
{
    (void)state;
    assert_int_equal(ali_observe(&everything), 0);
    run_in_thread(resize_all, NULL);
}

#define MANY 5000

static void *blocks[MANY];

static size_t nth_size(size_t i)
{
    return i * 7919 % 3000 + (i % 500 == 0) * 200000;
}

static void *take_many(void *arg)
{
    allot_heap *heap = arg;

    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = heap == NULL ? take(nth_size(i)) : allot_heap_alloc(heap, nth_size(i));
        REQUIRE(blocks[i] != NULL && entry_of(blocks[i])->live == 1);
    }
    return NULL;
}

static void *give_many(void *arg)
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

static void observer_when_other_threads_free_sees_each_once(void **state)
{
    (void)state;
    assert_int_equal(ali_observe(&everything), 0);
    run_in_thread(take_many, NULL);
    assert_int_equal(seen.allocated, MANY);
    run_in_thread(give_many, NULL);
    assert_int_equal(seen.allocated, MANY);
    assert_int_equal(seen.freed, MANY);
}

static void observer_when_a_heap_object_is_used_sees_its_blocks(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);

    (void)state;
    assert_int_equal(ali_observe(&everything), 0);
    run_in_thread(take_many, heap);
    run_in_thread(give_many, heap);
    assert_int_equal(seen.allocated, MANY);
    assert_int_equal(seen.freed, MANY);
    assert_int_equal(ali_observe(NULL), 0);
    allot_heap_destroy(heap);
}

/* --- nested ------------------------------------------------------------------------------- */

static _Thread_local void *nested;
static size_t nested_seen;

static void allocating_allocated(void *p, size_t size, uint64_t weight, const void *caller,
                                 void *arg)
{
    void *mine = take(48);

    if (nested != NULL)
        nested_seen++; /* told of what was allocated below */
    nested = mine;
    give(take(200000));
    give(mine);
    nested = NULL;
    on_allocated(p, size, weight, caller, arg);
}

static void allocating_freed(void *p, size_t size, const void *caller, void *arg)
{
    give(take(48));
    give(take(200000));
    on_freed(p, size, caller, arg);
}

static const struct ali_observer allocating = {
    .allocated = allocating_allocated, .freed = allocating_freed, .arg = &seen};

static void check_nested(allot_heap *heap)
{
    assert_int_equal(ali_observe(&allocating), 0);
    run_in_thread(take_many, heap);
    run_in_thread(give_many, heap);
    assert_int_equal(seen.allocated, MANY);
    assert_int_equal(seen.freed, MANY);
    assert_int_equal(nested_seen, 0);
    assert_int_equal(ali_observe(NULL), 0);
}

static void observer_when_it_allocates_is_not_told_of_that(void **state)
{
    (void)state;
    check_nested(NULL);
}

static void observer_when_it_allocates_elsewhere_than_observed_is_not_told_of_that(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);

    (void)state;
    check_nested(heap);
    allot_heap_destroy(heap);
}

/* --- sampling ----------------------------------------------------------------------------- */

struct sampling {
    struct ali_observer observer;
    size_t sizes[4];
    size_t bytes;  /* to allocate */
    double given;  /* usable bytes allocated */
    size_t misses; /* frees of sampled blocks not seen, or of others seen */
};

/* Keeps 64 blocks at a time, so that masks are of all shapes. */
static void *allocate_bytes(void *arg)
{
    struct sampling *s = arg;
    struct ali_random r = {11};
    void *kept[64] = {0};

    REQUIRE(ali_block_attach() != NULL);
    ali_self->random.state = 12345;
    ali_self->sampled_for = NULL;
    while (s->given < (double)s->bytes) {
        uint64_t bits = ali_random_next(&r);
        void **slot = &kept[bits & 63];
        size_t freed = seen.freed;
        int was = *slot == NULL ? 0 : entry_of(*slot)->live;

        if (*slot != NULL)
            give(*slot);
        s->misses += seen.freed - freed != (size_t)was;
        *slot = take(s->sizes[bits >> 6 & 3]);
        REQUIRE(*slot != NULL);
        s->given += (double)ali_heap_usable(*slot, ALI_CALL_USABLE_SIZE, NULL);
    }
    for (int i = 0; i < 64; i++)
        if (kept[i] != NULL)
            give(kept[i]);
    return NULL;
}

/* The sum of weights of a Poisson sample has a variance of at most bytes * (mean + largest). */
static void check_unbiased(struct sampling *s)
{
    double largest = 0, sigma;

    for (int i = 0; i < 4; i++)
        if ((double)s->sizes[i] > largest)
            largest = (double)s->sizes[i];
    s->observer = everything;
    s->observer.mean_bytes = 8192;
    assert_int_equal(ali_observe(&s->observer), 0);
    run_in_thread(allocate_bytes, s);
    sigma = sqrt(s->given * ((double)s->observer.mean_bytes + largest));
    print_message("%zu samples, off by %.2f sigma\n", seen.allocated,
                  ((double)seen.weight - s->given) / sigma);
    assert_true(fabs((double)seen.weight - s->given) < 4 * sigma);
    assert_true(4 * sigma < s->given / 5); /* or it would prove nothing */
    assert_int_equal(seen.freed, seen.allocated);
    assert_int_equal(s->misses, 0);
    assert_int_equal(ali_observe(NULL), 0);
}

static void sample_when_blocks_are_small_is_unbiased(void **state)
{
    struct sampling s = {.sizes = {16, 16, 16, 16}, .bytes = 12 * ALI_MIB};

    (void)state;
    check_unbiased(&s);
}

static void sample_when_blocks_are_near_the_interval_is_unbiased(void **state)
{
    struct sampling s = {.sizes = {8192, 5000, 8192, 12000}, .bytes = 64 * ALI_MIB};

    (void)state;
    check_unbiased(&s);
}

static void sample_when_sizes_are_mixed_is_unbiased(void **state)
{
    struct sampling s = {.sizes = {24, 700, 8000, 150000}, .bytes = 512 * ALI_MIB};

    (void)state;
    check_unbiased(&s);
}

/* --- coming and going --------------------------------------------------------------------- */

static void second_observer_when_one_is_there_is_refused(void **state)
{
    struct ali_observer other = everything;

    (void)state;
    assert_int_equal(ali_observe(&everything), 0);
    assert_true(ali_observe(&other) < 0);
    assert_int_equal(ali_observe(NULL), 0);
    assert_int_equal(ali_observe(&other), 0);
    assert_int_equal(ali_observe(NULL), 0);
}

static size_t live_blocks(void)
{
    struct allot_stats stats;

    (void)allot_stats_get(&stats);
    return stats.live_blocks;
}

/* Removing in the middle loses no block: all can be freed, and what was watched is used again. */
static void *come_and_go(void *arg)
{
    size_t before = live_blocks();

    (void)arg;
    for (int round = 0; round < 40; round++) {
        size_t half = (size_t)round * 61 % MANY;

        REQUIRE(ali_observe(round % 2 ? NULL : &everything) == 0);
        for (size_t i = 0; i < MANY; i++) {
            if (i == half)
                REQUIRE(ali_observe(round % 2 ? &everything : NULL) == 0);
            blocks[i] = take(i % 700);
            REQUIRE(blocks[i] != NULL);
            memset(blocks[i], round, i % 700);
        }
        REQUIRE(live_blocks() == before + MANY);
        for (size_t i = 0; i < MANY; i++)
            give(blocks[i]);
        REQUIRE(live_blocks() == before);
        /* what nobody was told of the end of */
        REQUIRE(ali_observe(NULL) == 0);
        memset(seen.entries, 0, sizeof seen.entries);
    }
    return NULL;
}

static void observer_when_it_comes_and_goes_loses_no_block(void **state)
{
    (void)state;
    run_in_thread(come_and_go, NULL);
}

static void *old_blocks(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < MANY; i++)
        blocks[i] = take(i % 5000);
    REQUIRE(ali_observe(&everything) == 0);
    for (size_t i = 0; i < MANY; i++)
        give(blocks[i]);
    REQUIRE(seen.freed == 0);
    /* at the latest with the next refill of each slot */
    for (size_t i = 0; i < MANY; i++)
        blocks[i] = take(64);
    REQUIRE(seen.allocated >= MANY - ALI_WORD_BLOCKS);
    for (size_t i = 0; i < MANY; i++)
        give(blocks[i]);
    REQUIRE(seen.freed == seen.allocated);
    return NULL;
}

static void observer_when_it_comes_late_is_told_of_new_blocks_only(void **state)
{
    (void)state;
    run_in_thread(old_blocks, NULL);
}

/* --- removed by another thread ------------------------------------------------------------ */

static _Atomic(bool) stop;

static void *churn(void *arg)
{
    struct ali_random r = {(uintptr_t)arg};
    void *kept[64] = {0};

    while (!stop) {
        uint64_t bits = ali_random_next(&r);

        if (kept[bits & 63] != NULL)
            give(kept[bits & 63]);
        kept[bits & 63] = take(bits >> 6 & 0xfff);
        REQUIRE(kept[bits & 63] != NULL);
    }
    for (int i = 0; i < 64; i++)
        if (kept[i] != NULL)
            give(kept[i]);
    return NULL;
}

static void on_allocated_anything(void *p, size_t size, uint64_t weight, const void *caller,
                                  void *arg)
{
    (void)size;
    (void)caller;
    (void)arg;
    if (p == NULL || weight == 0)
        atomic_store(&stop, true);
}

static void on_freed_anything(void *p, size_t size, const void *caller, void *arg)
{
    (void)caller;
    (void)arg;
    if (p == NULL || size == 0)
        atomic_store(&stop, true);
}

static void observer_when_it_comes_and_goes_under_running_threads_loses_no_block(void **state)
{
    static struct ali_observer observers[2] = {
        {.allocated = on_allocated_anything, .freed = on_freed_anything},
        {.allocated = on_allocated_anything, .freed = on_freed_anything, .mean_bytes = 4096},
    };
    pthread_t threads[3];
    size_t before = live_blocks();

    (void)state;
    stop = false;
    for (uintptr_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 200 && !stop; i++) {
        assert_int_equal(ali_observe(&observers[i % 2]), 0);
        usleep(1000);
        assert_int_equal(ali_observe(NULL), 0);
        usleep(i % 3 * 500U);
    }
    assert_false(stop);
    stop = true;
    for (int i = 0; i < 3; i++) {
        void *error;

        pthread_join(threads[i], &error);
        assert_null(error);
    }
    assert_int_equal(live_blocks(), before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, observe_nothing, observe_nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(observer_when_everything_is_asked_for_sees_each_call_once),
        TEST(observer_when_blocks_are_resized_knows_their_new_size),
        TEST(observer_when_other_threads_free_sees_each_once),
        TEST(observer_when_a_heap_object_is_used_sees_its_blocks),
        TEST(observer_when_it_allocates_is_not_told_of_that),
        TEST(observer_when_it_allocates_elsewhere_than_observed_is_not_told_of_that),
        TEST(sample_when_blocks_are_small_is_unbiased),
        TEST(sample_when_blocks_are_near_the_interval_is_unbiased),
        TEST(sample_when_sizes_are_mixed_is_unbiased),
        TEST(second_observer_when_one_is_there_is_refused),
        TEST(observer_when_it_comes_and_goes_loses_no_block),
        TEST(observer_when_it_comes_late_is_told_of_new_blocks_only),
        TEST(observer_when_it_comes_and_goes_under_running_threads_loses_no_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Observers that come and go while the program runs: no block is lost, and nobody is told of what
 * another one saw. */
#include "unit.h"

#include "heap/observed.h"

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

static const struct ali_observer everything_again = {
    .allocated = on_allocated, .freed = on_freed, .arg = &seen};

/* Blocks of one turn are freed in another: of another observer, of none, of the same one. */
static void *free_in_another_turn(void *arg)
{
    static const struct ali_observer *const next[] = {&everything_again, NULL, &everything};

    (void)arg;
    for (size_t i = 0; i < 3 * ALI_OBSERVER_TURNS; i++) {
        size_t freed = seen.freed;

        REQUIRE(ali_observe(&everything) == 0);
        for (size_t k = 0; k < SIZES; k++) {
            blocks[k] = take(sizes[k]);
            REQUIRE(entry_of(blocks[k])->live == 1);
        }
        REQUIRE(ali_observe(NULL) == 0);
        REQUIRE(ali_observe(next[i % 3]) == 0);
        for (size_t k = 0; k < SIZES; k++)
            give(blocks[k]);
        REQUIRE(seen.freed == freed);
        REQUIRE(ali_observe(NULL) == 0);
        memset(seen.entries, 0, sizeof seen.entries);
    }
    return NULL;
}

static void observer_when_another_saw_the_allocation_is_not_told_of_the_free(void **state)
{
    (void)state;
    run_in_thread(free_in_another_turn, NULL);
}

/* --- several free the same block ---------------------------------------------------------- */

static _Atomic(int) accused;
static pthread_barrier_t start_line;

static void count_misuse(const struct allot_misuse *misuse, void *arg)
{
    (void)arg;
    accused += misuse->kind == ALLOT_MISUSE_DOUBLE_FREE ? 1 : 1000;
}

#define RACED 800 /* a report takes its time */

static void *free_the_same(void *arg)
{
    (void)arg;
    for (int i = 0; i < RACED; i++) {
        if (i % 16 == 0)
            pthread_barrier_wait(&start_line);
        give(blocks[i]);
    }
    return NULL;
}

/* A watched block is freed by a compare-and-swap: of three frees at once exactly one is right. */
static void observer_when_frees_race_is_told_of_one(void **state)
{
    pthread_t threads[3];

    (void)state;
    accused = 0;
    allot_set_misuse_handler(count_misuse, NULL);
    pthread_barrier_init(&start_line, NULL, 3);
    assert_int_equal(ali_observe(&everything), 0);
    run_in_thread(take_many, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, free_the_same, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(seen.freed, RACED);
    assert_int_equal(accused, 2 * RACED);
    for (int i = RACED; i < MANY; i++)
        give(blocks[i]);
    assert_int_equal(seen.wrong, 0);
    pthread_barrier_destroy(&start_line);
    allot_set_misuse_handler(NULL, NULL);
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

static void on_allocated_anything(const struct ali_event *event, void *arg)
{
    (void)arg;
    if (event->p == NULL || event->weight_bytes == 0)
        atomic_store(&stop, true);
}

static void on_freed_anything(const struct ali_event *event, void *arg)
{
    (void)arg;
    if (event->p == NULL || event->size == 0)
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
        TEST(second_observer_when_one_is_there_is_refused),
        TEST(observer_when_it_comes_and_goes_loses_no_block),
        TEST(observer_when_it_comes_late_is_told_of_new_blocks_only),
        TEST(observer_when_another_saw_the_allocation_is_not_told_of_the_free),
        TEST(observer_when_frees_race_is_told_of_one),
        TEST(observer_when_it_comes_and_goes_under_running_threads_loses_no_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The observe seam: an observer of everything misses nothing and is told nothing twice; one that
 * samples is unbiased.
 *
 * Slots that were filled before an observer came are not watched, so most of this runs in threads
 * of their own, whose slots are empty. */
#include "unit.h"

#include <math.h>

#include "heap/observed.h"

/* --- everything --------------------------------------------------------------------------- */

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

static void *told_in_full(void *arg)
{
    void *p, *q;

    (void)arg;
    for (size_t i = 0; i < SIZES; i++) {
        p = take(sizes[i]);
        REQUIRE(seen.last_allocated.align == 16 && !seen.last_allocated.zero);
        REQUIRE(seen.last_allocated.was == NULL);
        q = ali_heap_realloc(p, sizes[i] * 3, ALI_CALL_REALLOC, &here);
        REQUIRE(seen.last_allocated.p == q && seen.last_allocated.was == p);
        REQUIRE(seen.last_freed.p == p && seen.last_freed.moved);
        ali_heap_free_miss(q, ALI_CALL_REALLOC, &here); /* realloc(q, 0) */
        REQUIRE(seen.last_freed.p == q && !seen.last_freed.moved);
        p = ali_heap_zalloc(sizes[i], ALI_CALL_CALLOC, &here);
        REQUIRE(seen.last_allocated.zero && seen.last_allocated.was == NULL);
        give(p);
        REQUIRE(seen.last_freed.p == p && !seen.last_freed.moved);
        p = ali_heap_aligned(sizes[i], 8192, ALI_CALL_MEMALIGN, &here);
        REQUIRE(seen.last_allocated.align == 8192 && !seen.last_allocated.zero);
        give(p);
    }
    return NULL;
}

static void observer_when_told_knows_alignment_zero_and_what_moved(void **state)
{
    (void)state;
    assert_int_equal(ali_observe(&everything), 0);
    run_in_thread(told_in_full, NULL);
}

/* --- refusing ----------------------------------------------------------------------------- */

static size_t asked, refuse_at;

static bool refuse_nth(size_t size, const void *caller, void *arg)
{
    if (size == 0 || caller != &here || arg != &seen)
        seen.wrong++;
    return ++asked == refuse_at;
}

static const struct ali_observer refusing = {
    .allocated = on_allocated, .freed = on_freed, .refuse = refuse_nth, .arg = &seen};

static void *refuse_each(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < SIZES; i++) {
        char *p = take(sizes[i]), *q;

        REQUIRE(p != NULL);
        memset(p, 0x5a, sizes[i]);
        for (int call = 0; call < 4; call++) {
            asked = 0;
            refuse_at = 1;
            q = call == 0   ? take(sizes[i])
                : call == 1 ? ali_heap_zalloc(sizes[i], ALI_CALL_CALLOC, &here)
                : call == 2 ? ali_heap_aligned(sizes[i], 4096, ALI_CALL_MEMALIGN, &here)
                            : ali_heap_realloc(p, sizes[i] + 100, ALI_CALL_REALLOC, &here);
            REQUIRE(q == NULL && asked == 1);
            REQUIRE(allot_last_error().cause == ALLOT_CAUSE_INJECTED);
            REQUIRE(p[0] == 0x5a && memcmp(p, p + 1, sizes[i] - 1) == 0);
            REQUIRE(entry_of(p)->live == 1);
        }
        refuse_at = 0;
        give(p);
    }
    return NULL;
}

static void observer_when_it_refuses_makes_the_call_fail_and_nothing_else(void **state)
{
    (void)state;
    asked = refuse_at = 0;
    assert_int_equal(ali_observe(&refusing), 0);
    run_in_thread(refuse_each, NULL);
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

static void allocating_allocated(const struct ali_event *event, void *arg)
{
    void *mine = take(48);

    if (nested != NULL)
        nested_seen++; /* told of what was allocated below */
    nested = mine;
    give(take(200000));
    give(mine);
    nested = NULL;
    on_allocated(event, arg);
}

static void allocating_freed(const struct ali_event *event, void *arg)
{
    give(take(48));
    give(take(200000));
    on_freed(event, arg);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, observe_nothing, observe_nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(observer_when_everything_is_asked_for_sees_each_call_once),
        TEST(observer_when_blocks_are_resized_knows_their_new_size),
        TEST(observer_when_told_knows_alignment_zero_and_what_moved),
        TEST(observer_when_it_refuses_makes_the_call_fail_and_nothing_else),
        TEST(observer_when_other_threads_free_sees_each_once),
        TEST(observer_when_a_heap_object_is_used_sees_its_blocks),
        TEST(observer_when_it_allocates_is_not_told_of_that),
        TEST(observer_when_it_allocates_elsewhere_than_observed_is_not_told_of_that),
        TEST(sample_when_blocks_are_small_is_unbiased),
        TEST(sample_when_blocks_are_near_the_interval_is_unbiased),
        TEST(sample_when_sizes_are_mixed_is_unbiased),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

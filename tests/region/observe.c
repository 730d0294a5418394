/* Arenas under observers: every object seen as a block of the source, or a sample of them, and
 * nothing when nobody looks. */
#include "unit.h"

#include "allot/allot.h"
#include "core/core.h"
#include "core/observe.h"
#include "region/counted.h"

enum { NOTES = 200000 };

static struct {
    void *p;
    size_t size;
    uint64_t weight;
    bool freed;
} notes[NOTES];
static size_t note_count, freed_count;
static uint64_t weight_sum;

static void note_allocated(const struct ali_event *event, void *arg)
{
    (void)arg;
    assert_non_null(event->caller);
    assert_true(event->align >= 16);
    assert_true(note_count < NOTES);
    notes[note_count].p = event->p;
    notes[note_count].size = event->size;
    notes[note_count].weight = event->weight_bytes;
    notes[note_count].freed = false;
    note_count++;
    weight_sum += event->weight_bytes;
}

static void note_freed(const struct ali_event *event, void *arg)
{
    (void)arg;
    for (size_t i = note_count; i-- > 0;)
        if (notes[i].p == event->p && !notes[i].freed) {
            assert_true(event->size >= notes[i].size); /* the heap tells of usable bytes */
            notes[i].freed = true;
            freed_count++;
            return;
        }
    fail();
}

static struct ali_observer everything = {.allocated = note_allocated, .freed = note_freed};
static struct ali_observer sampler = {
    .allocated = note_allocated, .freed = note_freed, .mean_bytes = 4096};

static void start(const struct ali_observer *observer)
{
    note_count = freed_count = 0;
    weight_sum = 0;
    assert_int_equal(ali_observe(observer), 0);
}

/* --- everything ---------------------------------------------------------------------------- */

static void every_object_is_a_block_under_an_observer_of_all(void **state)
{
    struct counted source = COUNTED_INIT;
    struct allot_arena_options o = {.source = &source.base};
    allot_arena_mark mark;
    struct allot_arena_stats stats;
    allot_arena a;
    size_t before;
    char *p;

    (void)state;
    start(&everything);
    assert_int_equal(allot_arena_init(&a, &o), 0);
    (void)!allot_arena_push(&a, 1);
    before = source.live_blocks;
    p = allot_arena_push(&a, 24);
    assert_int_equal(source.live_blocks, before + 1);
    assert_non_null(source.last_caller);
    mark = allot_arena_mark_get(&a);
    for (size_t i = 1; i <= 100; i++) {
        char *q = allot_arena_push_aligned(&a, i, i % 2 ? 8 : 256);

        assert_true(ali_is_aligned(q, i % 2 ? 8 : 256));
        assert_true(allot_arena_owns(&a, q + i - 1));
        assert_false(allot_arena_owns(&a, q + i));
    }
    (void)!allot_arena_strdup(&a, "a string is one, too");
    allot_arena_stats_get(&a, &stats);
    assert_true(stats.individual);
    assert_int_equal(stats.blocks, 103);
    assert_int_equal(stats.used_bytes, 25 + 5050 + 21);
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    assert_in_range(source.live_blocks, before + 1, before + 2);
    memset(p, 1, 24);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_NONE), 0);
    assert_int_equal(source.live_blocks, 0);
    allot_arena_release(&a);
    assert_int_equal(ali_observe(NULL), 0);
    assert_int_equal(note_count, 0); /* this source tells nobody */
}

static void heap_tells_of_every_object_of_an_arena_on_it(void **state)
{
    struct allot_arena_options o = {.source = allot_heap_allocator(NULL)};
    allot_arena a;
    size_t told;

    (void)state;
    start(&everything);
    assert_int_equal(allot_arena_init(&a, &o), 0);
    for (size_t i = 1; i <= 1000; i++)
        assert_non_null(allot_arena_push(&a, i));
    told = note_count;
    assert_int_equal(told, 1000); /* and not of the arena's own chunks */
    for (size_t i = 0; i < told; i++)
        assert_int_equal(notes[i].size, i + 1);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_int_equal(freed_count, 1000);
    allot_arena_release(&a);
    assert_int_equal(note_count, told);
    assert_int_equal(ali_observe(NULL), 0);
}

/* A source that cannot free: the arena tells of the objects itself. */
static void chunked_objects_are_told_where_the_source_cannot_free(void **state)
{
    allot_arena outer, a;
    struct allot_arena_options o = {.source = &outer.base, .chunk_bytes = 1 << 20};
    allot_arena_mark mark;

    (void)state;
    assert_int_equal(allot_arena_init(&outer, NULL), 0);
    assert_int_equal(allot_arena_init(&a, &o), 0);
    (void)!allot_arena_push(&a, 100);     /* before anybody looks */
    (void)!allot_arena_push(&a, ALI_MIB); /* uses up the chunk that nobody watches */
    start(&everything);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    mark = allot_arena_mark_get(&a);
    for (size_t i = 1; i <= 500; i++)
        memset(allot_arena_push(&a, i), 1, i);
    assert_int_equal(note_count, 500);
    assert_int_equal(weight_sum, 500 * 501 / 2);
    assert_int_equal(freed_count, 0);
    assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    assert_int_equal(freed_count, 500);
    allot_arena_release(&a);
    assert_int_equal(ali_observe(NULL), 0);
    allot_arena_release(&outer);
}

static void objects_of_before_are_freed_without_a_word(void **state)
{
    struct counted source = COUNTED_INIT;
    struct allot_arena_options o = {.source = &source.base};
    allot_arena a;

    (void)state;
    assert_int_equal(allot_arena_init(&a, &o), 0);
    (void)!allot_arena_push(&a, 64);
    start(&sampler);
    allot_arena_release(&a);
    assert_int_equal(note_count, 0);
    assert_int_equal(freed_count, 0);
    assert_int_equal(ali_observe(NULL), 0);
    assert_int_equal(source.live_blocks, 0);
}

/* --- a sample ------------------------------------------------------------------------------ */

/* Bytes pushed in `count` objects, as the arena rounds them; a mixture of both kinds of push. */
static uint64_t push_many(allot_arena *a, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        if (i % 7 == 0) {
            assert_non_null(allot_arena_push_bytes(a, 33));
            bytes += 33;
        } else if (i % 1000 == 1) {
            assert_non_null(allot_arena_push(a, 100000));
            bytes += 100000;
        } else {
            assert_non_null(allot_arena_push(a, 48));
            bytes += 48;
        }
    }
    return bytes;
}

/* The sum of the weights estimates the bytes; with n samples of equal weight it is off by
 * 1/sqrt(n). Ten times that is no accident, and fails for an estimate that is off by a tenth. */
static void weights_of_samples_add_up_to_what_was_pushed(void **state)
{
    struct allot_arena_options o = {.source = allot_heap_allocator(NULL)};
    allot_arena a;
    double bytes, error;

    (void)state;
    start(&sampler);
    assert_int_equal(allot_arena_init(&a, &o), 0);
    bytes = (double)push_many(&a, 400000);
    assert_in_range(note_count, 4000, 12000);
    error = (double)weight_sum / bytes - 1;
    if (error < -0.1 || error > 0.1)
        fail_msg("weights are off by %.3f", error);
    assert_int_equal(freed_count, 0);
    assert_int_equal(allot_arena_reset(&a, ALLOT_KEEP_ALL), 0);
    assert_int_equal(freed_count, note_count);
    (void)push_many(&a, 10000);
    assert_true(note_count > freed_count);
    allot_arena_release(&a);
    assert_int_equal(freed_count, note_count);
    assert_int_equal(ali_observe(NULL), 0);
}

static void samples_stay_exact_across_marks(void **state)
{
    struct allot_arena_options o = {.source = allot_heap_allocator(NULL)};
    allot_arena_mark mark;
    allot_arena a;
    double bytes = 0, error;

    (void)state;
    start(&sampler);
    assert_int_equal(allot_arena_init(&a, &o), 0);
    (void)!allot_arena_push(&a, 10);
    mark = allot_arena_mark_get(&a);
    for (int i = 0; i < 200000; i++) {
        for (int k = 0; k < i % 5; k++) {
            assert_non_null(allot_arena_push(&a, 64));
            bytes += 64;
        }
        assert_int_equal(allot_arena_rewind(&a, &mark), 0);
    }
    error = (double)weight_sum / bytes - 1;
    if (error < -0.1 || error > 0.1)
        fail_msg("weights are off by %.3f", error);
    assert_in_range(freed_count, note_count - 1, note_count);
    allot_arena_release(&a);
    assert_int_equal(freed_count, note_count);
    assert_int_equal(ali_observe(NULL), 0);
}

static void objects_stay_whole_when_the_end_is_cut(void **state)
{
    enum { COUNT = 20000 };
    static unsigned char *p[COUNT];
    struct allot_arena_options o = {.source = allot_heap_allocator(NULL)};
    allot_arena a;

    (void)state;
    start(&sampler);
    assert_int_equal(allot_arena_init(&a, &o), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = i % 3 ? allot_arena_push(&a, i % 300 + 1) : allot_arena_push_bytes(&a, i % 300 + 1);
        memset(p[i], (int)(i % 251), i % 300 + 1);
    }
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned k = 0; k <= i % 300; k++)
            assert_int_equal(p[i][k], i % 251);
    allot_arena_release(&a);
    assert_int_equal(ali_observe(NULL), 0);
}

static void option_makes_every_object_a_block(void **state)
{
    struct counted source = COUNTED_INIT;
    struct allot_arena_options o = {.source = &source.base};
    allot_arena a;

    (void)state;
    ali_options.regions = ALI_REGIONS_INDIVIDUAL;
    assert_int_equal(allot_arena_init(&a, &o), 0);
    for (int i = 0; i < 50; i++)
        (void)!allot_arena_push(&a, 16);
    assert_in_range(source.live_blocks, 51, 52);
    allot_arena_release(&a);
    ali_options.regions = ALI_REGIONS_CHUNKED;
    assert_int_equal(source.live_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_object_is_a_block_under_an_observer_of_all),
        cmocka_unit_test(heap_tells_of_every_object_of_an_arena_on_it),
        cmocka_unit_test(chunked_objects_are_told_where_the_source_cannot_free),
        cmocka_unit_test(objects_of_before_are_freed_without_a_word),
        cmocka_unit_test(weights_of_samples_add_up_to_what_was_pushed),
        cmocka_unit_test(samples_stay_exact_across_marks),
        cmocka_unit_test(objects_stay_whole_when_the_end_is_cut),
        cmocka_unit_test(option_makes_every_object_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

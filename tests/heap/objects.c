/* Heap objects: what belongs to one, who may use it, and its end. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"
#include "heap/recorder.h"
#include "heap/shadow.h"

/* Small, near a class's end, wide, large. */
static const size_t sizes[] = {1, 24, 100, 1024, 5000, 16384, 20000, 65536, 65537, 700000};

#define SIZES ALI_ARRAY_COUNT(sizes)

static size_t spans_bytes(void)
{
    struct allot_stats stats;

    (void)allot_trim(0);
    assert_int_equal(allot_stats_get(&stats), 0);
    return stats.spans_bytes;
}

static struct allot_heap_stats stats_of(allot_heap *heap)
{
    struct allot_heap_stats stats;

    assert_int_equal(allot_heap_stats_get(heap, &stats), 0);
    return stats;
}

static void free_default(void *p)
{
    if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_FREE, __builtin_return_address(0));
}

static void run_in_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* --- identity ----------------------------------------------------------------------------- */

static void name_when_given_is_kept_and_cut(void **state)
{
    char name[64];
    allot_heap *heap;

    (void)state;
    memset(name, 'n', sizeof name);
    name[63] = '\0';
    heap = allot_heap_create(&(struct allot_heap_options){.name = name});
    assert_non_null(heap);
    memset(name, 'x', sizeof name - 1);
    assert_string_equal(allot_heap_name(heap), "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
    allot_heap_destroy(heap);
    heap = allot_heap_create(NULL);
    assert_string_equal(allot_heap_name(heap), "");
    allot_heap_destroy(heap);
}

static void heap_of_when_asked_for_a_block_gives_its_heap(void **state)
{
    allot_heap *a = allot_heap_create(NULL);
    allot_heap *b = allot_heap_create(NULL);
    int local;

    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        char *pa = allot_heap_alloc(a, sizes[i]);
        char *pb = allot_heap_zalloc(b, sizes[i]);
        char *pd = allot_heap_alloc(allot_heap_default(), sizes[i]);

        assert_ptr_equal(allot_heap_of(pa), a);
        assert_ptr_equal(allot_heap_of(pb), b);
        assert_null(allot_heap_of(pd));
        assert_null(allot_heap_of(pa + 1));
        free_default(pd);
        allot_heap_free(a, pa);
        assert_null(allot_heap_of(pa));
    }
    assert_null(allot_heap_of(NULL));
    assert_null(allot_heap_of(&local));
    allot_heap_destroy(a);
    allot_heap_destroy(b);
    assert_nothing_recorded();
}

static void null_heap_when_used_is_the_default_one(void **state)
{
    void *p = allot_heap_alloc(NULL, 100);

    (void)state;
    assert_non_null(p);
    assert_int_equal(allot_heap_usable(allot_heap_default(), p), 112);
    assert_int_equal(allot_heap_realloc(NULL, &p, 200), 0);
    allot_heap_free(NULL, p);
    allot_heap_destroy(NULL);
    assert_nothing_recorded();
}

/* --- threads ------------------------------------------------------------------------------ */

struct errand {
    allot_heap *heap;
    void *blocks[SIZES];
};

static void *alloc_all(void *arg)
{
    struct errand *e = arg;

    for (size_t i = 0; i < SIZES; i++) {
        e->blocks[i] = allot_heap_alloc(e->heap, sizes[i]);
        if (e->blocks[i] != NULL)
            shadow_fill(e->blocks[i], sizes[i], i);
    }
    return NULL;
}

static void *free_all(void *arg)
{
    struct errand *e = arg;

    for (size_t i = 0; i < SIZES; i++)
        allot_heap_free(e->heap, e->blocks[i]);
    return NULL;
}

static void heap_when_one_thread_allocates_and_another_frees_is_whole(void **state)
{
    struct errand e = {.heap = allot_heap_create(NULL)};

    (void)state;
    for (int round = 0; round < 50; round++) {
        run_in_thread(alloc_all, &e);
        for (size_t i = 0; i < SIZES; i++) {
            assert_non_null(e.blocks[i]);
            assert_true(shadow_is_intact(e.blocks[i], sizes[i], sizes[i], i));
            assert_ptr_equal(allot_heap_of(e.blocks[i]), e.heap);
        }
        assert_int_equal(stats_of(e.heap).live_blocks, SIZES);
        run_in_thread(free_all, &e);
        assert_int_equal(stats_of(e.heap).live_blocks, 0);
    }
    /* what fifty threads needed, not fifty times what one did */
    assert_in_range(stats_of(e.heap).peak_spans_bytes, 1, 24 * ALI_MIB);
    allot_heap_destroy(e.heap);
    assert_nothing_recorded();
}

struct visitor {
    allot_heap *heap;
    pthread_barrier_t meet;
};

static void *hold_over_destroy(void *arg)
{
    struct visitor *v = arg;

    for (int i = 0; i < 500; i++)
        if (allot_heap_alloc(v->heap, (size_t)i * 7) == NULL)
            return unit_wrong("an allocation failed");
    pthread_barrier_wait(&v->meet); /* the heap is destroyed between the two */
    pthread_barrier_wait(&v->meet);
    v->heap = allot_heap_create(NULL); /* often the same struct again */
    if (v->heap == NULL || allot_heap_alloc(v->heap, 100) == NULL)
        return unit_wrong("a new heap does not work");
    return NULL;
}

static void thread_when_it_ends_after_its_heap_leaves_all_in_order(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct visitor v = {.heap = allot_heap_create(NULL)};
        pthread_t thread;
        void *error;

        pthread_barrier_init(&v.meet, NULL, 2);
        assert_int_equal(pthread_create(&thread, NULL, hold_over_destroy, &v), 0);
        pthread_barrier_wait(&v.meet);
        allot_heap_destroy(v.heap);
        pthread_barrier_wait(&v.meet);
        pthread_join(thread, &error);
        assert_null(error);
        assert_int_equal(stats_of(v.heap).live_blocks, 1);
        allot_heap_destroy(v.heap);
        pthread_barrier_destroy(&v.meet);
    }
    assert_nothing_recorded();
}

#define WORKERS 4
#define HEAPS 24

struct worker {
    allot_heap **heaps;
    uint64_t seed;
    pthread_t thread;
};

static void *use_many(void *arg)
{
    struct worker *w = arg;
    struct ali_random r = {w->seed};
    static _Thread_local void *mine[HEAPS][8];
    void *error = NULL;

    for (int i = 0; i < 8000; i++) {
        uint64_t bits = ali_random_next(&r);
        size_t h = bits % HEAPS, slot = bits >> 8 & 7, size = (bits >> 16 & 0x3fff) + 16;
        uint64_t **p = (uint64_t **)&mine[h][slot];

        if (*p != NULL && **p != (uintptr_t)*p)
            error = unit_wrong("a block lost its contents");
        allot_heap_free(w->heaps[h], *p);
        *p = allot_heap_alloc(w->heaps[h], size);
        if (*p == NULL)
            error = unit_wrong("an allocation failed");
        else
            **p = (uintptr_t)*p;
    }
    return error; /* the blocks stay, for destroy */
}

static void heaps_when_many_threads_use_many_return_everything(void **state)
{
    allot_heap *heaps[HEAPS];
    struct worker workers[WORKERS];
    size_t before = spans_bytes();

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < HEAPS; i++)
            assert_non_null(heaps[i] = allot_heap_create(NULL));
        for (int i = 0; i < WORKERS; i++) {
            workers[i] = (struct worker){.heaps = heaps, .seed = (uint64_t)(round * WORKERS + i)};
            assert_int_equal(pthread_create(&workers[i].thread, NULL, use_many, &workers[i]), 0);
        }
        for (int i = 0; i < WORKERS; i++) {
            void *error;

            pthread_join(workers[i].thread, &error);
            assert_null(error);
        }
        for (int i = 0; i < HEAPS; i++) {
            assert_in_range(stats_of(heaps[i]).live_blocks, 1, WORKERS * 8);
            allot_heap_destroy(heaps[i]);
        }
        assert_int_equal(spans_bytes(), before);
    }
    assert_nothing_recorded();
}

/* --- the end of a heap -------------------------------------------------------------------- */

static void destroy_when_blocks_are_live_returns_every_span(void **state)
{
    size_t before = spans_bytes();

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct errand e = {.heap = allot_heap_create(NULL)};

        alloc_all(&e);
        run_in_thread(alloc_all, &e);
        alloc_all(&e);
        free_all(&e);
        assert_true(spans_bytes() > before);
        allot_heap_destroy(e.heap);
        assert_int_equal(spans_bytes(), before);
    }
    assert_nothing_recorded();
}

static void heaps_when_made_and_destroyed_without_end_need_no_more_memory(void **state)
{
    struct allot_stats early, late;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        allot_heap *heap = allot_heap_create(NULL);

        assert_non_null(allot_heap_alloc(heap, 100));
        if (round == 300)
            (void)allot_stats_get(&early);
        allot_heap_destroy(heap);
    }
    (void)allot_stats_get(&late);
    assert_in_range(late.metadata_bytes, 0, early.metadata_bytes + 64 * ALI_KIB);
    assert_in_range(late.spans_bytes, 0, early.spans_bytes);
    assert_int_equal(late.heaps, early.heaps - 1);
}

static void free_when_the_heap_was_destroyed_names_that(void **state)
{
    struct errand e = {.heap = allot_heap_create(NULL)};

    (void)state;
    alloc_all(&e);
    allot_heap_destroy(e.heap);
    for (size_t i = 0; i < SIZES; i++) {
        free_default(e.blocks[i]);
        assert_recorded(ALLOT_MISUSE_INVALID_FREE, ALLOT_PLACE_DESTROYED_HEAP, e.blocks[i]);
        assert_null(ali_heap_realloc(e.blocks[i], 8, ALI_CALL_REALLOC, NULL));
        assert_recorded(ALLOT_MISUSE_INVALID_REALLOC, ALLOT_PLACE_DESTROYED_HEAP, e.blocks[i]);
        assert_null(allot_heap_of(e.blocks[i]));
    }
    /* in the middle of what was a large block */
    free_default((char *)e.blocks[SIZES - 1] + 3 * ALI_SLICE_BYTES);
    assert_int_equal(recorded.place, ALLOT_PLACE_DESTROYED_HEAP);
    recorded_count = 0;
}

static void stale_heap_when_used_is_reported(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    void *p = allot_heap_alloc(heap, 100);
    void *was = p;

    (void)state;
    allot_heap_destroy(heap);
    assert_null(allot_heap_alloc(heap, 8));
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_string_equal(recorded.call, "allot_heap_alloc");
    assert_null(allot_heap_zalloc(heap, 8));
    assert_null(allot_heap_aligned(heap, 8, 64));
    assert_int_equal(recorded_count, 2);
    recorded_count = 0;
    allot_heap_free(heap, p);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_int_equal(allot_heap_usable(heap, p), 0);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_int_equal(allot_heap_realloc(heap, &p, 8), -EINVAL);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_ptr_equal(p, was);
    p = NULL;
    assert_int_equal(allot_heap_realloc(heap, &p, 8), -EINVAL);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_string_equal(recorded.call, "allot_heap_realloc");
    assert_null(p);
    allot_heap_destroy(heap);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    allot_heap_destroy(allot_heap_default());
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, allot_heap_default());
}

static bool visit_none(void *block, size_t usable_bytes, void *arg)
{
    (void)block;
    (void)usable_bytes;
    *(int *)arg += 1;
    return true;
}

static void stale_heap_when_asked_about_is_reported(void **state)
{
    allot_heap *heap = allot_heap_create(&(struct allot_heap_options){.name = "was"});
    struct allot_heap_stats stats = {.live_bytes = 1};
    int visited = 0;

    (void)state;
    assert_non_null(allot_heap_alloc(heap, 100));
    allot_heap_destroy(heap);
    assert_int_equal(allot_heap_stats_get(heap, &stats), -EINVAL);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_string_equal(recorded.call, "allot_heap_stats_get");
    assert_int_equal(stats.live_bytes, 0);
    assert_false(allot_heap_walk(heap, visit_none, &visited));
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_string_equal(recorded.call, "allot_heap_walk");
    assert_int_equal(visited, 0);
    allot_heap_set_limit(heap, 1);
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_string_equal(recorded.call, "allot_heap_set_limit");
    assert_string_equal(allot_heap_name(heap), "");
    assert_recorded(ALLOT_MISUSE_INVALID_HEAP, recorded.place, heap);
    assert_string_equal(recorded.call, "allot_heap_name");
    /* the next one in its place has neither its limit nor its name */
    heap = allot_heap_create(NULL);
    assert_non_null(allot_heap_alloc(heap, 100));
    assert_string_equal(allot_heap_name(heap), "");
    allot_heap_destroy(heap);
    assert_nothing_recorded();
}

static void null_heap_when_asked_about_is_the_default_one(void **state)
{
    struct allot_heap_stats stats;
    int visited = 0;
    void *p = NULL;

    (void)state;
    assert_int_equal(allot_heap_realloc(NULL, &p, 100), 0);
    assert_int_equal(allot_heap_stats_get(NULL, &stats), 0);
    assert_true(stats.live_blocks >= 1);
    assert_true(allot_heap_walk(NULL, visit_none, &visited));
    assert_int_equal(visited, stats.live_blocks);
    assert_string_equal(allot_heap_name(NULL), "");
    assert_null(allot_heap_of(NULL));
    assert_int_equal(allot_heap_usable(NULL, NULL), 0);
    allot_heap_free(NULL, NULL);
    allot_heap_destroy(NULL);
    allot_heap_free(NULL, p);
    assert_nothing_recorded();
}

static void block_when_given_to_another_heap_is_mismatched_and_stays(void **state)
{
    allot_heap *a = allot_heap_create(&(struct allot_heap_options){.name = "a"});
    allot_heap *b = allot_heap_create(&(struct allot_heap_options){.name = "b"});

    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        void *p = allot_heap_alloc(a, sizes[i]);
        void *was = p;

        allot_heap_free(b, p);
        assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        assert_string_equal(recorded.heap, "a");
        allot_heap_free(NULL, p);
        assert_recorded(ALLOT_MISUSE_MISMATCHED_FREE, ALLOT_PLACE_LIVE_BLOCK, p);
        assert_int_equal(allot_heap_realloc(b, &p, 10), -EINVAL);
        assert_ptr_equal(p, was);
        assert_int_equal(recorded_count, 1);
        recorded_count = 0;
        assert_true(allot_heap_usable(a, p) >= sizes[i]);
        allot_heap_free(a, p);
        assert_nothing_recorded();
    }
    allot_heap_destroy(a);
    allot_heap_destroy(b);
}

/* --- walking ------------------------------------------------------------------------------ */

#define WALKED 4000

struct walk {
    void *blocks[WALKED];
    size_t usable[WALKED];
    int seen[WALKED];
    size_t count, calls, stop_after;
};

static bool visit(void *block, size_t usable_bytes, void *arg)
{
    struct walk *w = arg;

    w->calls++;
    for (size_t i = 0; i < w->count; i++)
        if (w->blocks[i] == block && w->usable[i] == usable_bytes)
            w->seen[i]++;
    return w->calls != w->stop_after;
}

static void walk_when_blocks_are_live_visits_each_once(void **state)
{
    static struct walk w;
    allot_heap *heap = allot_heap_create(NULL);
    allot_heap *other = allot_heap_create(NULL);
    struct errand elsewhere = {.heap = heap};
    struct ali_random r = {3};
    size_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < WALKED; i++) {
        size_t size = shadow_size((uint16_t)(ali_random_next(&r) & 0xbfff));
        void *p = allot_heap_alloc(heap, size);

        assert_non_null(allot_heap_alloc(other, size % 4096));
        if (i % 3 == 0) {
            allot_heap_free(heap, p);
            continue;
        }
        w.usable[w.count] = allot_heap_usable(heap, p);
        bytes += w.usable[w.count];
        w.blocks[w.count++] = p;
    }
    run_in_thread(alloc_all, &elsewhere);
    for (size_t i = 0; i < SIZES; i++) {
        w.usable[w.count] = allot_heap_usable(heap, elsewhere.blocks[i]);
        bytes += w.usable[w.count];
        w.blocks[w.count++] = elsewhere.blocks[i];
    }
    assert_true(allot_heap_walk(heap, visit, &w));
    assert_int_equal(w.calls, w.count);
    for (size_t i = 0; i < w.count; i++)
        assert_int_equal(w.seen[i], 1);
    assert_int_equal(stats_of(heap).live_blocks, w.count);
    assert_int_equal(stats_of(heap).live_bytes, bytes);
    w.calls = 0;
    w.stop_after = 10;
    assert_false(allot_heap_walk(heap, visit, &w));
    assert_int_equal(w.calls, 10);
    allot_heap_destroy(heap);
    allot_heap_destroy(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recorder_start, recorder_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(name_when_given_is_kept_and_cut),
        TEST(heap_of_when_asked_for_a_block_gives_its_heap),
        TEST(null_heap_when_used_is_the_default_one),
        TEST(heap_when_one_thread_allocates_and_another_frees_is_whole),
        TEST(thread_when_it_ends_after_its_heap_leaves_all_in_order),
        TEST(heaps_when_many_threads_use_many_return_everything),
        TEST(destroy_when_blocks_are_live_returns_every_span),
        TEST(heaps_when_made_and_destroyed_without_end_need_no_more_memory),
        TEST(free_when_the_heap_was_destroyed_names_that),
        TEST(stale_heap_when_used_is_reported),
        TEST(stale_heap_when_asked_about_is_reported),
        TEST(null_heap_when_asked_about_is_the_default_one),
        TEST(block_when_given_to_another_heap_is_mismatched_and_stays),
        TEST(walk_when_blocks_are_live_visits_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

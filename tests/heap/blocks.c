/* Random operations against a shadow, by one thread and by many. Every run names its seed;
 * ALLOT_TEST_SEED=n repeats that one alone (of the runs with threads, the choices only). */
#include "unit.h"

#include <pthread.h>
#include <time.h>

#include "heap/shadow.h"

#define FIXED_SEEDS 6
#define STEPS 12000

/* --- seeds -------------------------------------------------------------------------------- */

/* Some that are always the same, and one that never was. */
static void for_each_seed(void (*run)(uint64_t seed, void *arg), void *arg)
{
    const char *told = getenv("ALLOT_TEST_SEED");
    struct timespec now;

    if (told != NULL) {
        run(strtoull(told, NULL, 0), arg);
        return;
    }
    for (uint64_t seed = 1; seed <= FIXED_SEEDS; seed++)
        run(seed, arg);
    clock_gettime(CLOCK_REALTIME, &now);
    run((uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec, arg);
}

/* --- one thread --------------------------------------------------------------------------- */

static const char *run_shadow(struct shadow *s, uint64_t seed, int steps)
{
    struct ali_random r = {seed};

    for (int i = 0; i < steps; i++) {
        struct shadow_op op = shadow_random_op(&r);

        if (!shadow_apply(s, &op))
            return s->error;
        if (i % 4096 == 0 && !shadow_check(s))
            return s->error;
        if (i % 8192 == 5000)
            (void)allot_trim(ali_random_next(&r) % 2 * ALI_MIB);
    }
    shadow_check(s);
    return s->error;
}

static size_t live_blocks(void)
{
    struct allot_stats stats;

    assert_int_equal(allot_stats_get(&stats), 0);
    assert_true(stats.live_blocks != 0 || stats.live_bytes == 0);
    return stats.live_blocks;
}

static void run_alone(uint64_t seed, void *arg)
{
    struct shadow *s = calloc(1, sizeof *s);
    size_t blocks = 0;

    assert_non_null(s);
    s->heap = arg;
    print_message("seed %llu\n", (unsigned long long)seed);
    if (run_shadow(s, seed, STEPS) != NULL)
        fail_msg("%s; ALLOT_TEST_SEED=%llu", s->error, (unsigned long long)seed);
    for (size_t i = 0; i < SHADOW_SLOTS; i++)
        blocks += s->blocks[i].p != NULL;
    assert_int_equal(live_blocks(), blocks);
    assert_true(shadow_free_all(s));
    assert_int_equal(live_blocks(), 0);
    free(s);
}

static void blocks_when_one_thread_does_anything_at_random_keep_their_contents(void **state)
{
    (void)state;
    for_each_seed(run_alone, NULL);
}

static void heap_blocks_when_one_thread_does_anything_at_random_keep_their_contents(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    struct allot_heap_stats stats;

    (void)state;
    assert_non_null(heap);
    for_each_seed(run_alone, heap);
    assert_int_equal(allot_heap_stats_get(heap, &stats), 0);
    assert_int_equal(stats.live_blocks, 0);
    allot_heap_destroy(heap);
}

/* --- many threads ------------------------------------------------------------------------- */

#define THREADS 6
#define ROUNDS 5
#define SHARED 512

/* A block carries what is needed to check it, so that whoever draws it can free it. */
struct parcel {
    uint64_t key;
    size_t bytes; /* with this head */
};

struct crowd {
    allot_heap *heap;
    uint64_t seed;
    int steps;
    _Atomic(struct parcel *) shared[SHARED];
    _Atomic(const char *) error;
    _Atomic(uint64_t) made;
};

struct member {
    struct crowd *crowd;
    uint64_t seed;
    pthread_t thread;
};

static struct parcel *make_parcel(struct crowd *c, struct ali_random *r)
{
    uint64_t bits = ali_random_next(r);
    struct shadow_op op = shadow_random_op(r);
    size_t bytes = shadow_size(op.size_code) % (bits % 64 == 0 ? 2 * ALI_MIB : 24576);
    struct parcel *p;
    void *raw;

    bytes += sizeof *p;
    if (c->heap != NULL)
        raw = bits >> 8 & 1 ? allot_heap_zalloc(c->heap, bytes) : allot_heap_alloc(c->heap, bytes);
    else if (bits >> 8 & 1)
        raw = ali_heap_zalloc(bytes, ALI_CALL_CALLOC, NULL);
    else if (!ali_heap_alloc_hit(bytes, &raw))
        raw = ali_heap_alloc_miss(bytes, ALI_CALL_MALLOC, NULL);
    if (raw == NULL) {
        c->error = "an allocation failed";
        return NULL;
    }
    if ((bits >> 8 & 1) && !shadow_is_zero(raw, bytes))
        c->error = "a zeroed block is not zero";
    p = raw;
    p->key = bits | 1;
    p->bytes = bytes;
    shadow_fill(p + 1, bytes - sizeof *p, p->key);
    c->made++;
    return p;
}

static void end_parcel(struct crowd *c, struct parcel *p)
{
    size_t bytes;

    if (p == NULL)
        return;
    bytes = p->bytes - sizeof *p;
    if (!shadow_is_intact(p + 1, bytes, bytes, p->key))
        c->error = "a block lost its contents";
    if (c->heap != NULL)
        allot_heap_free(c->heap, p);
    else if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_FREE, NULL);
}

static struct parcel *stretch_parcel(struct crowd *c, struct parcel *p, struct ali_random *r)
{
    size_t was = p->bytes - sizeof *p;
    size_t size = sizeof *p + ali_random_next(r) % 4096;
    uint64_t key = p->key;
    void *raw = p;

    if (c->heap != NULL) {
        if (allot_heap_realloc(c->heap, &raw, size) != 0)
            c->error = "a reallocation failed";
    } else {
        raw = ali_heap_realloc(p, size, ALI_CALL_REALLOC, NULL);
    }
    if (raw == NULL) {
        c->error = "a reallocation failed";
        return NULL;
    }
    p = raw;
    if (p->key != key || !shadow_is_intact(p + 1, was, ali_min(was, size - sizeof *p), key))
        c->error = "realloc lost contents";
    p->bytes = size;
    shadow_fill(p + 1, size - sizeof *p, key);
    return p;
}

static void *mingle(void *arg)
{
    struct member *m = arg;
    struct crowd *c = m->crowd;
    struct ali_random r = {m->seed};

    for (int i = 0; i < c->steps && c->error == NULL; i++) {
        uint64_t choice = ali_random_next(&r);
        _Atomic(struct parcel *) *slot = &c->shared[choice % SHARED];
        struct parcel *p = choice >> 32 & 1 ? make_parcel(c, &r) : NULL;

        p = atomic_exchange(slot, p);
        if (p != NULL && (choice >> 33) % 8 == 0)
            p = stretch_parcel(c, p, &r);
        end_parcel(c, p);
    }
    return NULL;
}

static void run_crowd(struct crowd *c)
{
    struct member members[THREADS];

    /* the odd ones of a round end while the others go on, and leave blocks behind */
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREADS; i++) {
            members[i].crowd = c;
            members[i].seed = c->seed * 1000003 + (uint64_t)(round * THREADS + i);
            assert_int_equal(pthread_create(&members[i].thread, NULL, mingle, &members[i]), 0);
            if (i % 2)
                pthread_join(members[i].thread, NULL);
        }
        for (int i = 0; i < THREADS; i += 2)
            pthread_join(members[i].thread, NULL);
    }
}

static void run_together(uint64_t seed, void *arg)
{
    struct crowd *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->heap = arg;
    c->seed = seed;
    c->steps = 4000;
    print_message("seed %llu\n", (unsigned long long)seed);
    run_crowd(c);
    for (int i = 0; i < SHARED; i++)
        end_parcel(c, c->shared[i]);
    if (c->error != NULL)
        fail_msg("%s; ALLOT_TEST_SEED=%llu", c->error, (unsigned long long)seed);
    assert_true(c->made > (uint64_t)c->steps);
    assert_int_equal(live_blocks(), 0);
    free(c);
}

static void blocks_when_threads_come_and_go_and_free_each_others_keep_their_contents(void **state)
{
    (void)state;
    for_each_seed(run_together, NULL);
}

static void
heap_blocks_when_threads_come_and_go_and_free_each_others_keep_their_contents(void **state)
{
    allot_heap *heap = allot_heap_create(NULL);
    struct allot_heap_stats stats;

    (void)state;
    assert_non_null(heap);
    for_each_seed(run_together, heap);
    assert_int_equal(allot_heap_stats_get(heap, &stats), 0);
    assert_int_equal(stats.live_blocks, 0);
    allot_heap_destroy(heap);
}

/* --- what is left ------------------------------------------------------------------------- */

static void *run_and_free(void *arg)
{
    struct shadow *s = arg;

    run_shadow(s, 77, STEPS);
    shadow_free_all(s);
    return NULL;
}

static void trim_when_a_thread_has_freed_all_and_ended_leaves_no_span(void **state)
{
    struct shadow *s = calloc(1, sizeof *s);
    struct allot_stats before, after;
    pthread_t thread;

    (void)state;
    assert_non_null(s);
    (void)allot_trim(0);
    assert_int_equal(allot_stats_get(&before), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_and_free, s), 0);
    pthread_join(thread, NULL);
    assert_null(s->error);
    (void)allot_trim(0);
    assert_int_equal(allot_stats_get(&after), 0);
    assert_int_equal(after.live_blocks, 0);
    assert_true(after.peak_spans_bytes > 8 * ALI_MIB);
    assert_in_range(after.spans_bytes, 0, before.spans_bytes);
    assert_int_equal(after.retained_bytes, 0);
    free(s);
}

/* Its slots keep a slab a class at most. */
static void trim_when_this_thread_has_freed_all_leaves_a_slab_a_class_at_most(void **state)
{
    struct shadow *s = calloc(1, sizeof *s);
    struct allot_stats stats;

    (void)state;
    assert_non_null(s);
    run_and_free(s);
    assert_null(s->error);
    (void)allot_trim(0);
    assert_int_equal(allot_stats_get(&stats), 0);
    assert_int_equal(stats.live_bytes, 0);
    assert_int_equal(stats.retained_bytes, 0);
    for (size_t i = 0; i < stats.class_count; i++)
        assert_in_range(stats.classes[i].slabs, 0, 1);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_when_one_thread_does_anything_at_random_keep_their_contents),
        cmocka_unit_test(heap_blocks_when_one_thread_does_anything_at_random_keep_their_contents),
        cmocka_unit_test(trim_when_this_thread_has_freed_all_leaves_a_slab_a_class_at_most),
        cmocka_unit_test(blocks_when_threads_come_and_go_and_free_each_others_keep_their_contents),
        cmocka_unit_test(
            heap_blocks_when_threads_come_and_go_and_free_each_others_keep_their_contents),
        cmocka_unit_test(trim_when_a_thread_has_freed_all_and_ended_leaves_no_span),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Conformance of what an allocator says of itself: ownership, figures, visits, reset, misuse. */
#include "unit.h"

#include <errno.h>

#include "alloc/conform.h"

static struct objects all;

static void fill(size_t count)
{
    all.count = all.bytes = 0;
    while (all.count < count) {
        struct object *o = &all.list[all.count];

        assert_true(
            object_new(o, conform_size(1 + all.count * all.count % 900), ALLOT_ALIGN_DEFAULT));
        object_fill(o);
        all.count++;
        all.bytes += o->size;
    }
}

static void empty(void)
{
    assert_true(objects_are_intact(&all));
    objects_delete(&all);
}

/* --- ownership ---------------------------------------------------------------------------- */

static void assert_owns(int expected, const void *p)
{
    int owns = allot_allocator_owns(conform.a, p);

    if (conform_can(ALLOT_CAP_OWNS))
        assert_int_equal(owns, expected);
    else
        assert_true(owns == expected || owns == -1);
}

void ownership_when_asked_is_true(void **state)
{
    static int static_data;
    allot_heap *heap = allot_heap_create(NULL);
    void *other = allot_heap_alloc(heap, 100);
    void *foreign = malloc(100);
    struct object big = {0};
    int local;

    (void)state;
    fill(40);
    assert_true(object_new(&big, conform_size(200000), ALLOT_ALIGN_DEFAULT));
    for (size_t i = 0; i < all.count; i++) {
        assert_owns(1, all.list[i].p);
        assert_owns(1, all.list[i].p + all.list[i].size / 2);
        assert_owns(1, all.list[i].p + all.list[i].size - 1);
    }
    assert_owns(1, big.p);
    assert_owns(1, big.p + big.size - 1);
    assert_owns(0, &local);
    assert_owns(0, &static_data);
    assert_owns(0, other);
    assert_owns(0, NULL);
    if (strcmp(conform.c->name, "libc") != 0)
        assert_owns(0, foreign);
    free(foreign);
    allot_heap_destroy(heap);
    object_delete(&big);
    empty();
}

/* --- figures ------------------------------------------------------------------------------ */

static struct allot_allocator_stats figures(void)
{
    struct allot_allocator_stats s;

    memset(&s, 0x5a, sizeof s);
    allot_allocator_stats_get(conform.a, &s);
    return s;
}

#define KNOWN(x) ((x) != ALLOT_STAT_UNKNOWN)

void stats_when_known_are_true(void **state)
{
    enum { COUNT = 100 };
    struct allot_allocator_stats before = figures(), full, after;

    (void)state;
    fill(COUNT);
    full = figures();
    if (KNOWN(full.live_objects))
        assert_int_equal(full.live_objects - before.live_objects, COUNT);
    if (KNOWN(full.live_bytes)) {
        assert_in_range(full.live_bytes - before.live_bytes, all.bytes, all.bytes * 4);
        if (KNOWN(full.reserved_bytes))
            assert_true(full.reserved_bytes >= full.live_bytes);
        if (KNOWN(full.peak_live_bytes))
            assert_true(full.peak_live_bytes >= full.live_bytes);
    }
    if (KNOWN(full.allocations))
        assert_int_equal(full.allocations - before.allocations, COUNT);
    assert_null(allot_new(conform.a, (size_t)1 << 46));
    if (KNOWN(full.failures))
        assert_true(figures().failures > full.failures);
    empty();
    after = figures();
    if (conform_can(ALLOT_CAP_FREE)) {
        if (KNOWN(after.live_objects))
            assert_int_equal(after.live_objects, before.live_objects);
        if (KNOWN(after.live_bytes))
            assert_int_equal(after.live_bytes, before.live_bytes);
        if (KNOWN(after.frees))
            assert_int_equal(after.frees - before.frees, COUNT);
    }
    if (KNOWN(after.peak_live_bytes))
        assert_true(after.peak_live_bytes >= full.peak_live_bytes);
}

/* --- visiting ----------------------------------------------------------------------------- */

struct tour {
    size_t seen[CONFORM_OBJECTS];
    size_t others;
    size_t wrong;
    size_t left; /* then the visitor ends it */
};

static bool visit(void *object, size_t bytes, void *arg)
{
    struct tour *t = arg;
    size_t i = 0;

    while (i < all.count && all.list[i].p != object)
        i++;
    if (i == all.count) {
        t->others++;
    } else {
        t->seen[i]++;
        t->wrong += bytes < all.list[i].size;
    }
    return --t->left > 0;
}

static void assert_visited(size_t others)
{
    struct tour t = {.left = SIZE_MAX};

    assert_true(allot_allocator_visit(conform.a, visit, &t));
    assert_int_equal(t.others, others);
    assert_int_equal(t.wrong, 0);
    for (size_t i = 0; i < all.count; i++)
        assert_int_equal(t.seen[i], 1);
}

void visit_when_made_finds_exactly_what_is_live(void **state)
{
    struct tour t = {.left = SIZE_MAX};
    size_t before;

    (void)state;
    all.count = 0;
    if (!conform_can(ALLOT_CAP_INDIVIDUAL)) {
        (void)allot_allocator_visit(conform.a, visit, &t); /* may have something to tell */
        return;
    }
    assert_true(allot_allocator_visit(conform.a, visit, &t));
    before = t.others;
    fill(100);
    assert_visited(before);
    t.left = 7;
    assert_false(allot_allocator_visit(conform.a, visit, &t));
    assert_int_equal(t.left, 0);
    if (conform_can(ALLOT_CAP_FREE))
        for (size_t i = 0; i < 50; i++) {
            object_delete(&all.list[i]);
            all.list[i] = all.list[--all.count];
        }
    else if (conform_can(ALLOT_CAP_LIFO_FREE))
        object_delete(&all.list[--all.count]);
    assert_visited(before);
    empty();
    if (conform_can(ALLOT_CAP_FREE))
        assert_visited(before);
}

/* --- reset and trim ----------------------------------------------------------------------- */

void reset_when_claimed_frees_all_else_nothing(void **state)
{
    struct allot_allocator_stats before = figures(), after;

    (void)state;
    fill(60);
    if (!conform_can(ALLOT_CAP_RESET)) {
        assert_int_equal(allot_allocator_reset(conform.a), -ENOTSUP);
        empty();
        return;
    }
    for (int round = 0; round < 3; round++) {
        assert_int_equal(allot_allocator_reset(conform.a), 0);
        after = figures();
        if (KNOWN(after.live_objects))
            assert_int_equal(after.live_objects, before.live_objects);
        if (KNOWN(after.live_bytes))
            assert_int_equal(after.live_bytes, before.live_bytes);
        all.count = 0;
        if (conform_can(ALLOT_CAP_INDIVIDUAL))
            assert_visited(0);
        fill(60);
        assert_true(objects_are_intact(&all));
    }
    empty();
}

void trim_when_called_leaves_the_objects(void **state)
{
    (void)state;
    (void)allot_allocator_trim(conform.a);
    fill(60);
    (void)allot_allocator_trim(conform.a);
    empty();
    (void)allot_allocator_trim(conform.a);
    fill(10);
    empty();
}

/* --- frees -------------------------------------------------------------------------------- */

void free_without_size_when_claimed_works(void **state)
{
    (void)state;
    fill(60);
    if (!conform_can(ALLOT_CAP_UNSIZED)) {
        allot_delete(conform.a, all.list[59].p, ALLOT_SIZE_UNKNOWN);
        assert_int_equal(conform_misuses(), 1);
        assert_int_equal(conform_misuse.kind, ALLOT_MISUSE_MISMATCHED_FREE);
        empty();
        return;
    }
    assert_true(objects_are_intact(&all));
    while (all.count > 0) {
        struct object *o = &all.list[--all.count];

        assert_true(allot_allocator_usable(conform.a, o->p, ALLOT_SIZE_UNKNOWN, 4) >= o->size);
        allot_delete(conform.a, o->p, ALLOT_SIZE_UNKNOWN);
    }
}

/* A free that is wrong is told, under the call's name, and nothing else happens. */
static void assert_told(void *p, size_t size)
{
    (void)conform_misuses();
    allot_delete(conform.a, p, size);
    assert_int_equal(conform_misuses(), 1);
    assert_string_equal(conform_misuse.call, "allot_delete");
    assert_ptr_equal(conform_misuse.pointer, p);
    assert_true(conform_misuse.frame_count > 0);
}

void free_when_checked_reports_what_is_wrong(void **state)
{
    size_t size = conform_size(100);
    unsigned char local[64] __attribute__((aligned(16)));
    void *p, *freed;

    (void)state;
    if (!conform_can(ALLOT_CAP_CHECKED))
        return;
    fill(20);
    p = all.list[10].p;
    assert_told(local + 16, 16);
    assert_told(all.list[19].p + 16, 16);
    assert_true(objects_are_intact(&all));
    assert_int_equal(allot_resize(conform.a, &p, (size_t)1 << 20, 20), -EINVAL);
    assert_ptr_equal(p, all.list[10].p);
    assert_int_equal(conform_misuses(), 1);
    assert_false(allot_try_resize(conform.a, local + 16, size, 20));
    assert_int_equal(conform_misuses(), 0);
    assert_true(objects_are_intact(&all));
    empty();
    if (!conform_can(ALLOT_CAP_FREE))
        return;
    freed = allot_new(conform.a, size);
    allot_delete(conform.a, freed, size);
    assert_told(freed, size);
    p = freed;
    assert_int_equal(allot_resize(conform.a, &p, size, 2 * size), -EINVAL);
    assert_int_equal(conform_misuses(), 1);
    assert_ptr_equal(p, freed);
}

/* --- the caller --------------------------------------------------------------------------- */

void caller_when_direct_is_handed_down(void **state)
{
    const struct allot_allocator_ops *ops = conform.a->ops;
    static const char here[4];
    size_t size = 40;
    void *p, *to;

    (void)state;
    if ((conform.c->flags & CONFORM_DIRECT) == 0)
        return;
    p = ops->alloc(conform.a, size, 4, here);
    assert_non_null(p);
    assert_ptr_equal(conform.inner.caller, here);
    if (ops->resize != NULL && ops->resize(conform.a, p, size, 41, 4, here + 1)) {
        assert_ptr_equal(conform.inner.caller, here + 1);
        size = 41;
    }
    to = ops->remap == NULL ? NULL : ops->remap(conform.a, p, size, 200, 4, here + 2);
    if (to != NULL) {
        assert_ptr_equal(conform.inner.caller, here + 2);
        p = to;
        size = 200;
    }
    ops->free(conform.a, p, size, 4, here + 3);
    assert_ptr_equal(conform.inner.caller, here + 3);
    assert_true(object_new(&all.list[0], 10, 4));
    assert_true(conform.inner.caller != NULL);
    object_delete(&all.list[0]);
}

/* Conformance of changing sizes: content, alignment, the truth of a resize in place, usable bytes.
 */
#include "unit.h"

#include <errno.h>

#include "alloc/conform.h"

static struct objects all;

/* A neighbour on each side, as a rule, to see what is written over the end. */
static void among(size_t size)
{
    all.count = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(object_new(&all.list[i], size, ALLOT_ALIGN_DEFAULT));
        object_fill(&all.list[i]);
        all.count++;
    }
}

static void part(void)
{
    assert_true(objects_are_intact(&all));
    assert_true(strict_check(&conform.inner));
    objects_delete(&all);
}

/* The one that an allocator of last-in-first-out objects can change. */
static struct object *subject(void)
{
    return &all.list[conform_can(ALLOT_CAP_FREE) ? 1 : 2];
}

static bool serves(size_t size)
{
    return size <= conform_size(size) && size * 8 <= conform_budget();
}

static void resize(struct object *o, size_t size)
{
    size_t kept = ali_min(o->size, size);
    void *p = o->p;

    assert_int_equal(allot_resize_how(conform.a, &p, o->size, size, o->how), 0);
    o->p = p;
    assert_true(object_holds(o, kept));
    o->size = size;
    object_fill(o);
}

void content_when_resized_is_kept(void **state)
{
    static const size_t sizes[] = {0,       1,      15,    16,   17,     100,    112,
                                   113,     1000,   24,    5000, 4096,   20000,  70000,
                                   69000,   130000, 66000, 600,  900000, 950000, 300000,
                                   2500000, 65,     0,     1,    3000,   0};

    (void)state;
    among(conform_size(40));
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++)
        if (serves(sizes[i])) {
            resize(subject(), sizes[i]);
            assert_true(objects_are_intact(&all));
        }
    part();
}

void alignment_when_resized_is_kept(void **state)
{
    static const size_t sizes[] = {1, 100, 5000, 200000, 300000, 1200000, 2400000, 100000, 60, 1};

    (void)state;
    for (unsigned log2 = 0; log2 <= 21; log2++) {
        struct object o;

        if ((size_t)1 << log2 > conform_align((size_t)1 << log2) ||
            (size_t)8 << log2 > conform_budget())
            continue;
        assert_true(object_new(&o, 40, log2));
        object_fill(&o);
        for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++)
            if (serves(sizes[i]))
                resize(&o, sizes[i]);
        object_delete(&o);
    }
}

/* Writes every byte that it has now, then frees it with the size that it has now. */
static void try_one(size_t old_size, size_t new_size)
{
    struct object *o;

    if (!serves(old_size) || !serves(new_size))
        return;
    among(old_size);
    o = subject();
    if (allot_try_resize(conform.a, o->p, o->size, new_size)) {
        assert_true(object_holds(o, ali_min(old_size, new_size)));
        o->size = new_size;
        object_fill(o);
        assert_true(allot_allocator_usable(conform.a, o->p, new_size, 4) >= new_size);
    }
    part();
}

void resize_when_in_place_tells_the_truth(void **state)
{
    static const size_t sizes[] = {
        1,    2,    16,   17,    32,    33,    64,    65,    127,    128,    129,    1000,   1024,
        1025, 4096, 4097, 16384, 16385, 65536, 65537, 70000, 131072, 131073, 200000, 1000000};

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++)
        for (size_t k = 0; k < ALI_ARRAY_COUNT(sizes); k++)
            try_one(sizes[i], sizes[k]);
}

void resize_when_refused_leaves_the_object(void **state)
{
    size_t size = conform_size(500);
    struct object *o;
    void *p;

    (void)state;
    among(size);
    o = subject();
    p = o->p;
    assert_false(allot_try_resize(conform.a, o->p, o->size, (size_t)1 << 46));
    assert_int_equal(allot_resize(conform.a, &p, o->size, (size_t)1 << 46), -ENOMEM);
    assert_ptr_equal(p, o->p);
    assert_true(allot_last_error().cause != ALLOT_CAUSE_NONE);
    part();
}

void usable_bytes_are_usable(void **state)
{
    static const size_t sizes[] = {1, 30, 100, 5000, 70000, 1000000};

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        size_t usable;

        if (!serves(sizes[i]))
            continue;
        among(sizes[i]);
        usable = allot_allocator_usable(conform.a, all.list[1].p, sizes[i], 4);
        assert_true(usable >= sizes[i]);
        memset(all.list[1].p, 0x77, usable);
        object_fill(&all.list[1]);
        part();
    }
}

void atleast_when_given_is_the_size(void **state)
{
    static const size_t sizes[] = {0, 1, 30, 100, 5000, 70000, 1000000};
    size_t given = 1;

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        struct object o = {.how = ALLOT_ALIGN_DEFAULT, .key = i};

        if (!serves(sizes[i]))
            continue;
        o.p = allot_new_atleast(conform.a, sizes[i], &o.size);
        assert_non_null(o.p);
        assert_true(o.size >= sizes[i] && o.size > 0);
        object_fill(&o);
        if (i % 2 == 0 && serves(o.size + 50))
            resize(&o, o.size + 50);
        assert_true(object_is_intact(&o));
        object_delete(&o);
    }
    assert_null(allot_new_atleast(conform.a, SIZE_MAX, &given));
    assert_int_equal(given, 0);
}

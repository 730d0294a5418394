/* Conformance of allocating: sizes, alignments, zeroing, and what must be refused. */
#include "unit.h"

#include <errno.h>

#include "alloc/conform.h"

static struct objects all;

static void add(size_t size, allot_how how)
{
    struct object *o = &all.list[all.count];

    assert_true(all.count < CONFORM_OBJECTS);
    assert_true(object_new(o, size, how));
    assert_true(ali_is_aligned(o->p, allot_how_align(how)));
    object_fill(o);
    all.count++;
    all.bytes += size;
}

static void delete_all(void)
{
    assert_true(objects_are_intact(&all));
    assert_true(strict_check(&conform.inner));
    objects_delete(&all);
}

static void start(void)
{
    all.count = 0;
    all.bytes = 0;
}

void claims_when_read_fit_the_table(void **state)
{
    const struct allot_allocator_ops *ops = conform.a->ops;

    (void)state;
    assert_int_equal(ops->abi, ALLOT_ALLOCATOR_ABI);
    assert_int_equal(ops->caps, allot_allocator_caps(conform.a));
    assert_string_equal(ops->kind, allot_allocator_kind(conform.a));
    assert_true(ops->kind[0] != '\0');
    assert_true(ops->alloc != NULL && ops->free != NULL);
    if (conform_can(ALLOT_CAP_OWNS))
        assert_true(ops->owns != NULL);
    if (conform_can(ALLOT_CAP_RESET))
        assert_true(ops->reset != NULL);
    if (conform_can(ALLOT_CAP_INDIVIDUAL))
        assert_true(ops->visit != NULL);
}

void sizes_when_allocated_are_whole_and_aligned(void **state)
{
    size_t most = conform_size(4 * ALI_MIB);

    (void)state;
    start();
    for (size_t size = 0; size <= ali_min(most, 130) && all.bytes + size < conform_budget(); size++)
        add(size, ALLOT_ALIGN_DEFAULT);
    delete_all();
    for (size_t size = 128; size <= most; size *= 2)
        for (size_t near = size - 1; near <= size + 1 && near <= most; near++)
            if (all.bytes + near < conform_budget() / 2)
                add(near, ALLOT_ALIGN_DEFAULT);
    delete_all();
}

static void assert_refused(size_t size, allot_how how)
{
    errno = 0;
    assert_null(allot_new_how(conform.a, size, how));
    assert_int_equal(errno, ENOMEM);
    assert_true(allot_last_error().cause != ALLOT_CAUSE_NONE);
}

void sizes_near_the_largest_are_refused_and_nothing_is_lost(void **state)
{
    static const unsigned aligns[] = {0, 4, 12, 21};
    size_t live;
    void *p;

    (void)state;
    start();
    for (size_t i = 0; i < 8; i++)
        add(conform_size(100 * i), ALLOT_ALIGN_DEFAULT);
    live = conform.inner.live_objects;
    for (size_t k = 0; k < 130; k = k < 66 ? k + 1 : k * 3 / 2)
        for (size_t i = 0; i < ALI_ARRAY_COUNT(aligns); i++) {
            assert_refused(SIZE_MAX - k, aligns[i]);
            assert_refused((size_t)PTRDIFF_MAX + k, aligns[i] | ALLOT_ZERO);
            assert_refused((size_t)PTRDIFF_MAX - k, aligns[i]);
            p = all.list[7].p;
            assert_int_equal(allot_resize(conform.a, &p, all.list[7].size, (size_t)PTRDIFF_MAX - k),
                             -ENOMEM);
            assert_ptr_equal(p, all.list[7].p);
            assert_int_equal(allot_resize(conform.a, &p, all.list[7].size, SIZE_MAX - k), -ENOMEM);
            assert_ptr_equal(p, all.list[7].p);
        }
    assert_false(allot_try_resize(conform.a, p, all.list[7].size, SIZE_MAX));
    assert_false(allot_try_resize(conform.a, p, all.list[7].size, PTRDIFF_MAX));
    if ((conform.c->flags & CONFORM_DIRECT) != 0)
        assert_true(conform.inner.live_objects <= live); /* a reserve may have been given up */
    delete_all();
}

void alignments_when_asked_for_are_kept_or_refused(void **state)
{
    size_t budget = ali_min(conform_budget(), 24 * ALI_MIB);
    bool any = conform_can(ALLOT_CAP_ANY_ALIGN);

    (void)state;
    if (any)
        assert_true(conform.c->align_max == 0);
    start();
    for (unsigned log2 = 0; log2 <= 21; log2++) {
        size_t align = (size_t)1 << log2;
        const size_t sizes[] = {1, 24, align / 2, align, align + 1, 3 * align};

        for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
            size_t size = conform_size(sizes[i]);

            if (align > conform_align(align)) {
                errno = 0;
                assert_null(allot_new_how(conform.a, size, log2));
                assert_true(errno == EINVAL || errno == ENOMEM);
                continue;
            }
            if (all.bytes + size + align <= budget) {
                add(size, log2);
                all.bytes += align;
            }
        }
        if (!conform_can(ALLOT_CAP_FREE) && all.bytes > budget / 2)
            break;
        if (all.bytes > budget / 2) {
            delete_all();
        }
    }
    delete_all();
}

void how_words_that_are_none_are_refused(void **state)
{
    static const allot_how bad[] = {31, 63, 128, 4 | 128, 1U << 31, UINT32_MAX};
    struct object o;
    void *p;

    (void)state;
    assert_true(object_new(&o, conform_size(64), ALLOT_ALIGN_DEFAULT));
    object_fill(&o);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(bad); i++) {
        errno = 0;
        assert_null(allot_new_how(conform.a, 1, bad[i]));
        assert_int_equal(errno, EINVAL);
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_BAD_ALIGNMENT);
        assert_null(allot_new_array_how(conform.a, 1, 1, bad[i]));
        p = NULL;
        assert_int_equal(allot_resize_how(conform.a, &p, 0, 1, bad[i]), -EINVAL);
        p = o.p;
        assert_int_equal(allot_resize_how(conform.a, &p, o.size, 1, bad[i]), -EINVAL);
        assert_ptr_equal(p, o.p);
        allot_delete_how(conform.a, p, o.size, bad[i]);
        assert_int_equal(conform_misuses(), 1);
        assert_int_equal(conform_misuse.kind, ALLOT_MISUSE_MISMATCHED_FREE);
    }
    assert_true(object_is_intact(&o));
    object_delete(&o);
}

/* Dirty memory first, so that what comes again is not zero by itself. */
static void soil(size_t size, allot_how how)
{
    start();
    for (int i = 0; i < 8 && (all.bytes + size) * 4 < conform_budget(); i++)
        add(size, how);
    delete_all();
}

void zero_when_asked_for_is_zero_on_used_memory(void **state)
{
    static const size_t sizes[] = {1, 8, 16, 100, 128, 1000, 4096, 16384, 70000, 1 << 20};
    static const unsigned aligns[] = {0, 4, 6, 12};
    struct object o;

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++)
        for (size_t k = 0; k < ALI_ARRAY_COUNT(aligns); k++) {
            size_t size = conform_size(sizes[i]);
            allot_how how = aligns[k];

            if (allot_how_align(how) > conform_align(4096) || size * 16 > conform_budget())
                continue;
            soil(size, how);
            for (int round = 0; round < 3; round++) {
                assert_true(object_new(&o, size, how | ALLOT_ZERO));
                assert_true(object_is_zero(&o));
                object_fill(&o);
                assert_true(object_is_intact(&o));
                object_delete(&o);
            }
        }
    o.p = allot_new_zero(conform.a, o.size = 10);
    o.how = ALLOT_ALIGN_DEFAULT;
    assert_non_null(o.p);
    assert_true(object_is_zero(&o));
    object_delete(&o);
}

void zero_when_resized_is_zero_in_what_is_added(void **state)
{
    static const size_t sizes[] = {1, 5, 17, 60, 64, 100, 300, 1000, 5000, 70000, 300000, 2500000};
    static const unsigned aligns[] = {4, 6, 17};

    (void)state;
    for (size_t k = 0; k < ALI_ARRAY_COUNT(aligns); k++) {
        allot_how how = aligns[k] | ALLOT_ZERO;
        struct object o;

        if (allot_how_align(how) > conform_align(1 << 17))
            continue;
        soil(conform_size(1000), aligns[k]);
        assert_true(object_new(&o, 1, aligns[k]));
        object_fill(&o);
        for (size_t i = 1; i < ALI_ARRAY_COUNT(sizes); i++) {
            size_t size = sizes[i];
            size_t was = o.size;
            void *p = o.p;

            if (size > conform_size(size) || size * 4 > conform_budget())
                break;
            assert_int_equal(allot_resize_how(conform.a, &p, was, size, how), 0);
            o.p = p;
            assert_true(object_holds(&o, was));
            for (size_t at = was; at < size; at++)
                if (o.p[at] != 0)
                    fail_msg("byte %zu of %zu is not zero, %zu were there", at, size, was);
            o.size = size;
            object_fill(&o);
        }
        object_delete(&o);
    }
}

void arrays_when_the_product_overflows_are_refused(void **state)
{
    static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2 + 1, (size_t)1 << 63, (size_t)1 << 33};
    volatile size_t none = 0; /* as the compiler need not know */
    unsigned char *p;

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(counts); i++) {
        errno = 0;
        assert_null(allot_new_array(conform.a, counts[i], (size_t)1 << 32));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
        assert_null(allot_new_array_how(conform.a, counts[i], (size_t)1 << 32, 4 | ALLOT_ZERO));
    }
    p = allot_new_array(conform.a, 3, 5);
    assert_non_null(p);
    memset(p, 1, 15);
    allot_delete(conform.a, p, 15);
    p = allot_new_array_how(conform.a, none, 5, 4 | ALLOT_ZERO);
    assert_non_null(p);
    assert_int_equal(p[0], 0);
    allot_delete_how(conform.a, p, 0, 4);
}

void null_when_deleted_resized_or_asked_about_is_fine(void **state)
{
    void *p = NULL;

    (void)state;
    allot_delete(conform.a, NULL, 10);
    allot_delete_how(conform.a, NULL, 10, 99);
    assert_int_equal(allot_allocator_usable(conform.a, NULL, 1, 4), 0);
    assert_false(allot_try_resize(conform.a, NULL, 1, 1));
    assert_int_equal(allot_resize(conform.a, &p, 77, 0), 0);
    assert_non_null(p);
    memset(p, 1, 1);
    allot_delete(conform.a, p, 0);
    assert_true(allot_allocator_owns(conform.a, NULL) <= 0);
}

/* Every allocator there is. */
#include "alloc/conform.h"

static allot_allocator *default_heap(allot_allocator *inner)
{
    (void)inner;
    return allot_heap_allocator(NULL);
}

static allot_allocator *libc(allot_allocator *inner)
{
    (void)inner;
    return allot_libc_allocator();
}

static allot_allocator *heap_object(allot_allocator *inner)
{
    allot_heap *heap = allot_heap_create(NULL);

    (void)inner;
    return heap == NULL ? NULL : allot_heap_allocator(heap);
}

static void heap_object_end(allot_allocator *a)
{
    allot_heap_destroy((allot_heap *)(void *)a);
}

/* What the others stand on. */
static allot_allocator *strict(allot_allocator *inner)
{
    return inner;
}

static allot_allocator *strict_with_slack(allot_allocator *inner)
{
    ((struct strict *)inner)->slack = true;
    return inner;
}

/* No more than must be. */
static allot_allocator *strict_bare(allot_allocator *inner)
{
    struct strict *s = (struct strict *)inner;

    s->ops.caps &=
        ~(uint32_t)(ALLOT_CAP_OWNS | ALLOT_CAP_UNSIZED | ALLOT_CAP_RESET | ALLOT_CAP_INDIVIDUAL);
    s->ops.resize = NULL;
    s->ops.remap = NULL;
    s->ops.usable = NULL;
    s->ops.owns = NULL;
    s->ops.reset = NULL;
    s->ops.stats = NULL;
    s->ops.visit = NULL;
    return inner;
}

const struct conform_case conform_cases[] = {
    {"default heap", default_heap, NULL, CONFORM_LEAF, 0, 0, 0},
    {"heap object", heap_object, heap_object_end, CONFORM_LEAF, 0, 0, 0},
    {"libc", libc, NULL, CONFORM_LEAF, 0, 0, 0},
    {"strict", strict, NULL, CONFORM_DIRECT, 0, 0, 0},
    {"strict, with slack", strict_with_slack, NULL, CONFORM_DIRECT, 0, 0, 0},
    {"strict, bare", strict_bare, NULL, CONFORM_DIRECT, 0, 0, 0},
};

const size_t conform_case_count = ALI_ARRAY_COUNT(conform_cases);

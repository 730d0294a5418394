/* Pools of several sizes. A class serves an alignment when it divides its size (to a page): each
 * pool is made with the largest. */
#include <errno.h>

#include "region/pool.h"

enum { GRANULE = 16, TABLE_BYTES = 4096, POW2_CLASSES = 10, ALIGN_MAX = 4096, NONE = 255 };

/* --- classes ------------------------------------------------------------------------------ */

static size_t class_bytes(const allot_multipool *m, size_t c)
{
    return m->pools[c].own->object_bytes;
}

/* The smallest class of so many bytes, NONE when there is none. */
static size_t class_for(const allot_multipool *m, size_t size)
{
    size_t low = 0;
    size_t high = m->class_count;

    if (ali_likely(size <= TABLE_BYTES))
        return m->class_of[(size - 1) / GRANULE];
    if (size > m->largest_bytes)
        return NONE;
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (class_bytes(m, middle) < size)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The pool that serves it, NULL: the source does. */
static allot_pool *pool_for(const allot_multipool *m, size_t size, allot_how how)
{
    size_t c = class_for(m, size);

    if (c == NONE)
        return NULL;
    while (c < m->class_count && (how & ALLOT_HOW_ALIGN_BITS) > m->pools[c].own->how)
        c++;
    return c < m->class_count ? (allot_pool *)(uintptr_t)&m->pools[c] : NULL;
}

static void fill_table(allot_multipool *m)
{
    size_t c = 0;

    for (size_t i = 0; i < TABLE_BYTES / GRANULE; i++) {
        while (c < m->class_count && class_bytes(m, c) < (i + 1) * GRANULE)
            c++;
        m->class_of[i] = (unsigned char)(c < m->class_count ? c : NONE);
    }
}

/* --- the table ---------------------------------------------------------------------------- */

static void *multipool_new(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    allot_multipool *m = (allot_multipool *)a;
    allot_pool *pool = pool_for(m, size, how);

    if (pool == NULL)
        return m->source->ops->alloc(m->source, size, how, caller);
    return pool->base.ops->alloc(&pool->base, size, how, caller);
}

static void multipool_delete(allot_allocator *a, void *p, size_t size, allot_how how,
                             const void *caller)
{
    allot_multipool *m = (allot_multipool *)a;
    allot_pool *pool = pool_for(m, size, how);

    if (pool == NULL)
        m->source->ops->free(m->source, p, size, how, caller);
    else
        pool->base.ops->free(&pool->base, p, size, how, caller);
}

static bool multipool_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                             allot_how how, const void *caller)
{
    allot_multipool *m = (allot_multipool *)a;
    allot_pool *pool = pool_for(m, old_size, how);

    if (pool != pool_for(m, new_size, how))
        return false;
    if (pool != NULL)
        return pool->base.ops->resize(&pool->base, p, old_size, new_size, how, caller);
    return m->source->ops->resize != NULL &&
           m->source->ops->resize(m->source, p, old_size, new_size, how, caller);
}

static void *multipool_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                             allot_how how, const void *caller)
{
    allot_multipool *m = (allot_multipool *)a;

    if (pool_for(m, old_size, how) != NULL || pool_for(m, new_size, how) != NULL ||
        m->source->ops->remap == NULL)
        return NULL;
    return m->source->ops->remap(m->source, p, old_size, new_size, how, caller);
}

static size_t multipool_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    allot_multipool *m = (allot_multipool *)a;
    allot_pool *pool = pool_for(m, size, how);

    (void)p;
    /* Not all of a class: the size chooses the class again when it is freed. */
    if (pool == NULL)
        return m->source->ops->usable == NULL ? size
                                              : m->source->ops->usable(m->source, p, size, how);
    return pool->own->object_bytes;
}

/* What the source served is not known here. */
static int multipool_owns(allot_allocator *a, const void *p)
{
    allot_multipool *m = (allot_multipool *)a;

    for (size_t c = 0; c < m->class_count; c++)
        if (allot_pool_owns(&m->pools[c], p))
            return 1;
    return -1;
}

static size_t multipool_trim(allot_allocator *a)
{
    allot_multipool *m = (allot_multipool *)a;
    size_t bytes = 0;

    for (size_t c = 0; c < m->class_count; c++)
        bytes += allot_pool_trim(&m->pools[c]);
    return bytes;
}

static const struct allot_allocator_ops ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN,
    .kind = "multipool",
    .alloc = multipool_new,
    .resize = multipool_resize,
    .remap = multipool_remap,
    .free = multipool_delete,
    .usable = multipool_usable,
    .owns = multipool_owns,
    .trim = multipool_trim,
};

static const struct allot_allocator_ops shared_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN | ALLOT_CAP_THREADS,
    .kind = "multipool",
    .alloc = multipool_new,
    .resize = multipool_resize,
    .remap = multipool_remap,
    .free = multipool_delete,
    .usable = multipool_usable,
    .owns = multipool_owns,
    .trim = multipool_trim,
};

/* --- making ------------------------------------------------------------------------------- */

static bool ascend(const size_t *sizes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (sizes[i] == 0 || sizes[i] % GRANULE != 0 || (i > 0 && sizes[i] <= sizes[i - 1]))
            return false;
    return count <= ALLOT_MULTIPOOL_CLASSES;
}

static allot_status add_class(allot_multipool *m, size_t bytes,
                              const struct allot_multipool_options *options)
{
    allot_status s = allot_pool_init(&m->pools[m->class_count],
                                     &(struct allot_pool_options){
                                         .object_bytes = bytes,
                                         .align = ali_min(bytes & (0 - bytes), (size_t)ALIGN_MAX),
                                         .source = m->source,
                                         .flags = options->flags & ~(uint32_t)ALLOT_POOL_FIXED,
                                         .name = options->name,
                                     });

    m->class_count += s == 0;
    m->largest_bytes = bytes;
    return s;
}

allot_status allot_multipool_init(allot_multipool *multipool,
                                  const struct allot_multipool_options *options)
{
    static const struct allot_multipool_options defaults;
    size_t count;
    allot_status s = 0;

    if (options == NULL)
        options = &defaults;
    *multipool = (allot_multipool){.class_count = 0};
    if (!ascend(options->class_bytes, options->class_count)) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_UNSUPPORTED, 0);
        return -EINVAL;
    }
    multipool->source = options->source != NULL ? options->source : allot_allocator_default();
    count = options->class_count != 0 ? options->class_count : POW2_CLASSES;
    for (size_t i = 0; i < count && s == 0; i++)
        s = add_class(multipool,
                      options->class_count != 0 ? options->class_bytes[i] : (size_t)GRANULE << i,
                      options);
    if (s != 0) {
        allot_multipool_release(multipool);
        return s;
    }
    fill_table(multipool);
    multipool->base.ops =
        options->flags & (ALLOT_POOL_SHARED | ALLOT_POOL_CACHED) ? &shared_ops : &ops;
    return 0;
}

void allot_multipool_release(allot_multipool *multipool)
{
    while (multipool->class_count > 0)
        allot_pool_release(&multipool->pools[--multipool->class_count]);
    *multipool = (allot_multipool){.class_count = 0};
}

void *allot_multipool_alloc(allot_multipool *multipool, size_t size)
{
    if (size > PTRDIFF_MAX)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    return multipool_new(&multipool->base, size + (size == 0), ALLOT_ALIGN_DEFAULT,
                         __builtin_return_address(0));
}

void allot_multipool_free(allot_multipool *multipool, void *object, size_t size)
{
    if (object != NULL)
        multipool_delete(&multipool->base, object, size + (size == 0), ALLOT_ALIGN_DEFAULT,
                         __builtin_return_address(0));
}

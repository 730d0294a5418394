/* A pool as an allocator. */
#include "region/pool.h"

static void *refuse(struct ali_opool *o, enum allot_cause cause)
{
    atomic_fetch_add_explicit(&o->failures, 1, memory_order_relaxed);
    return allot_fail(ALLOT_LAYER_REGION, cause, 0);
}

static void *pool_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    allot_pool *pool = (allot_pool *)a;
    struct ali_opool *o = pool->own;
    const struct ali_site site = {"allot_new", caller};
    void *p;

    if (size > o->object_bytes)
        return refuse(o, ALLOT_CAUSE_TOO_LARGE);
    if ((how & ALLOT_HOW_ALIGN_BITS) > o->how)
        return refuse(o, ALLOT_CAUSE_BAD_ALIGNMENT);
    if ((how & ALLOT_ZERO) && o->construct != NULL)
        return refuse(o, ALLOT_CAUSE_UNSUPPORTED);
    p = pool->bits != 0 ? allot_pool_get(pool) : ali_opool_get(pool, &site);
    if (p != NULL && (how & ALLOT_ZERO))
        memset(p, 0, size);
    return p;
}

static bool pool_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                        allot_how how, const void *caller)
{
    struct ali_opool *o = ((allot_pool *)a)->own;

    (void)caller;
    if (new_size > o->object_bytes || old_size > o->object_bytes || !ali_opool_is_live(o, p))
        return false;
    if ((how & ALLOT_ZERO) && new_size > old_size)
        memset((char *)p + old_size, 0, new_size - old_size);
    return true;
}

static void pool_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    allot_pool *pool = (allot_pool *)a;
    const struct ali_opool *o = pool->own;
    const struct ali_site site = {"allot_delete", caller};
    struct allot_misuse m = {.kind = ALLOT_MISUSE_MISMATCHED_FREE,
                             .call = site.call,
                             .pointer = p,
                             .heap = o->name,
                             .told_bytes = size,
                             .true_bytes = o->object_bytes,
                             .detail = "larger than the objects of the pool"};

    (void)how;
    if (ali_likely(size <= o->object_bytes || size == ALLOT_SIZE_UNKNOWN))
        ali_opool_put(pool, p, &site);
    else
        ali_report_misuse(&m, caller);
}

static size_t pool_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    struct ali_opool *o = ((allot_pool *)a)->own;

    (void)size;
    (void)how;
    return ali_opool_is_live(o, p) ? o->object_bytes : 0;
}

#define CAPS                                                                                       \
    (ALLOT_CAP_FREE | ALLOT_CAP_OWNS | ALLOT_CAP_UNSIZED | ALLOT_CAP_RESET | ALLOT_CAP_CHECKED |   \
     ALLOT_CAP_INDIVIDUAL)

#define OPS(own_caps)                                                                              \
    {                                                                                              \
        .abi = ALLOT_ALLOCATOR_ABI, .caps = (own_caps), .kind = "pool", .alloc = pool_alloc,       \
        .resize = pool_resize, .free = pool_free, .usable = pool_usable, .owns = ali_opool_owns,   \
        .trim = ali_opool_trim, .reset = ali_opool_reset, .stats = ali_opool_stats,                \
        .visit = ali_opool_visit,                                                                  \
    }

const struct allot_allocator_ops ali_pool_ops = OPS(CAPS);
const struct allot_allocator_ops ali_shared_pool_ops = OPS(CAPS | ALLOT_CAP_THREADS);

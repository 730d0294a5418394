/* Layer 5: the allocator interface and what is built on it. This header is what the files of
 * src/alloc share: calling an allocator by its table, as one that stands over another does.
 *
 * No function here looks for NULL: ali_allocator_meant has been asked once, when the object over
 * the allocator was made. */
#ifndef ALI_ALLOC_H
#define ALI_ALLOC_H

#include "allot/alloc.h"
#include "core/core.h"

/* NULL is the default of the process. */
allot_allocator *ali_allocator_meant(allot_allocator *a);

ALI_INLINE bool ali_inner_can(const allot_allocator *inner, uint32_t cap)
{
    return (inner->ops->caps & cap) != 0;
}

ALI_INLINE void *ali_inner_alloc(allot_allocator *inner, size_t size, allot_how how,
                                 const void *caller)
{
    return inner->ops->alloc(inner, size, how, caller);
}

ALI_INLINE bool ali_inner_resize(allot_allocator *inner, void *p, size_t old_size, size_t new_size,
                                 allot_how how, const void *caller)
{
    return inner->ops->resize != NULL &&
           inner->ops->resize(inner, p, old_size, new_size, how, caller);
}

ALI_INLINE void *ali_inner_remap(allot_allocator *inner, void *p, size_t old_size, size_t new_size,
                                 allot_how how, const void *caller)
{
    if (inner->ops->remap == NULL)
        return NULL;
    return inner->ops->remap(inner, p, old_size, new_size, how, caller);
}

ALI_INLINE void ali_inner_free(allot_allocator *inner, void *p, size_t size, allot_how how,
                               const void *caller)
{
    inner->ops->free(inner, p, size, how, caller);
}

ALI_INLINE size_t ali_inner_usable(allot_allocator *inner, const void *p, size_t size,
                                   allot_how how)
{
    return inner->ops->usable == NULL ? size : inner->ops->usable(inner, p, size, how);
}

ALI_INLINE int ali_inner_owns(allot_allocator *inner, const void *p)
{
    return inner->ops->owns == NULL ? -1 : inner->ops->owns(inner, p);
}

ALI_INLINE size_t ali_inner_trim(allot_allocator *inner)
{
    return inner->ops->trim == NULL ? 0 : inner->ops->trim(inner);
}

ALI_INLINE void ali_inner_stats(allot_allocator *inner, struct allot_allocator_stats *stats)
{
    if (inner->ops->stats != NULL)
        inner->ops->stats(inner, stats);
}

ALI_INLINE bool ali_inner_visit(allot_allocator *inner, allot_visit_fn visit, void *arg)
{
    return inner->ops->visit != NULL && inner->ops->visit(inner, visit, arg);
}

struct ali_change {
    size_t old_size;
    size_t new_size;
    allot_how how;
    const void *caller;
};

/* Another size by remapping or, where the allocator cannot, by copying. 0; -ENOMEM; -EINVAL for
 * what is no object of old_size, when the allocator knows: that was reported. *p is left alone by a
 * failure. */
allot_status ali_inner_move(allot_allocator *inner, void **p, const struct ali_change *change);

/* False for what is no live object of the size, which is known, when the allocator knows. */
ALI_INLINE bool ali_inner_is_live(allot_allocator *inner, const void *p, size_t size, allot_how how)
{
    return !ali_inner_can(inner, ALLOT_CAP_CHECKED) ||
           ali_inner_usable(inner, p, size, how) >= size;
}

/* Reports what a free or resize was told wrongly. */
void ali_blame_object(enum allot_misuse_kind kind, const char *call, const void *p,
                      const char *detail, const void *caller);

/* -ENOTSUP when it cannot. */
allot_status ali_inner_reset(allot_allocator *inner, const void *caller);

#endif

/* One call at a time. The lock is held while the inner allocator works: that is what it is for. */
#include "alloc/decorate.h"

ALI_IS_DECORATOR(struct allot_locked);

static allot_allocator *enter(allot_allocator *a)
{
    ali_lock(ali_lock_of(&((struct allot_locked *)a)->lock));
    return ali_inner_of(a);
}

static void leave(allot_allocator *a)
{
    ali_unlock(ali_lock_of(&((struct allot_locked *)a)->lock));
}

static void *locked_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    void *p = ali_inner_alloc(enter(a), size, how, caller);

    leave(a);
    return p;
}

static bool locked_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    bool done = ali_inner_resize(enter(a), p, old_size, new_size, how, caller);

    leave(a);
    return done;
}

/* Copying too, so that it is one call. */
static void *locked_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    const struct ali_change change = {old_size, new_size, how, caller};
    allot_status status = ali_inner_move(enter(a), &p, &change);

    leave(a);
    return status == 0 ? p : NULL;
}

static void locked_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    ali_inner_free(enter(a), p, size, how, caller);
    leave(a);
}

static size_t locked_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    size_t usable = ali_inner_usable(enter(a), p, size, how);

    leave(a);
    return usable;
}

static int locked_owns(allot_allocator *a, const void *p)
{
    int owns = ali_inner_owns(enter(a), p);

    leave(a);
    return owns;
}

static size_t locked_trim(allot_allocator *a)
{
    size_t bytes = ali_inner_trim(enter(a));

    leave(a);
    return bytes;
}

static allot_status locked_reset(allot_allocator *a, const void *caller)
{
    allot_status status = ali_inner_reset(enter(a), caller);

    leave(a);
    return status;
}

static void locked_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    ali_inner_stats(enter(a), stats);
    leave(a);
}

static bool locked_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    bool all = ali_inner_visit(enter(a), visit, arg);

    leave(a);
    return all;
}

static const struct allot_allocator_ops locked_ops = {
    .caps = ALLOT_CAP_THREADS,
    .kind = "locked",
    .alloc = locked_alloc,
    .resize = locked_resize,
    .remap = locked_remap,
    .free = locked_free,
    .usable = locked_usable,
    .owns = locked_owns,
    .trim = locked_trim,
    .reset = locked_reset,
    .stats = locked_stats,
    .visit = locked_visit,
};

void allot_locked_init(struct allot_locked *locked, allot_allocator *inner)
{
    memset(locked, 0, sizeof *locked);
    ali_decorate(locked, inner, &locked_ops, 0);
}

void allot_locked_release(struct allot_locked *locked)
{
    locked->under.inner = NULL;
}

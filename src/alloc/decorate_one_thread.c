/* One thread's allocator: a call by another is told and has no effect. */
#include "alloc/decorate.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_one_thread);

/* Never that of another thread, also not of one that has ended. */
static uint64_t my_number(void)
{
    static uint64_t last;
    static _Thread_local uint64_t mine __attribute__((tls_model("initial-exec")));

    if (mine == 0)
        mine = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return mine;
}

static bool is_owner(const allot_allocator *a)
{
    const struct allot_one_thread *one = (const struct allot_one_thread *)a;

    return __atomic_load_n(&one->owner, __ATOMIC_RELAXED) == my_number();
}

static bool may(const allot_allocator *a, const char *call, const void *p, const void *caller)
{
    if (ali_likely(is_owner(a)))
        return true;
    ali_blame_object(ALLOT_MISUSE_WRONG_THREAD, call, p, "the allocator of another thread", caller);
    return false;
}

static void *refuse(void)
{
    return allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_UNSUPPORTED, 0);
}

static void *one_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    if (!may(a, "allot_new", a, caller))
        return refuse();
    return ali_inner_alloc(ali_inner_of(a), size, how, caller);
}

static bool one_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                       const void *caller)
{
    return is_owner(a) && ali_inner_resize(ali_inner_of(a), p, old_size, new_size, how, caller);
}

static void *one_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                       const void *caller)
{
    const struct ali_change change = {old_size, new_size, how, caller};

    if (!may(a, "allot_resize", p, caller))
        return refuse();
    return ali_inner_move(ali_inner_of(a), &p, &change) == 0 ? p : NULL;
}

static void one_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    if (may(a, "allot_delete", p, caller))
        ali_inner_free(ali_inner_of(a), p, size, how, caller);
}

/* Nothing is usable for others, so that nobody copies for them. */
static size_t one_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    return is_owner(a) ? ali_inner_usable(ali_inner_of(a), p, size, how) : 0;
}

static int one_owns(allot_allocator *a, const void *p)
{
    if (!may(a, "allot_allocator_owns", p, __builtin_return_address(0)))
        return -1;
    return ali_inner_owns(ali_inner_of(a), p);
}

static size_t one_trim(allot_allocator *a)
{
    if (!may(a, "allot_allocator_trim", a, __builtin_return_address(0)))
        return 0;
    return ali_inner_trim(ali_inner_of(a));
}

static allot_status one_reset(allot_allocator *a, const void *caller)
{
    if (!may(a, "allot_allocator_reset", a, caller))
        return -EPERM;
    return ali_inner_reset(ali_inner_of(a), caller);
}

static void one_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    if (may(a, "allot_allocator_stats_get", a, __builtin_return_address(0)))
        ali_inner_stats(ali_inner_of(a), stats);
}

static bool one_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    return may(a, "allot_allocator_visit", a, __builtin_return_address(0)) &&
           ali_inner_visit(ali_inner_of(a), visit, arg);
}

static const struct allot_allocator_ops one_ops = {
    .kind = "one-thread",
    .alloc = one_alloc,
    .resize = one_resize,
    .remap = one_remap,
    .free = one_free,
    .usable = one_usable,
    .owns = one_owns,
    .trim = one_trim,
    .reset = one_reset,
    .stats = one_stats,
    .visit = one_visit,
};

void allot_one_thread_init(struct allot_one_thread *one, allot_allocator *inner)
{
    memset(one, 0, sizeof *one);
    ali_decorate(one, inner, &one_ops, ALLOT_CAP_THREADS);
    allot_one_thread_adopt(one);
}

void allot_one_thread_release(struct allot_one_thread *one)
{
    one->under.inner = NULL;
}

void allot_one_thread_adopt(struct allot_one_thread *one)
{
    __atomic_store_n(&one->owner, my_number(), __ATOMIC_RELAXED);
}

/* The calls of allot/alloc.h: what the tables are guaranteed is made sure of here, once for all
 * allocators. Each public function hands its own return address down. */
#include "alloc/alloc.h"

#include <errno.h>

#define CALLER() __builtin_return_address(0)
#define PLAIN ((allot_how)ALLOT_ALIGN_DEFAULT)
#define ALIGN_LOG2_MAX 30U
_Static_assert(ALLOT_ALIGN_MAX == (size_t)1 << ALIGN_LOG2_MAX, "the largest alignment");

static bool is_how(allot_how how)
{
    return (how & ~(ALLOT_HOW_ALIGN_BITS | ALLOT_ZERO)) == 0 &&
           (how & ALLOT_HOW_ALIGN_BITS) <= ALIGN_LOG2_MAX;
}

static size_t at_least_one(size_t size)
{
    return size + (size == 0);
}

/* --- new ---------------------------------------------------------------------------------- */

/* `how` is one. */
ALI_INLINE void *new_object(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    if (ali_unlikely(size > PTRDIFF_MAX))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    return ali_inner_alloc(ali_allocator_meant(a), at_least_one(size), how, caller);
}

ALI_INLINE void *new_how(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    if (ali_unlikely(!is_how(how)))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_BAD_ALIGNMENT, 0);
    return new_object(a, size, how, caller);
}

void *allot_new(allot_allocator *a, size_t size)
{
    return new_object(a, size, PLAIN, CALLER());
}

void *allot_new_zero(allot_allocator *a, size_t size)
{
    return new_object(a, size, PLAIN | ALLOT_ZERO, CALLER());
}

void *allot_new_how(allot_allocator *a, size_t size, allot_how how)
{
    return new_how(a, size, how, CALLER());
}

/* An overflow gives SIZE_MAX, which is refused. */
static size_t bytes_of(size_t count, size_t size)
{
    size_t bytes;

    return allot_mul(count, size, &bytes) ? bytes : SIZE_MAX;
}

void *allot_new_array(allot_allocator *a, size_t count, size_t size)
{
    return new_object(a, bytes_of(count, size), PLAIN, CALLER());
}

void *allot_new_array_how(allot_allocator *a, size_t count, size_t size, allot_how how)
{
    return new_how(a, bytes_of(count, size), how, CALLER());
}

void *allot_new_atleast(allot_allocator *a, size_t size, size_t *given)
{
    void *p;

    a = ali_allocator_meant(a);
    *given = 0;
    p = new_object(a, size, PLAIN, CALLER());
    if (p != NULL)
        *given = ali_inner_usable(a, p, at_least_one(size), PLAIN);
    return p;
}

/* --- delete ------------------------------------------------------------------------------- */

ALI_COLD void ali_blame_object(enum allot_misuse_kind kind, const char *call, const void *p,
                               const char *detail, const void *caller)
{
    struct allot_misuse m = {.kind = kind, .call = call, .pointer = p, .detail = detail};

    ali_report_misuse(&m, caller);
}

/* A size that no object has: unknown, or wrong. */
static ALI_COLD void delete_odd(allot_allocator *a, void *p, size_t size, allot_how how,
                                const void *caller)
{
    if (!is_how(how))
        ali_blame_object(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete_how", p, "no such how-word",
                         caller);
    else if (size == ALLOT_SIZE_UNKNOWN && ali_inner_can(a, ALLOT_CAP_UNSIZED))
        ali_inner_free(a, p, size, how, caller);
    else
        ali_blame_object(ALLOT_MISUSE_MISMATCHED_FREE, "allot_delete", p,
                         size == ALLOT_SIZE_UNKNOWN ? "the allocator must be told the size"
                                                    : "no object is that large",
                         caller);
}

ALI_INLINE void delete_object(allot_allocator *a, void *p, size_t size, allot_how how,
                              const void *caller)
{
    if (p == NULL)
        return;
    a = ali_allocator_meant(a);
    if (ali_unlikely(size > PTRDIFF_MAX || !is_how(how)))
        delete_odd(a, p, size, how, caller);
    else
        ali_inner_free(a, p, at_least_one(size), how, caller);
}

void allot_delete(allot_allocator *a, void *p, size_t size)
{
    delete_object(a, p, size, PLAIN, CALLER());
}

void allot_delete_how(allot_allocator *a, void *p, size_t size, allot_how how)
{
    delete_object(a, p, size, how, CALLER());
}

/* --- resize ------------------------------------------------------------------------------- */

/* What is no such object must not be copied. An allocator that remaps has reported it then. */
static allot_status refuse_copy(const allot_allocator *a, const void *p, const struct ali_change *c)
{
    if (a->ops->remap == NULL)
        ali_blame_object(ALLOT_MISUSE_INVALID_REALLOC, "allot_resize", p, "no object of that size",
                         c->caller);
    (void)allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_UNSUPPORTED, 0);
    return -EINVAL;
}

static allot_status copy_object(allot_allocator *a, void **p, const struct ali_change *c)
{
    void *to;

    if (ali_inner_usable(a, *p, c->old_size, c->how) < c->old_size)
        return refuse_copy(a, *p, c);
    to = ali_inner_alloc(a, c->new_size, c->how, c->caller);
    if (to == NULL)
        return -ENOMEM;
    memcpy(to, *p, ali_min(c->old_size, c->new_size));
    ali_inner_free(a, *p, c->old_size, c->how, c->caller);
    *p = to;
    return 0;
}

allot_status ali_inner_move(allot_allocator *a, void **p, const struct ali_change *c)
{
    void *to = ali_inner_remap(a, *p, c->old_size, c->new_size, c->how, c->caller);

    if (to == NULL)
        return copy_object(a, p, c);
    *p = to;
    return 0;
}

static allot_status change_object(allot_allocator *a, void **p, const struct ali_change *c)
{
    if (ali_inner_resize(a, *p, c->old_size, c->new_size, c->how, c->caller))
        return 0;
    return ali_inner_move(a, p, c);
}

static allot_status resize_object(allot_allocator *a, void **p, const struct ali_change *c)
{
    struct ali_change real = *c;
    void *fresh;

    if (*p == NULL) {
        fresh = new_how(a, c->new_size, c->how, c->caller);
        if (fresh != NULL)
            *p = fresh;
        else
            return is_how(c->how) ? -ENOMEM : -EINVAL;
        return 0;
    }
    if (!is_how(c->how) || c->old_size > PTRDIFF_MAX) {
        (void)allot_fail(ALLOT_LAYER_PROGRAM,
                         is_how(c->how) ? ALLOT_CAUSE_TOO_LARGE : ALLOT_CAUSE_BAD_ALIGNMENT, 0);
        return -EINVAL;
    }
    if (c->new_size > PTRDIFF_MAX) {
        (void)allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return -ENOMEM;
    }
    real.old_size = at_least_one(c->old_size);
    real.new_size = at_least_one(c->new_size);
    return change_object(ali_allocator_meant(a), p, &real);
}

allot_status allot_resize(allot_allocator *a, void **p, size_t old_size, size_t new_size)
{
    struct ali_change c = {old_size, new_size, PLAIN, CALLER()};

    return resize_object(a, p, &c);
}

allot_status allot_resize_how(allot_allocator *a, void **p, size_t old_size, size_t new_size,
                              allot_how how)
{
    struct ali_change c = {old_size, new_size, how, CALLER()};

    return resize_object(a, p, &c);
}

bool allot_try_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size)
{
    struct allot_error before = allot_last_error();

    if (p == NULL || old_size > PTRDIFF_MAX || new_size > PTRDIFF_MAX)
        return false;
    if (ali_inner_resize(ali_allocator_meant(a), p, at_least_one(old_size), at_least_one(new_size),
                         PLAIN, CALLER()))
        return true;
    ali_error_set(before.layer, before.cause, before.os_error); /* false is an answer */
    return false;
}

/* --- questions ---------------------------------------------------------------------------- */

uint32_t allot_allocator_caps(allot_allocator *a)
{
    return ali_allocator_meant(a)->ops->caps;
}

const char *allot_allocator_kind(allot_allocator *a)
{
    return ali_allocator_meant(a)->ops->kind;
}

size_t allot_allocator_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    return p == NULL ? 0 : ali_inner_usable(ali_allocator_meant(a), p, at_least_one(size), how);
}

int allot_allocator_owns(allot_allocator *a, const void *p)
{
    return ali_inner_owns(ali_allocator_meant(a), p);
}

size_t allot_allocator_trim(allot_allocator *a)
{
    return ali_inner_trim(ali_allocator_meant(a));
}

allot_status ali_inner_reset(allot_allocator *inner, const void *caller)
{
    return inner->ops->reset == NULL ? -ENOTSUP : inner->ops->reset(inner, caller);
}

allot_status allot_allocator_reset(allot_allocator *a)
{
    return ali_inner_reset(ali_allocator_meant(a), CALLER());
}

void allot_allocator_stats_get(allot_allocator *a, struct allot_allocator_stats *stats)
{
    *stats = (struct allot_allocator_stats){
        .live_bytes = ALLOT_STAT_UNKNOWN,
        .live_objects = ALLOT_STAT_UNKNOWN,
        .peak_live_bytes = ALLOT_STAT_UNKNOWN,
        .reserved_bytes = ALLOT_STAT_UNKNOWN,
        .limit_bytes = ALLOT_STAT_UNKNOWN,
        .allocations = ALLOT_STAT_UNKNOWN,
        .frees = ALLOT_STAT_UNKNOWN,
        .failures = ALLOT_STAT_UNKNOWN,
    };
    ali_inner_stats(ali_allocator_meant(a), stats);
}

bool allot_allocator_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    return ali_inner_visit(ali_allocator_meant(a), visit, arg);
}

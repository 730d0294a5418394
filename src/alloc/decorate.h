/* What the decorators of src/alloc share: the fields that all begin with, and the functions that
 * hand a call down as it is. */
#ifndef ALI_ALLOC_DECORATE_H
#define ALI_ALLOC_DECORATE_H

#include "alloc/alloc.h"
#include "allot/decorate.h"

struct ali_decorator {
    allot_allocator base;
    struct allot_under under;
};

/* The program's struct begins like that. */
#define ALI_IS_DECORATOR(type)                                                                     \
    _Static_assert(offsetof(type, base) == 0 &&                                                    \
                       offsetof(type, under) == offsetof(struct ali_decorator, under),             \
                   "begins as every decorator")

/* Gives the decorator its table. Its caps are those of the inner allocator without `lost`, and
 * those of the table. What is only handed down, and the inner allocator has not, it has not. */
void ali_decorate(void *decorator, allot_allocator *inner, const struct allot_allocator_ops *table,
                  uint32_t lost);

/* The same over several, which all must have a cap for it to have it; none of them NULL. */
void ali_decorate_many(void *decorator, allot_allocator *const *list, size_t count,
                       const struct allot_allocator_ops *table);
uint32_t ali_caps_of_any(allot_allocator *const *list, size_t count);
/* Figures of all together; unknown when one of them does not know. */
void ali_stats_sum(allot_allocator *const *list, size_t count, struct allot_allocator_stats *sum);

ALI_INLINE allot_allocator *ali_inner_of(allot_allocator *a)
{
    return ((struct ali_decorator *)a)->under.inner;
}

bool ali_pass_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                     const void *caller);
void *ali_pass_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                     const void *caller);
void ali_pass_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller);
size_t ali_pass_usable(allot_allocator *a, const void *p, size_t size, allot_how how);
/* No more than the size: for those who must know the size of each object exactly. */
size_t ali_pass_usable_exact(allot_allocator *a, const void *p, size_t size, allot_how how);
int ali_pass_owns(allot_allocator *a, const void *p);
size_t ali_pass_trim(allot_allocator *a);
allot_status ali_pass_reset(allot_allocator *a, const void *caller);
void ali_pass_stats(allot_allocator *a, struct allot_allocator_stats *stats);
bool ali_pass_visit(allot_allocator *a, allot_visit_fn visit, void *arg);

/* The rest of a table, when nothing else is done there. */
#define ALI_PASS_QUESTIONS                                                                         \
    .usable = ali_pass_usable, .owns = ali_pass_owns, .trim = ali_pass_trim,                       \
    .reset = ali_pass_reset, .stats = ali_pass_stats, .visit = ali_pass_visit

/* A lock in the program's struct. */
ALI_INLINE struct ali_lock *ali_lock_of(struct allot_lock_words *words)
{
    return (struct ali_lock *)words;
}
_Static_assert(sizeof(struct allot_lock_words) == sizeof(struct ali_lock), "it fits");

/* Counters that several threads change and nothing is ordered by. */
ALI_INLINE void ali_tally(size_t *counter, size_t more)
{
    __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}
ALI_INLINE size_t ali_tally_get(const size_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif

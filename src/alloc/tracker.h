/* What the two files of the tracker share: its entries, and going through them. */
#ifndef ALI_ALLOC_TRACKER_H
#define ALI_ALLOC_TRACKER_H

#include "alloc/decorate.h"

struct allot_tracker_entry {
    struct allot_tracker_entry *next;
    struct allot_tracker_entry *chain; /* while a report is made */
    size_t group_bytes, group_count;   /* of the first of a group */
    char *object;
    size_t size;
    uint64_t serial;
    allot_how how;
    uint32_t frame_count;
    uintptr_t frames[];
};

ALI_INLINE void ali_tracker_enter(struct allot_tracker *t)
{
    ali_lock(ali_lock_of(&t->lock));
}

ALI_INLINE void ali_tracker_leave(struct allot_tracker *t)
{
    ali_unlock(ali_lock_of(&t->lock));
}

/* Calls `each` for every entry until it returns false. */
bool ali_tracker_each_locked(struct allot_tracker *t,
                             bool (*each)(struct allot_tracker_entry *e, void *arg), void *arg);

/* Writes the report to stderr. */
void ali_tracker_print(struct allot_tracker *t);

#endif

/* The allocator underneath: libc's memory, and an exact account of it.
 *
 * What stands over it is held to the contract of allot/alloc.h: every free, resize and remap must
 * tell size and alignment as they are, nothing may be written outside an object, nothing may be
 * lost. Objects are aligned to what was asked for and no further, hold garbage unless zero was
 * asked for, and stand between guard bytes. Any of its calls can be made to fail.
 *
 *     strict_fail(&s, 3, false)    the third allocation from now on, once
 *     strict_fail(&s, 3, true)     that and all later ones
 *     strict_fail(&s, 0, false)    none
 */
#ifndef ALI_TEST_STRICT_H
#define ALI_TEST_STRICT_H

#include <pthread.h>

#include "allot/allot.h"

enum { STRICT_BUCKETS = 1024 };

struct strict_object;

struct strict {
    allot_allocator base;           /* must be first */
    struct allot_allocator_ops ops; /* a copy, so that a test can take something away */
    pthread_mutex_t lock;
    struct strict_object *buckets[STRICT_BUCKETS];
    size_t live_objects, live_bytes, peak_bytes, allocations, frees, failures;
    uint64_t attempts; /* calls that may fail, since strict_fail */
    uint64_t fail_at;
    bool fail_on;
    bool slack;         /* usable is what was really given */
    const void *caller; /* of the last call */
    const char *error;  /* the first thing that was wrong */
};

void strict_init(struct strict *s);
/* False when something was wrong, or is still live: s->error says what. */
bool strict_release(struct strict *s);
void strict_fail(struct strict *s, uint64_t nth, bool and_later);
/* Looks at the guard bytes of every object. */
bool strict_check(struct strict *s);

#endif

/* What the tests of the decorators share: the allocator underneath, and the misuse they tell of. */
#ifndef ALI_TEST_ALLOC_TRIAL_H
#define ALI_TEST_ALLOC_TRIAL_H

#include "alloc/strict.h"
#include "base/base.h"
#include "heap/recorder.h"

static struct strict inner;
#define BASE (&inner.base)

static inline int start(void **state)
{
    strict_init(&inner);
    return recorder_start(state);
}

static inline int stop(void **state)
{
    bool good = strict_release(&inner);

    if (!good)
        print_message("underneath: %s\n", inner.error);
    if (recorded_count != 0)
        print_message("misuse: %s\n", recorded.detail);
    good = good && recorded_count == 0;
    (void)recorder_stop(state);
    return good ? 0 : -1;
}

static inline struct allot_allocator_stats figures(allot_allocator *a)
{
    struct allot_allocator_stats s;

    allot_allocator_stats_get(a, &s);
    return s;
}

static inline void assert_error(enum allot_layer layer, enum allot_cause cause)
{
    assert_int_equal(allot_last_error().layer, layer);
    assert_int_equal(allot_last_error().cause, cause);
}

static inline void assert_told(enum allot_misuse_kind kind, const char *call, const void *p)
{
    assert_int_equal(recorded_count, 1);
    assert_int_equal(recorded.kind, kind);
    assert_string_equal(recorded.call, call);
    assert_ptr_equal(recorded.pointer, p);
    recorded_count = 0;
}

static inline bool stop_at_once(void *object, size_t bytes, void *arg)
{
    (void)object;
    (void)bytes;
    (void)arg;
    return false;
}

#endif

/* A misuse handler that notes what it is told. */
#ifndef ALI_TEST_HEAP_RECORDER_H
#define ALI_TEST_HEAP_RECORDER_H

#include "allot/allot.h"

static struct allot_misuse recorded;
static int recorded_count;

static void record_misuse(const struct allot_misuse *misuse, void *arg)
{
    (void)arg;
    recorded = *misuse;
    recorded_count++;
}

static int recorder_start(void **state)
{
    (void)state;
    recorded_count = 0;
    memset(&recorded, 0, sizeof recorded);
    allot_set_misuse_handler(record_misuse, NULL);
    return 0;
}

static int recorder_stop(void **state)
{
    (void)state;
    allot_set_misuse_handler(NULL, NULL);
    return 0;
}

/* Exactly one misuse since the last time, and this one. */
static inline void assert_recorded(enum allot_misuse_kind kind, enum allot_place place,
                                   const void *p)
{
    assert_int_equal(recorded_count, 1);
    assert_int_equal(recorded.kind, kind);
    assert_int_equal(recorded.place, place);
    assert_ptr_equal(recorded.pointer, p);
    recorded_count = 0;
}

static void assert_nothing_recorded(void)
{
    assert_int_equal(recorded_count, 0);
}

#endif

/* What the unit tests of arenas have in common: a source, and who hears of misuse. */
#ifndef ALI_TEST_REGION_COMMON_H
#define ALI_TEST_REGION_COMMON_H

#include "unit.h"

#include <errno.h>

#include "allot/allot.h"
#include "core/core.h"
#include "region/counted.h"

static struct counted source = COUNTED_INIT;

static unsigned misuses;
static enum allot_misuse_kind last_misuse;

static inline void note_misuse(const struct allot_misuse *m, void *arg)
{
    (void)arg;
    misuses++;
    last_misuse = m->kind;
}

static inline allot_arena make(const struct allot_arena_options *options)
{
    struct allot_arena_options o = options != NULL ? *options : (struct allot_arena_options){0};
    allot_arena a;

    o.source = &source.base;
    assert_int_equal(allot_arena_init(&a, &o), 0);
    return a; /* nothing points into it yet */
}

static inline void end(allot_arena *a)
{
    allot_arena_release(a);
    assert_int_equal(source.live_blocks, 0);
    assert_int_equal(source.live_bytes, 0);
}

static inline void fill(allot_arena *a, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        assert_non_null(allot_arena_push(a, 64));
}

#endif

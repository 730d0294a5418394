/* The pool that tests of pools of one thread use, over a source that counts. */
#ifndef ALI_TEST_REGION_POOLED_H
#define ALI_TEST_REGION_POOLED_H

#include "region/source.h"

struct node {
    uint64_t words[5];
};

static allot_pool pool;
static struct source source;

static inline void start(const struct allot_pool_options *options)
{
    struct allot_pool_options o = *options;

    source = (struct source)SOURCE();
    if (o.source == NULL)
        o.source = &source.base;
    if (o.object_bytes == 0)
        o.object_bytes = sizeof(struct node);
    expect_misuse_by_handler();
    assert_int_equal(allot_pool_init(&pool, &o), 0);
}

static inline void stop(void)
{
    assert_int_equal(allot_pool_audit(&pool), 0);
    allot_pool_release(&pool);
    assert_true(source_is_empty(&source));
    assert_int_equal(told.count, 0);
    allot_set_misuse_handler(NULL, NULL);
}

static inline struct allot_pool_stats stats_now(void)
{
    struct allot_pool_stats s;

    allot_pool_stats_get(&pool, &s);
    return s;
}

#endif

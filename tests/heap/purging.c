/* What an owner wants while its slab is being purged: here by the purger itself, out of the call of
 * the OS, which is as good as by another thread. */
#include "unit.h"

#include <pthread.h>

#include "fake/fake.h"
#include "heap/calls.h"

#define BLOCKS 64 /* of 1 KiB in a slab */

static void *last;

static void free_the_last(enum fake_call call, const void *at, size_t bytes)
{
    void *p = last;

    (void)at;
    (void)bytes;
    if (call != FAKE_PURGE || p == NULL)
        return;
    last = NULL;
    give(p);
}

/* A PARKED slab with one live block, the first. */
static struct ali_slab *make_sparse_slab(void **live)
{
    void *blocks[3 * BLOCKS];
    struct ali_slab *slab;
    struct ali_found found;

    for (size_t i = 0; i < 3 * BLOCKS; i++)
        blocks[i] = take(1024);
    assert_true(ali_find_live(blocks[BLOCKS], &found)); /* of the second slab, or the first */
    slab = found.slab;
    *live = NULL;
    for (size_t i = 0; i < 3 * BLOCKS; i++) {
        assert_true(ali_find_live(blocks[i], &found));
        if (found.slab == slab && *live == NULL)
            *live = blocks[i];
        else if (found.slab == slab)
            give(blocks[i]);
    }
    assert_ptr_not_equal(ali_self->slots[slab->class_index].slab, slab);
    return slab;
}

static void slab_when_emptied_during_its_purge_is_released_after_it(void **state)
{
    struct ali_slab *slab = make_sparse_slab(&last);

    (void)state;
    assert_non_null(last);
    fake_watch(free_the_last);
    assert_true(ali_slab_purge(slab) > 0);
    fake_watch(NULL);
    assert_null(last);
    ali_inbox_drain(ali_self);
    assert_int_equal(slab->kind, ALI_KIND_NONE);
}

static void *purge_as_another(void *slab)
{
    return (void *)(uintptr_t)ali_slab_purge(slab);
}

static void slab_when_emptied_by_its_owner_during_a_purge_goes_too(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        void *p;
        struct ali_slab *slab = make_sparse_slab(&p);
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, purge_as_another, slab), 0);
        if (i % 2 == 0)
            sched_yield();
        give(p);
        pthread_join(thread, NULL);
        ali_inbox_drain(ali_self);
        assert_int_equal(slab->kind, ALI_KIND_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_when_emptied_during_its_purge_is_released_after_it),
        cmocka_unit_test(slab_when_emptied_by_its_owner_during_a_purge_goes_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

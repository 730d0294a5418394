/* Fused arenas: one lifetime, whoever fuses and whoever releases, at whatever time. */
#include "region/common.h"

#include <pthread.h>

static void memory_lives_until_the_last_is_released(void **state)
{
    allot_arena a[4];
    char *p[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        a[i] = make(NULL);
        p[i] = allot_arena_push(&a[i], 50000);
        memset(p[i], i, 50000);
    }
    assert_int_equal(allot_arena_fuse(&a[0], &a[1]), 0);
    assert_int_equal(allot_arena_fuse(&a[2], &a[3]), 0);
    assert_false(allot_arena_is_fused(&a[0], &a[2]));
    assert_int_equal(allot_arena_fuse(&a[1], &a[2]), 0);
    assert_int_equal(allot_arena_fuse(&a[1], &a[2]), 0);
    assert_true(allot_arena_is_fused(&a[0], &a[3]));
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++)
            assert_int_equal(p[k][49999], k);
        if (i < 3)
            assert_non_null(allot_arena_push(&a[i + 1], 100));
        assert_true(source.live_blocks > 0);
        allot_arena_release(&a[i]);
        allot_arena_release(&a[i]);
    }
    assert_int_equal(source.live_blocks, 0);
}

static void fused_arenas_are_not_emptied(void **state)
{
    allot_arena a = make(NULL), b = make(NULL);
    allot_arena_mark mark = allot_arena_mark_get(&a);

    (void)state;
    assert_int_equal(allot_arena_fuse(&a, &b), 0);
    allot_set_misuse_handler(note_misuse, NULL);
    misuses = 0;
    assert_int_equal(allot_arena_reset(&a, 0), -EBUSY);
    assert_int_equal(allot_arena_rewind(&a, &mark), -EBUSY);
    assert_int_equal(misuses, 2);
    assert_int_equal(last_misuse, ALLOT_MISUSE_INVALID_REGION);
    assert_int_equal(allot_arena_adopt(&a, &b), -EBUSY);
    allot_set_misuse_handler(NULL, NULL);
    allot_arena_release(&a);
    end(&b);
}

/* --- threads ------------------------------------------------------------------------------- */

/* Threads have an arena each, and fuse it with those of others while all push. Each arena has a
 * cleanup that looks at the memory of all others of its round: freed memory is filled by the heap's
 * checks, or found by a sanitizer. */
enum { THREADS = 4, ROUNDS = 300, PUSHES = 50 };

struct party {
    pthread_barrier_t start, fused;
    allot_arena arenas[THREADS];
    _Atomic(char *) texts[THREADS];
    _Atomic(int) cleanups;
    _Atomic(int) wrong;
};

static struct party party;

static void look_at_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < THREADS; i++) {
        const char *text = atomic_load(&party.texts[i]);

        if (text == NULL || text[0] != 'a' + i || strlen(text) != 10)
            atomic_store(&party.wrong, 1);
    }
    atomic_fetch_add(&party.cleanups, 1);
}

static void take_part(int self, int round)
{
    allot_arena *a = &party.arenas[self];
    char *text = allot_arena_push_bytes(a, 11);

    memset(text, 'a' + self, 10);
    text[10] = '\0';
    atomic_store(&party.texts[self], text);
    if (allot_arena_cleanup(a, look_at_all, NULL) != 0)
        atomic_store(&party.wrong, 1);
    for (int i = 0; i < PUSHES; i++) {
        int other = (self + round + i) % THREADS;

        memset(allot_arena_push(a, 100), self, 100);
        if (i == round % PUSHES && allot_arena_fuse(a, &party.arenas[other]) != 0)
            atomic_store(&party.wrong, 1);
    }
    /* a chain, so that all are one in the end */
    if (allot_arena_fuse(a, &party.arenas[(self + 1) % THREADS]) != 0)
        atomic_store(&party.wrong, 1);
}

static void *run_party(void *arg)
{
    int self = (int)(intptr_t)arg;

    for (int round = 0; round < ROUNDS; round++) {
        if (allot_arena_init(&party.arenas[self], NULL) != 0)
            atomic_store(&party.wrong, 1);
        (void)pthread_barrier_wait(&party.start);
        take_part(self, round);
        (void)pthread_barrier_wait(&party.fused);
        allot_arena_release(&party.arenas[self]);
        (void)pthread_barrier_wait(&party.fused);
        if (self == 0 && atomic_load(&party.cleanups) != THREADS * (round + 1))
            atomic_store(&party.wrong, 2);
    }
    return NULL;
}

static void threads_fuse_and_release_at_once(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    assert_int_equal(pthread_barrier_init(&party.start, NULL, THREADS), 0);
    assert_int_equal(pthread_barrier_init(&party.fused, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_party, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&party.wrong), 0);
    assert_int_equal(atomic_load(&party.cleanups), THREADS * ROUNDS);
}

static void fuse_in_child(void *arg)
{
    allot_arena a, b;

    (void)arg;
    unit_child_require(allot_arena_init(&a, NULL) == 0 && allot_arena_init(&b, NULL) == 0);
    unit_child_require(allot_arena_fuse(&a, &b) == 0);
    allot_arena_release(&a);
    allot_arena_release(&b);
}

static _Atomic(bool) enough;

static void *fuse_on_and_on(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough))
        fuse_in_child(NULL);
    return NULL;
}

static void child_of_a_fork_can_fuse(void **state)
{
    pthread_t thread;

    (void)state;
    fuse_in_child(NULL);
    assert_int_equal(pthread_create(&thread, NULL, fuse_on_and_on, NULL), 0);
    for (int i = 0; i < 50; i++)
        assert_true(unit_succeeded(unit_in_child(fuse_in_child, NULL)));
    atomic_store(&enough, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_lives_until_the_last_is_released),
        cmocka_unit_test(fused_arenas_are_not_emptied),
        cmocka_unit_test(threads_fuse_and_release_at_once),
        cmocka_unit_test(child_of_a_fork_can_fuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

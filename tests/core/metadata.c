#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "core/core.h"
#include "fake/fake.h"

struct piece {
    void *link;
    uint64_t owner;
    uint64_t rest[4];
}; /* 48 bytes: aligned to 16 */

static bool is_zero(const void *p, size_t bytes)
{
    const unsigned char *b = p;

    for (size_t i = 0; i < bytes; i++) {
        if (b[i] != 0)
            return false;
    }
    return true;
}

/* First of all tests: the static array is still whole. */
static void pool_when_small_costs_no_system_call(void **state)
{
    struct ali_pool a = ALI_POOL_INIT(sizeof(struct piece));
    struct ali_pool b = ALI_POOL_INIT(256);
    const uint64_t maps = fake_count(FAKE_MAP);
    const size_t mapped = ali_metadata_bytes();

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        assert_non_null(ali_pool_take(&a));
        assert_non_null(ali_pool_take(&b));
    }
    assert_int_equal(fake_count(FAKE_MAP), maps);
    assert_int_equal(ali_metadata_bytes(), mapped);
}

static void pieces_when_new_are_zero_aligned_and_apart(void **state)
{
    static const struct {
        uint32_t bytes;
        size_t align;
    } cases[] = {{8, 8}, {24, 8}, {48, 16}, {64, 64}, {192, 64}, {4096, 4096}, {12288, 4096}};

    (void)state;
    for (size_t c = 0; c < ALI_ARRAY_COUNT(cases); c++) {
        struct ali_pool pool = ALI_POOL_INIT(cases[c].bytes);

        for (unsigned i = 0; i < 300; i++) {
            void *p = ali_pool_take(&pool);

            assert_non_null(p);
            assert_true(ali_is_aligned(p, cases[c].align));
            /* a piece that overlapped an earlier one would not be zero */
            assert_true(is_zero(p, cases[c].bytes));
            memset(p, 0xa5, cases[c].bytes);
        }
        assert_int_equal(pool.pieces, 300);
    }
}

static void piece_when_given_is_taken_again_with_its_rest_kept(void **state)
{
    struct ali_pool pool = ALI_POOL_INIT(sizeof(struct piece));
    struct piece *a = ali_pool_take(&pool);
    struct piece *b = ali_pool_take(&pool);

    (void)state;
    a->link = a;
    a->owner = 17;
    b->owner = 18;
    ali_pool_give(&pool, a);
    ali_pool_give(&pool, b);
    assert_int_equal(pool.pieces, 0);
    assert_ptr_equal(ali_pool_take(&pool), b);
    assert_ptr_equal(ali_pool_take(&pool), a);
    assert_null(a->link);
    assert_null(b->link);
    assert_int_equal(a->owner, 17);
    assert_int_equal(b->owner, 18);
}

static void pool_when_it_grows_counts_its_bytes_and_calls_little(void **state)
{
    enum { PIECES = 40000 };
    struct ali_pool pool = ALI_POOL_INIT(sizeof(struct piece));
    const size_t before = ali_metadata_bytes();
    const uint64_t maps = fake_count(FAKE_MAP);
    size_t grown;

    (void)state;
    for (unsigned i = 0; i < PIECES; i++)
        assert_non_null(ali_pool_take(&pool));
    grown = ali_metadata_bytes() - before;
    assert_true(grown + (64 << 10) >= PIECES * sizeof(struct piece));
    assert_true(grown <= PIECES * sizeof(struct piece) + (2 << 20));
    assert_true(fake_count(FAKE_MAP) - maps <= 16);
}

static void pool_when_the_os_refuses_gives_null_and_recovers(void **state)
{
    struct ali_pool pool = ALI_POOL_INIT(4096);
    unsigned got = 0;
    void *p;

    (void)state;
    fake_fail(FAKE_BIT(FAKE_MAP), FAKE_FROM, 1, ENOMEM);
    while (ali_pool_take(&pool) != NULL)
        got++;
    assert_true(fake_failures() == 1);
    assert_null(ali_pool_take(&pool));
    assert_true(fake_failures() == 2);
    assert_int_equal(pool.pieces, got);
    fake_off();
    p = ali_pool_take(&pool);
    assert_non_null(p);
    assert_true(is_zero(p, 4096));
}

static struct ali_pool shared = ALI_POOL_INIT(sizeof(struct piece));

enum { THREADS = 6, HELD = 64, ROUNDS = 20000 };

/* Takes and gives at random; a piece that two threads hold shows the wrong owner. */
static void *churn(void *arg)
{
    struct ali_random r = {.state = (uintptr_t)arg};
    struct piece *held[HELD] = {NULL};
    uintptr_t mixed_up = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct piece **at = &held[ali_random_next(&r) % HELD];

        if (*at == NULL) {
            *at = ali_pool_take(&shared);
            mixed_up += *at == NULL || (*at)->link != NULL;
            (*at)->link = *at;
            (*at)->owner = (uintptr_t)arg;
        } else {
            mixed_up += (*at)->owner != (uintptr_t)arg || (*at)->link != *at;
            ali_pool_give(&shared, *at);
            *at = NULL;
        }
    }
    for (unsigned i = 0; i < HELD; i++) {
        if (held[i] != NULL)
            ali_pool_give(&shared, held[i]);
    }
    return (void *)mixed_up;
}

static void pool_when_shared_by_threads_mixes_nothing_up(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *mixed_up;

        assert_int_equal(pthread_join(threads[i], &mixed_up), 0);
        assert_null(mixed_up);
    }
    assert_int_equal(shared.pieces, 0);
}

static void use_after_fork(void *arg)
{
    (void)arg;
    ali_pool_fork_child(&shared);
    for (unsigned i = 0; i < 5000; i++) {
        struct piece *p = ali_pool_take(&shared);

        unit_child_require(p != NULL && p->link == NULL);
        p->link = p;
    }
}

static void pool_when_forked_with_its_lock_held_works_in_the_child(void **state)
{
    (void)state;
    atomic_store(&shared.lock.word, 1);
    assert_true(unit_succeeded(unit_in_child(use_after_fork, NULL)));
    ali_lock_reset(&shared.lock);
}

static atomic_bool stop;

static void *churn_until_stopped(void *arg)
{
    while (!atomic_load(&stop))
        (void)churn(arg);
    return NULL;
}

/* The child inherits a pool that other threads are in the middle of changing. */
static void pool_when_forked_while_in_use_works_in_the_child(void **state)
{
    pthread_t threads[2];

    (void)state;
    atomic_store(&stop, false);
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn_until_stopped, (void *)(i + 1)),
                         0);
    for (unsigned i = 0; i < 100; i++)
        assert_true(unit_succeeded(unit_in_child(use_after_fork, NULL)));
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_when_small_costs_no_system_call),
        cmocka_unit_test(pieces_when_new_are_zero_aligned_and_apart),
        cmocka_unit_test(piece_when_given_is_taken_again_with_its_rest_kept),
        cmocka_unit_test(pool_when_it_grows_counts_its_bytes_and_calls_little),
        cmocka_unit_test(pool_when_the_os_refuses_gives_null_and_recovers),
        cmocka_unit_test(pool_when_shared_by_threads_mixes_nothing_up),
        cmocka_unit_test(pool_when_forked_with_its_lock_held_works_in_the_child),
        cmocka_unit_test(pool_when_forked_while_in_use_works_in_the_child),
    };

    ali_os_init();
    return cmocka_run_group_tests_name("core/metadata", tests, NULL, NULL);
}

/* Rings: the mirror, the counts, two threads, and a system that refuses. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "fake/fake.h"
#include "plat/plat.h"
#include "region/source.h"

static allot_ring ring;

static void ring_when_written_over_its_end_is_in_one_piece(void **state)
{
    (void)state;
    assert_int_equal(allot_ring_init(&ring, 1), 0);
    assert_true(ring.bytes % ali_os_page_bytes == 0);
    for (size_t i = 0; i < ring.bytes; i++) {
        ring.start[i] = (char)i;
        assert_int_equal(ring.start[ring.bytes + i], (char)i);
        ring.start[ring.bytes + i] = (char)~i;
        assert_int_equal(ring.start[i], (char)~i);
    }
    allot_ring_release(&ring);
    allot_ring_release(&ring);
}

static void ring_when_used_at_random_is_a_queue_of_bytes(void **state)
{
    static unsigned char bytes[20000];
    struct ali_random r = {5};
    uint64_t written = 0, consumed = 0;

    (void)state;
    assert_int_equal(allot_ring_init(&ring, 5000), 0);
    for (int op = 0; op < 200000; op++) {
        uint64_t bits = ali_random_next(&r);
        size_t n = (bits >> 8) % (bits & 4 ? ring.bytes + 10 : 100);
        size_t have = (size_t)(written - consumed), got;
        unsigned char *p;

        assert_int_equal(allot_ring_readable(&ring), have);
        assert_int_equal(allot_ring_writable(&ring), ring.bytes - have);
        switch (bits % 4) {
        case 0:
            p = allot_ring_reserve(&ring, n);
            assert_true((p != NULL) == (n <= ring.bytes - have));
            if (p == NULL)
                break;
            n = n == 0 ? 0 : n - (bits >> 40) % n; /* less than was reserved */
            for (size_t i = 0; i < n; i++)
                p[i] = (unsigned char)((written + i) * 7);
            allot_ring_commit(&ring, n);
            written += n;
            break;
        case 1:
            for (size_t i = 0; i < n; i++)
                bytes[i] = (unsigned char)((written + i) * 7);
            got = allot_ring_write(&ring, bytes, n);
            assert_int_equal(got, ali_min(n, ring.bytes - have));
            written += got;
            break;
        case 2:
            p = (unsigned char *)(uintptr_t)allot_ring_peek(&ring, &got);
            assert_int_equal(got, have);
            for (size_t i = 0; i < got; i++)
                assert_int_equal(p[i], (unsigned char)((consumed + i) * 7));
            allot_ring_consume(&ring, ali_min(n, got));
            consumed += ali_min(n, got);
            break;
        default:
            got = allot_ring_read(&ring, bytes, n);
            assert_int_equal(got, ali_min(n, have));
            for (size_t i = 0; i < got; i++)
                assert_int_equal(bytes[i], (unsigned char)((consumed + i) * 7));
            consumed += got;
        }
    }
    allot_ring_reset(&ring);
    assert_int_equal(allot_ring_readable(&ring), 0);
    allot_ring_release(&ring);
}

static void ring_when_more_is_committed_than_there_is_reports_it(void **state)
{
    (void)state;
    expect_misuse_by_handler();
    assert_int_equal(allot_ring_init(&ring, 4096), 0);
    allot_ring_commit(&ring, ring.bytes + 1);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.kind, ALLOT_MISUSE_INVALID_REGION);
    assert_int_equal(told.last.told_bytes, ring.bytes + 1);
    assert_int_equal(told.last.true_bytes, ring.bytes);
    allot_ring_commit(&ring, SIZE_MAX);
    allot_ring_consume(&ring, 1);
    assert_int_equal(told.count, 3);
    allot_ring_commit(&ring, ring.bytes);
    allot_ring_commit(&ring, 1);
    assert_int_equal(told.count, 4);
    assert_int_equal(allot_ring_readable(&ring), ring.bytes);
    allot_ring_consume(&ring, ring.bytes);
    assert_int_equal(told.count, 4);
    allot_ring_release(&ring);
    allot_set_misuse_handler(NULL, NULL);
}

/* --- two threads -------------------------------------------------------------------------- */

enum { MESSAGES = 100000 };

static size_t length_of(uint64_t message)
{
    return 8 + message * 13 % 300;
}

static void *write_messages(void *arg)
{
    (void)arg;
    for (uint64_t m = 0; m < MESSAGES; m++) {
        unsigned char *p;

        while ((p = allot_ring_reserve(&ring, length_of(m))) == NULL)
            sched_yield();
        memset(p, (int)m, length_of(m));
        memcpy(p, &m, sizeof m);
        allot_ring_commit(&ring, length_of(m));
    }
    return NULL;
}

static void *read_messages(void *arg)
{
    (void)arg;
    for (uint64_t m = 0; m < MESSAGES; m++) {
        const unsigned char *p;
        uint64_t number;
        size_t have;

        while (p = allot_ring_peek(&ring, &have), have < length_of(m))
            sched_yield();
        memcpy(&number, p, sizeof number);
        if (number != m)
            return unit_wrong("out of order");
        for (size_t i = sizeof number; i < length_of(m); i++)
            if (p[i] != (unsigned char)m)
                return unit_wrong("read before it was written");
        allot_ring_consume(&ring, length_of(m));
    }
    return NULL;
}

static void ring_when_one_writes_and_one_reads_keeps_the_order(void **state)
{
    pthread_t threads[2];
    void *wrong[2];

    (void)state;
    assert_int_equal(allot_ring_init(&ring, 4096), 0);
    pthread_create(&threads[0], NULL, write_messages, NULL);
    pthread_create(&threads[1], NULL, read_messages, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &wrong[i]);
        if (wrong[i] != NULL)
            fail_msg("%s", (const char *)wrong[i]);
    }
    assert_int_equal(allot_ring_readable(&ring), 0);
    allot_ring_release(&ring);
}

/* --- a system that refuses ---------------------------------------------------------------- */

static void init_when_the_nth_call_fails_leaves_nothing_behind(void **state)
{
    const int64_t mapped = fake_mapped_bytes();
    static const int errors[] = {ENOMEM, ENOSYS, EPERM, EMFILE, ENOSPC};

    (void)state;
    for (size_t e = 0; e < ALI_ARRAY_COUNT(errors); e++)
        for (uint64_t n = 1;; n++) {
            allot_status s;

            fake_fail(FAKE_ALL, FAKE_NTH, n, errors[e]);
            s = allot_ring_init(&ring, 10000);
            if (fake_failures() == 0) {
                fake_off();
                allot_ring_release(&ring);
                break;
            }
            fake_off();
            if (s != 0) {
                assert_int_not_equal(allot_last_error().cause, ALLOT_CAUSE_NONE);
                assert_null(ring.start);
            }
            allot_ring_release(&ring);
            assert_int_equal(fake_mapped_bytes(), mapped);
        }
    assert_int_equal(fake_mapped_bytes(), mapped);
}

static void init_when_memfd_is_denied_takes_a_file(void **state)
{
    (void)state;
    fake_fail(FAKE_BIT(FAKE_MEMORY_FILE), FAKE_FROM, 1, EPERM);
    assert_int_equal(allot_ring_init(&ring, 100000), 0);
    ring.start[0] = 77;
    assert_int_equal(ring.start[ring.bytes], 77);
    allot_ring_release(&ring);
    fake_fail(FAKE_BIT(FAKE_MEMORY_FILE) | FAKE_BIT(FAKE_TEMPORARY_FILE), FAKE_FROM, 1, EACCES);
    assert_int_equal(allot_ring_init(&ring, 100000), -EACCES);
    assert_int_equal(allot_last_error().os_error, EACCES);
    fake_off();
}

static void init_when_the_size_is_impossible_fails(void **state)
{
    (void)state;
    assert_int_equal(allot_ring_init(&ring, 0), -EINVAL);
    for (size_t k = 0; k < 20; k++)
        assert_int_equal(allot_ring_init(&ring, SIZE_MAX - k), -ENOMEM);
    assert_int_not_equal(allot_ring_init(&ring, (size_t)1 << 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_when_written_over_its_end_is_in_one_piece),
        cmocka_unit_test(ring_when_used_at_random_is_a_queue_of_bytes),
        cmocka_unit_test(ring_when_more_is_committed_than_there_is_reports_it),
        cmocka_unit_test(ring_when_one_writes_and_one_reads_keeps_the_order),
        cmocka_unit_test(init_when_the_nth_call_fails_leaves_nothing_behind),
        cmocka_unit_test(init_when_memfd_is_denied_takes_a_file),
        cmocka_unit_test(init_when_the_size_is_impossible_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

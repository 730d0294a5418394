/* The trace writer: when the OS refuses, in threads, and in a child of fork. What a whole trace
 * looks like is checked by tests/cli/replay_test.py with a reader of its own. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/core.h"
#include "fake/fake.h"

static char path[512];

static int set_up(void **state)
{
    const char *directory = getenv("ALLOT_TEST_DIR");

    (void)state;
    snprintf(path, sizeof path, "%s/core.trace", directory != NULL ? directory : "/tmp");
    unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_off();
    unlink(path);
    return 0;
}

static off_t file_bytes(void)
{
    struct stat s;

    return stat(path, &s) == 0 ? s.st_size : -1;
}

static struct allot_trace_header read_header(void)
{
    struct allot_trace_header header = {0};
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    fclose(file);
    return header;
}

static int write_some(allot_trace *trace, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        struct allot_trace_event e = {.op = ALLOT_TRACE_ALLOC,
                                      .address = (void *)(uintptr_t)(i * 7919 % 100000 * 16 + 16),
                                      .size = i};

        error = allot_trace_write(trace, &e);
    }
    return error;
}

static void trace_when_closed_has_its_length_in_the_header(void **state)
{
    allot_trace *trace;
    struct allot_trace_header header;

    (void)state;
    assert_int_equal(allot_trace_create(&trace, path), 0);
    assert_int_equal(write_some(trace, 100000), 0); /* several windows */
    assert_int_equal(read_header().record_bytes, 0);
    allot_trace_close(trace);
    header = read_header();
    assert_memory_equal(header.magic, ALLOT_TRACE_MAGIC, sizeof header.magic);
    assert_true(header.record_bytes > 100000 * 4);
    assert_int_equal(file_bytes(), (off_t)(sizeof header + header.record_bytes));
}

static void trace_when_the_file_exists_is_refused(void **state)
{
    allot_trace *trace, *second;

    (void)state;
    assert_int_equal(allot_trace_create(&trace, path), 0);
    assert_int_equal(allot_trace_create(&second, path), -EEXIST);
    assert_null(second);
    allot_trace_close(trace);
    allot_trace_close(NULL);
    assert_int_equal(allot_trace_create(&second, "/nonexistent/trace"), -ENOENT);
    assert_null(second);
}

/* Every call in turn but unmapping, which does not fail: what was written until then is there, and
 * nothing is left mapped. */
static void trace_when_any_call_fails_ends_cleanly(void **state)
{
    int64_t mapped = 0;
    bool failed_late = false;

    (void)state;
    for (uint64_t n = 1;; n++) {
        allot_trace *trace;
        int error;

        unlink(path);
        fake_fail(FAKE_ALL & ~FAKE_BIT(FAKE_UNMAP), FAKE_NTH, n, ENOSPC);
        error = allot_trace_create(&trace, path);
        if (error != 0) {
            assert_null(trace);
            assert_int_equal(fake_failures(), 1);
            continue;
        }
        error = write_some(trace, 100000);
        assert_true(error == 0 || error == -ENOSPC);
        if (error != 0) {
            failed_late = true;
            assert_int_equal(write_some(trace, 1), -ENOSPC);
            assert_true(file_bytes() >= 64 << 10);
        }
        allot_trace_close(trace);
        if (n > 1 && mapped != 0)
            assert_true(fake_mapped_bytes() == mapped);
        mapped = fake_mapped_bytes();
        if (fake_failures() == 0)
            break;
    }
    assert_true(failed_late);
}

enum { THREADS = 4, EACH = 20000 };

static void *write_body(void *trace)
{
    return write_some(trace, EACH) == 0 ? NULL : trace;
}

static void trace_when_threads_write_has_all_of_them(void **state)
{
    pthread_t threads[THREADS];
    allot_trace *trace;
    void *wrong;

    (void)state;
    assert_int_equal(allot_trace_create(&trace, path), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_body, trace), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    allot_trace_close(trace);
    assert_true(read_header().record_bytes > THREADS * EACH * 4);
}

static void trace_when_finished_under_writers_drops_what_comes_later(void **state)
{
    pthread_t thread;
    allot_trace *trace;
    void *result;

    (void)state;
    assert_int_equal(allot_trace_create(&trace, path), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_body, trace), 0);
    ali_trace_finish(trace);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal(write_some(trace, 1), -EPIPE);
    assert_int_equal(file_bytes(),
                     (off_t)(sizeof(struct allot_trace_header) + read_header().record_bytes));
    allot_trace_close(trace);
}

static void trace_when_forked_stays_the_parents(void **state)
{
    allot_trace *trace;
    off_t before;
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(allot_trace_create(&trace, path), 0);
    assert_int_equal(write_some(trace, 10), 0);
    before = file_bytes();
    child = fork();
    if (child == 0) {
        ali_trace_fork_child(); /* which the heap's fork handler calls */
        status = write_some(trace, 1) == -EPERM ? 0 : 1;
        allot_trace_close(trace);
        _exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(file_bytes(), before);
    assert_int_equal(write_some(trace, 10), 0);
    allot_trace_close(trace);
    assert_true(read_header().record_bytes >= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(trace_when_closed_has_its_length_in_the_header, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trace_when_the_file_exists_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trace_when_any_call_fails_ends_cleanly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trace_when_threads_write_has_all_of_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trace_when_finished_under_writers_drops_what_comes_later,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(trace_when_forked_stays_the_parents, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

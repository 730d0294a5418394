#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "plat/linux/linux.h"

static char directory[256];

static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (char *slash = path + strlen(directory) + 1; (slash = strchr(slash, '/')) != NULL;
         *slash++ = '/') {
        *slash = 0;
        (void)mkdir(path, 0755);
    }
    fd = ali_os_create(path);
    assert_true(fd >= 0);
    ali_os_write(fd, text, strlen(text));
    ali_os_close(fd);
}

static void create_when_written_is_read_back(void **state)
{
    char text[64];
    struct stat st;

    (void)state;
    put_file("a", "a longer first text");
    put_file("a", "hello\n");
    assert_int_equal(ali_os_read_file(path_of("a"), text, sizeof text), 6);
    assert_string_equal(text, "hello\n");
    assert_int_equal(stat(path_of("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0644U, 0);
}

static void create_when_impossible_gives_the_error(void **state)
{
    (void)state;
    errno = 77;
    assert_int_equal(ali_os_create(path_of("no/such/directory")), -ENOENT);
    assert_int_equal(ali_os_create(directory), -EISDIR);
    assert_int_equal(errno, 77);
}

static void read_file_when_short_of_room_is_cut_and_terminated(void **state)
{
    char text[4] = "xxx";

    (void)state;
    put_file("a", "hello");
    assert_int_equal(ali_os_read_file(path_of("a"), text, sizeof text), 3);
    assert_string_equal(text, "hel");
    assert_int_equal(ali_os_read_file(path_of("a"), text, 1), 0);
    assert_string_equal(text, "");
}

static void read_file_when_missing_or_no_file_gives_the_error(void **state)
{
    char text[4] = "xxx";

    (void)state;
    errno = 77;
    assert_int_equal(ali_os_read_file(path_of("none"), text, sizeof text), -ENOENT);
    assert_string_equal(text, "");
    assert_int_equal(ali_os_read_file(directory, text, sizeof text), -EISDIR);
    assert_int_equal(errno, 77);
}

static bool pipe_signal_pending(void)
{
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

static void write_to_closed(void *arg)
{
    int ends[2];
    sigset_t before;
    sigset_t after;

    (void)arg;
    unit_child_require(pipe(ends) == 0 && close(ends[0]) == 0);
    sigprocmask(SIG_BLOCK, NULL, &before);
    errno = 77;
    ali_os_write(ends[1], "x", 1);
    unit_child_require(errno == 77);
    sigprocmask(SIG_BLOCK, NULL, &after);
    for (int s = 1; s <= SIGRTMAX; s++)
        unit_child_require(sigismember(&before, s) == sigismember(&after, s));
    unit_child_require(!pipe_signal_pending());
}

/* A SIGPIPE that the program holds back is its own, and stays. */
static void write_with_signal_pending(void *arg)
{
    sigset_t set;
    int ends[2];

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    (void)arg;
    unit_child_require(pipe(ends) == 0 && close(ends[0]) == 0);
    ali_os_write(ends[1], "x", 1);
    unit_child_require(pipe_signal_pending());
}

static void write_when_nobody_reads_raises_no_signal(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(write_to_closed, NULL)));
    assert_true(unit_succeeded(unit_in_child(write_with_signal_pending, NULL)));
}

enum { MANY = 1 << 20 };

static void *read_all(void *arg)
{
    static char buffer[1000];
    size_t sum = 0;
    ssize_t r;

    while ((r = read(*(int *)arg, buffer, sizeof buffer)) > 0)
        sum += (size_t)r;
    return (void *)sum;
}

static void write_when_the_pipe_is_full_waits(void **state)
{
    char *bytes = calloc(MANY, 1);
    pthread_t thread;
    void *sum;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_all, &ends[0]), 0);
    ali_os_write(ends[1], bytes, MANY);
    ali_os_close(ends[1]);
    assert_int_equal(pthread_join(thread, &sum), 0);
    assert_int_equal((uintptr_t)sum, MANY);
    close(ends[0]);
    free(bytes);
}

static void write_when_the_descriptor_is_bad_gives_up(void **state)
{
    (void)state;
    errno = 77;
    ali_os_write(-1, "x", 1);
    ali_os_close(-1);
    assert_int_equal(errno, 77);
}

/* --- control groups ----------------------------------------------------------------------- */

static uint64_t limit(const char *cgroups)
{
    return ali_cgroup_limit(cgroups, directory);
}

static void cgroup_when_version_2_takes_the_smallest_upwards(void **state)
{
    (void)state;
    put_file("g/h/memory.max", "max\n");
    assert_true(limit("0::/g/h\n") == UINT64_MAX);
    put_file("g/memory.max", "1048576\n");
    assert_true(limit("0::/g/h\n") == 1048576);
    put_file("g/h/memory.max", "4096\n");
    assert_true(limit("0::/g/h\n") == 4096);
    assert_true(limit("0::/g\n") == 1048576);
    assert_true(limit("0::/\n") == UINT64_MAX);
}

static void cgroup_when_the_group_is_not_visible_takes_the_root(void **state)
{
    (void)state;
    put_file("memory.max", "65536");
    assert_true(limit("0::/docker/0123/not/here\n") == 65536);
    assert_true(limit("0::/\n") == 65536);
    assert_int_equal(unlink(path_of("memory.max")), 0);
}

static void cgroup_when_version_1_uses_the_memory_controller(void **state)
{
    (void)state;
    put_file("memory/x/memory.limit_in_bytes", "8192\n");
    put_file("cpu/x/memory.limit_in_bytes", "1\n");
    assert_true(limit("3:cpu:/x\n4:hugetlb,memory:/x\n") == 8192);
    assert_true(limit("3:cpu:/x\n4:memory,pids:/x") == 8192);
    assert_true(limit("3:cpu:/x\n4:xmemory:/x\n") == UINT64_MAX);
}

static void cgroup_when_the_text_is_odd_gives_no_limit(void **state)
{
    (void)state;
    put_file("odd/memory.max", "12 34\n");
    assert_true(limit("") == UINT64_MAX);
    assert_true(limit("\n\n") == UINT64_MAX);
    assert_true(limit("0:") == UINT64_MAX);
    assert_true(limit("0::") == UINT64_MAX);
    assert_true(limit("0::/odd") == UINT64_MAX);
    assert_true(ali_cgroup_limit("0::/g\n", "/does/not/exist") == UINT64_MAX);
}

static int make_directory(void **state)
{
    const char *base = getenv("ALLOT_TEST_DIR");

    (void)state;
    ali_os_init();
    snprintf(directory, sizeof directory, "%s/file-XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[300];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_when_written_is_read_back),
        cmocka_unit_test(create_when_impossible_gives_the_error),
        cmocka_unit_test(read_file_when_short_of_room_is_cut_and_terminated),
        cmocka_unit_test(read_file_when_missing_or_no_file_gives_the_error),
        cmocka_unit_test(write_when_nobody_reads_raises_no_signal),
        cmocka_unit_test(write_when_the_pipe_is_full_waits),
        cmocka_unit_test(write_when_the_descriptor_is_bad_gives_up),
        cmocka_unit_test(cgroup_when_version_2_takes_the_smallest_upwards),
        cmocka_unit_test(cgroup_when_the_group_is_not_visible_takes_the_root),
        cmocka_unit_test(cgroup_when_version_1_uses_the_memory_controller),
        cmocka_unit_test(cgroup_when_the_text_is_odd_gives_no_limit),
    };

    return cmocka_run_group_tests_name("plat/file", tests, make_directory, remove_directory);
}

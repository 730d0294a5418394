/* Under RLIMIT_AS or RLIMIT_DATA, set by the first argument and then the
 * program started again: it works, runs out with ENOMEM, and recovers. With
 * "option" the runner has set the allocator's own limit.
 *
 * RLIMIT_DATA counts private writable memory as vm.overcommit_memory=2 does,
 * so it stands for that too.
 */
#include "t.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)
enum { most = 400000 };
static void *block[most];

/* Fill the space up with blocks of one size; how many bytes that gave. */
static size_t exhaust(size_t size)
{
    size_t count = 0;
    errno = 0;
    while (count < most && (block[count] = malloc(size)) != NULL) {
        t_fill(block[count], size < 64 ? size : 64, (unsigned)count);
        count++;
    }
    if (count < most)
        CHECK(errno == ENOMEM, "out of memory: errno %d", errno);
    errno = 0;
    void *refused = malloc(512 * MIB);
    CHECK(!refused && errno == ENOMEM, "512 MiB: %p, errno %d", refused, errno);
    for (size_t i = 0; i < count; i++) {
        CHECK(t_holds(block[i], size < 64 ? size : 64, (unsigned)i), "block %zu of %zu", i, size);
        free(block[i]);
    }
    return count * size;
}

static void realloc_until_refused(void)
{
    size_t size = 1000;
    char *grown = malloc(size);
    t_fill(grown, 1000, 4);
    for (char *more; (more = realloc(grown, size * 5 / 4)) != NULL; size = size * 5 / 4)
        grown = more;
    CHECK(errno == ENOMEM, "realloc: errno %d", errno);
    CHECK(t_holds(grown, 1000, 4), "a refused realloc spoiled its block");
    CHECK(size > 4 * MIB, "realloc gave up at %zu", size);
    free(grown);
}

static void *in_thread(void *failures)
{
    for (int i = 0; i < 2000; i++) {
        void *some = malloc((size_t)(i % 50) * 100);
        *(int *)failures += some == NULL;
        free(some);
    }
    return NULL;
}

static void threads(const char *when)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        int failures = 0, error = pthread_create(&thread, &attr, in_thread, &failures);
        REQUIRE(error == 0, "pthread_create %d: %d", i, error);
        pthread_join(thread, NULL);
        CHECK(!failures, "%s: malloc failed %d times in thread %d", when, failures, i);
    }
}

static void run(size_t limit, size_t floor)
{
    static const size_t sizes[] = {100, 1000, 10000, 100000, 1000000, 300};
    void *kept = malloc(3 * MIB);
    REQUIRE(kept, "3 MiB under a limit of %zu MiB", limit / MIB);
    t_fill(kept, 3 * MIB, 8);
    threads("at first");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t got = exhaust(sizes[i]);
            CHECK(got >= floor, "round %d: %zu KiB in blocks of %zu under a limit of %zu MiB",
                  round, got / 1024, sizes[i], limit / MIB);
        }
    }
    realloc_until_refused();
    threads("after running out");
    CHECK(t_holds(kept, 3 * MIB, 8), "a block that was live all the time");
    free(kept);
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 3, "usage: limits as|data MIB");
    size_t limit = strtoul(argv[2], NULL, 10) * MIB;
    int which = strcmp(argv[1], "as") ? RLIMIT_DATA : RLIMIT_AS;
    if (getenv("ALLOT_TEST_AGAIN") || !strcmp(argv[1], "option")) {
        /* a guard as long as itself behind each slab is paid from the same limit */
        run(limit, t_hardens("guard") ? limit / 4 : limit / 2);
        return t_done();
    }
    struct rlimit both = {limit, limit};
    REQUIRE(setrlimit((__rlimit_resource_t)which, &both) == 0, "setrlimit: %d", errno);
    setenv("ALLOT_TEST_AGAIN", "1", 1);
    execv("/proc/self/exe", argv);
    REQUIRE(false, "execv: %d", errno);
}

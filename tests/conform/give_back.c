/* 400 MB freed, then idle for a second: at least 95 % is back at the system.
 *
 * With the argument "trim" the program calls malloc_trim, with "idle" it does
 * nothing at all, with "thread" the memory was used by threads that sleep on,
 * with "others" it was allocated by threads that sleep while others free it.
 */
#include "t.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>

enum { total = 400000000, threads = 4 };
static bool trim;
static pthread_barrier_t reached, over;

static void **fill(size_t size, size_t bytes, size_t *count)
{
    *count = bytes / size;
    void **block = malloc(*count * sizeof *block);
    for (size_t i = 0; i < *count; i++) {
        block[i] = malloc(size);
        REQUIRE(block[i], "out of memory");
        for (size_t at = 0; at < size; at += 4096)
            ((char *)block[i])[at] = 1;
    }
    return block;
}

/* By turns from both ends and out of order, so that no end is peeled off. */
static void release(void **block, size_t count)
{
    for (size_t step = 0; step < 7; step++)
        for (size_t i = step; i < count; i += 7)
            free(block[i]);
    free(block);
}

/* What waits in the quarantine (4 MiB in these runs) was freed in every seventh place. */
static long held_kib(void)
{
    return t_hardens("quarantine") && !trim ? 7 * 4096 : 0;
}

static void check(long before, long full, const char *what)
{
    if (trim)
        malloc_trim(0);
    t_sleep_ms(1000);
    long left = t_rss_kib() - before, grown = full - before;
    t_say("%s: %ld KiB grown, %ld KiB left", what, grown, left);
    CHECK(grown > total / 1024 * 9 / 10, "%s: %ld KiB resident", what, grown);
    CHECK(left <= grown / 20 + held_kib(), "%s: %ld of %ld KiB left", what, left, grown);
}

static void blocks_of(size_t size)
{
    char what[40];
    size_t count;
    snprintf(what, sizeof what, "blocks of %zu", size);
    long before = t_rss_kib();
    void **block = fill(size, total, &count);
    long full = t_rss_kib();
    release(block, count);
    check(before, full, what);
}

static bool others;
static struct filled {
    void **block;
    size_t count;
} filled[threads];

static void *sleeper(void *arg)
{
    struct filled *mine = arg;
    mine->block = fill(500, total / threads, &mine->count);
    pthread_barrier_wait(&reached);
    pthread_barrier_wait(&over);
    if (!others)
        release(mine->block, mine->count);
    pthread_barrier_wait(&reached);
    pthread_barrier_wait(&over);
    return NULL;
}

static void by_threads(void)
{
    pthread_t thread[threads];
    pthread_barrier_init(&reached, NULL, threads + 1);
    pthread_barrier_init(&over, NULL, threads + 1);
    long before = t_rss_kib();
    for (int i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, sleeper, &filled[i]);
    pthread_barrier_wait(&reached);
    long full = t_rss_kib();
    pthread_barrier_wait(&over);
    pthread_barrier_wait(&reached);
    for (int i = 0; others && i < threads; i++)
        release(filled[i].block, filled[i].count);
    check(before, full, others ? "freed by others" : "threads that sleep");
    pthread_barrier_wait(&over);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
    trim = argc < 2 || !strcmp(argv[1], "trim");
    if (argc > 1 && !strcmp(argv[1], "thread")) {
        by_threads();
        trim = true;
        by_threads();
        return t_done();
    }
    if (argc > 1 && !strcmp(argv[1], "others")) {
        others = true;
        by_threads();
        return t_done();
    }
    static const size_t sizes[] = {100, 1000, 5000, 40000, 300000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            t_failures = 0;
            blocks_of(sizes[i]);
            _exit(t_done());
        }
        int status = 0;
        waitpid(pid, &status, 0);
        CHECK(status == 0, "blocks of %zu: status %x", sizes[i], status);
    }
    return t_done();
}

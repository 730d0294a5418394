/* mallinfo, mallinfo2, malloc_info, malloc_stats, malloc_trim, mallopt: true
 * figures and a real effect.
 */
#include "t.h"
#include <malloc.h>
#include <pthread.h>

#define MIB ((size_t)1 << 20)

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Live bytes follow the program to within the rounding of size classes. */
static void figures_follow(size_t size, size_t total)
{
    size_t count = total / size;
    void **block = malloc(count * sizeof *block);
    size_t before = in_use();
    for (size_t i = 0; i < count; i++)
        memset(block[i] = malloc(size), 1, size);
    size_t full = in_use();
    CHECK(full - before >= count * size && full - before <= count * size + total / 2,
          "%zu bytes in blocks of %zu: mallinfo2 says %zu", count * size, size, full - before);
    for (size_t i = 0; i < count; i += 2)
        free(block[i]);
    size_t half = in_use();
    CHECK(full - half >= total / 2 - total / 50, "half of %zu freed: mallinfo2 says %zu", total,
          full - half);
    struct mallinfo2 info = mallinfo2();
    CHECK(info.uordblks + info.fordblks <= info.arena + info.hblkhd + total / 2,
          "uordblks %zu + fordblks %zu against arena %zu + hblkhd %zu", info.uordblks,
          info.fordblks, info.arena, info.hblkhd);
    for (size_t i = 1; i < count; i += 2)
        free(block[i]);
    size_t none = in_use();
    CHECK(none <= before + total / 50, "all freed: %zu, before %zu", none, before);
    free(block);
}

static void old_mallinfo(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    void *block = malloc(3 * MIB);
    struct mallinfo before = mallinfo();
    void *more = malloc(40 * MIB);
    struct mallinfo after = mallinfo();
    long grown = (long)after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    CHECK(grown >= (long)(40 * MIB) && grown < (long)(41 * MIB), "mallinfo grew by %ld", grown);
    free(more);
    free(block);
#pragma GCC diagnostic pop
}

static void xml(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    REQUIRE(stream, "open_memstream");
    CHECK(malloc_info(0, stream) == 0, "malloc_info(0)");
    fclose(stream);
    CHECK(length > 40 && strstr(text, "<malloc") && strstr(text, "</malloc>"),
          "malloc_info wrote no <malloc> element");
    free(text);
    errno = 0;
    int refused = malloc_info(1, stderr);
    CHECK(refused != 0, "malloc_info(1) = %d, errno %d", refused, errno);
}

/* malloc_info's sum of live or system bytes grows with the program. */
static void xml_is_true(void)
{
    static char before[1 << 16], after[1 << 16];
    FILE *stream = fmemopen(before, sizeof before, "w");
    malloc_info(0, stream);
    fclose(stream);
    void *block = malloc(50 * MIB);
    memset(block, 1, 50 * MIB);
    stream = fmemopen(after, sizeof after, "w");
    malloc_info(0, stream);
    fclose(stream);
    CHECK(strcmp(before, after) != 0, "malloc_info does not notice 50 MiB");
    free(block);
}

static void stats_to_stderr(void)
{
    char path[] = "/tmp/allot-info-XXXXXX";
    int file = mkstemp(path), saved = dup(2);
    unlink(path);
    fflush(stderr);
    dup2(file, 2);
    malloc_stats();
    fflush(stderr);
    dup2(saved, 2);
    off_t length = lseek(file, 0, SEEK_END);
    CHECK(length > 20, "malloc_stats wrote %ld bytes to stderr", (long)length);
    close(file);
    close(saved);
}

/* A thread that is cancelled inside malloc_stats, while stderr is slow, ends as it should and
 * leaves the heap and stdio usable.
 */
static void *tell_stats(void *gate)
{
    pthread_barrier_wait(gate);
    malloc_stats();
    pthread_testcancel();
    return NULL;
}

static void stats_under_cancellation(void)
{
    int pipes[2], saved = dup(2);
    static char text[1 << 16];
    size_t length = 0;
    void *result = NULL;
    pthread_barrier_t gate;
    pthread_t thread;
    REQUIRE(pipe(pipes) == 0, "pipe");
    fflush(stderr);
    dup2(pipes[1], 2);
    close(pipes[1]);
    pthread_barrier_init(&gate, NULL, 2);
    pthread_create(&thread, NULL, tell_stats, &gate);
    pthread_cancel(thread);
    pthread_barrier_wait(&gate);
    pthread_join(thread, &result);
    fflush(stderr);
    dup2(saved, 2);
    for (ssize_t got = 1; got > 0 && length < sizeof text - 1; length += (size_t)got)
        got = read(pipes[0], text + length, sizeof text - 1 - length);
    CHECK(result == PTHREAD_CANCELED, "the thread was not cancelled");
    static const char *const said[] = {"system bytes", "in use bytes", "max mmap bytes"};
    for (int i = 0; i < 3; i++)
        CHECK(strstr(text, said[i]), "malloc_stats was cut off: no \"%s\"", said[i]);
    pthread_barrier_destroy(&gate);
    close(pipes[0]);
    close(saved);
    free(malloc(1000));
}

static void trim_gives_back(void)
{
    enum { count = 1600 };
    static void *block[count];
    malloc_trim(0);
    long before = t_rss_kib();
    for (int i = 0; i < count; i++)
        memset(block[i] = malloc(50000), 1, 50000);
    long full = t_rss_kib();
    for (int i = 0; i < count; i++)
        free(block[i]);
    malloc_trim(0);
    long after = t_rss_kib();
    CHECK(full - before > 70000, "80 MB are resident: %ld KiB", full - before);
    CHECK(after - before < 4000, "after malloc_trim(0): %ld KiB more than before", after - before);
    int again = malloc_trim(0);
    CHECK(again == 0 || again == 1, "malloc_trim = %d", again);
}

/* With a padding of 64 MiB malloc_trim may keep that much and no more. */
static void trim_pad(void)
{
    void *block = malloc(4 * MIB);
    memset(block, 1, 4 * MIB);
    free(block);
    int result = malloc_trim(64 * MIB);
    CHECK(result == 0 || result == 1, "malloc_trim(64 MiB) = %d", result);
}

static void options(void)
{
    CHECK(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1, "M_TRIM_THRESHOLD");
    CHECK(mallopt(M_TOP_PAD, 1 << 16) == 1, "M_TOP_PAD");
    CHECK(mallopt(M_MMAP_MAX, 1000) == 1, "M_MMAP_MAX");
    CHECK(mallopt(M_ARENA_MAX, 4) == 1, "M_ARENA_MAX");
    CHECK(mallopt(M_ARENA_TEST, 4) == 1, "M_ARENA_TEST");
    CHECK(mallopt(M_MXFAST, 64) == 1, "M_MXFAST");
    CHECK(mallopt(M_CHECK_ACTION, 3) == 1, "M_CHECK_ACTION");
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1, "M_MMAP_THRESHOLD");
}

/* M_PERTURB: an allocated byte is the complement of the value. glibc's thread
 * cache skips it for small blocks; a drop-in of ours has no such hole.
 */
static void perturb(void)
{
    CHECK(mallopt(M_PERTURB, 0x5a) == 1, "M_PERTURB");
    size_t least = getenv("ALLOT_MALLOC_IS_OURS") ? 1 : 2000;
    for (size_t size = least; size < 300000; size = size * 3 + 5) {
        unsigned char *block = malloc(size);
        size_t same = 0;
        for (size_t i = 0; i < size; i++)
            same += block[i] == (0x5a ^ 0xff);
        CHECK(same == size, "M_PERTURB: %zu of %zu bytes set", same, size);
        free(block);
        block = calloc(1, size);
        CHECK(t_zero(block, size), "M_PERTURB: calloc(%zu)", size);
        free(block);
    }
    CHECK(mallopt(M_PERTURB, 0) == 1, "M_PERTURB off");
}

static volatile bool stop;

static void *churn(void *arg)
{
    uint64_t seed = (uintptr_t)arg + 1;
    void *kept[64] = {0};
    while (!stop) {
        unsigned slot = t_random(&seed) % 64;
        free(kept[slot]);
        kept[slot] = malloc(t_random(&seed) % 5000);
    }
    for (int i = 0; i < 64; i++)
        free(kept[i]);
    return NULL;
}

static void while_threads_run(void)
{
    pthread_t thread[4];
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, churn, (void *)i);
    FILE *null = fopen("/dev/null", "w");
    for (int i = 0; i < 200; i++) {
        size_t used = in_use();
        CHECK(used < 100 * MIB, "mallinfo2 says %zu", used);
        malloc_info(0, null);
        malloc_trim(0);
    }
    fclose(null);
    stop = true;
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    figures_follow(64, 20 * MIB);
    figures_follow(1000, 20 * MIB);
    figures_follow(20000, 40 * MIB);
    figures_follow(3 * MIB, 120 * MIB);
    old_mallinfo();
    xml();
    xml_is_true();
    stats_to_stderr();
    stats_under_cancellation();
    trim_gives_back();
    trim_pad();
    while_threads_run();
    options();
    perturb();
    return t_done();
}

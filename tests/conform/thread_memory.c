/* Memory crosses threads: freed by others, by the main thread after its owner
 * ended, given back when a thread that freed it just sleeps.
 */
#include "t.h"
#include <pthread.h>

/* kept_kib: what an allocator may hold unused, in another place than the live blocks. */
enum { blocks = 20000, size = 2000, threads = 4, kept_kib = 24 * 1024 };
static void *block[threads][blocks];

static void *fill_all(void *arg)
{
    void **own = block[(uintptr_t)arg];
    for (int i = 0; i < blocks; i++) {
        own[i] = malloc(size);
        REQUIRE(own[i], "out of memory");
        t_fill(own[i], size, (unsigned)i);
    }
    return NULL;
}

static void *free_next(void *arg)
{
    void **other = block[((uintptr_t)arg + 1) % threads];
    for (int i = 0; i < blocks; i++) {
        CHECK(t_holds(other[i], size, (unsigned)i), "block %d of another thread", i);
        free(other[i]);
    }
    return NULL;
}

static void run(void *(*body)(void *))
{
    pthread_t thread[threads];
    for (uintptr_t i = 0; i < threads; i++)
        REQUIRE(!pthread_create(&thread[i], NULL, body, (void *)i), "pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
}

/* Ten generations of threads: the tenth must find the memory of the first. */
int main(void)
{
    long peak = 0;
    for (int generation = 0; generation < 10; generation++) {
        run(fill_all);
        long full = t_rss_kib();
        if (generation < 2 && full > peak)
            peak = full;
        CHECK(full < peak + peak / 10 + kept_kib, "generation %d holds %ld KiB, before %ld",
              generation, full, peak);
        if (generation & 1) {
            run(free_next);
            continue;
        }
        for (int t = 0; t < threads; t++)
            for (int i = 0; i < blocks; i++)
                free(block[t][i]);
    }
    return t_done();
}

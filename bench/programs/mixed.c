/* Threads allocate and free groups of blocks from 16 bytes to 16 KiB in random order; every group
 * is passed on to the next thread, which frees half of it while it makes its own. */
#include "workload.h"

enum { GROUP = 2000 };

static void *groups[THREADS_MAX][GROUP];
static pthread_barrier_t step;
static unsigned threads;
static size_t rounds;
static uint64_t bytes[THREADS_MAX * 8];

static void group_churn(void **group, uint64_t *seed, uint64_t *total)
{
    for (size_t i = 0; i < GROUP; i++) {
        size_t at = random_below(seed, GROUP), size = random_size(seed, 16, 9);
        free(group[at]);
        group[at] = block_new(size);
        *total += size;
    }
}

static void *mix(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    uint64_t seed = self + 17, total = 0;
    for (size_t round = 0; round < rounds; round++) {
        group_churn(groups[(self + round) % threads], &seed, &total);
        pthread_barrier_wait(&step);
    }
    bytes[self * 8] = total;
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t total = 0;
    threads = (unsigned)argument(argc, argv, 1, 2);
    rounds = argument(argc, argv, 2, 1500);
    pthread_barrier_init(&step, NULL, threads);
    threads_run(threads, mix);
    for (unsigned i = 0; i < threads; i++) {
        total += bytes[i * 8];
        for (size_t at = 0; at < GROUP; at++)
            free(groups[i][at]);
    }
    printf("mixed: %llu bytes\n", (unsigned long long)total);
    return 0;
}

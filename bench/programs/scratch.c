/* False sharing: each thread gets a small block that one thread allocated next to the others',
 * frees it, and writes again and again to small blocks of its own. An allocator that hands parts of
 * one cache line to several threads makes them wait for each other. After the idea of Berger et
 * al., "Hoard" (ASPLOS 2000). */
#include "workload.h"

enum { SIZE = 8, WRITES = 1000 };

static void *given[THREADS_MAX];
static size_t rounds;
static uint64_t sums[THREADS_MAX * 8];

static void *scratch(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    uint64_t sum = 0;
    free(given[self]);
    for (size_t round = 0; round < rounds; round++) {
        volatile unsigned char *block = block_new(SIZE);
        for (unsigned i = 0; i < WRITES; i++) {
            block[i % SIZE] = (unsigned char)(block[i % SIZE] + 1);
            sum += block[i % SIZE] & 1;
        }
        free((void *)block);
    }
    sums[self * 8] = sum != 0;
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = (unsigned)argument(argc, argv, 1, 2);
    uint64_t good = 0;
    rounds = argument(argc, argv, 2, 300 * 1000);
    for (unsigned i = 0; i < threads; i++)
        given[i] = block_new(SIZE);
    threads_run(threads, scratch);
    for (unsigned i = 0; i < threads; i++)
        good += sums[i * 8];
    printf("scratch: %llu threads\n", (unsigned long long)good);
    return 0;
}

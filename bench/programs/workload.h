/* What the synthetic programs share: random numbers, size draws, threads, one line of output that
 * does not depend on the allocator. The work is fixed, so that less time is better. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#define _GNU_SOURCE

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 16 };

static inline uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static inline size_t random_below(uint64_t *state, size_t limit)
{
    return (size_t)(((uint64_t)random_next(state) * limit) >> 32);
}

/* Every doubling of the size, from least up, is half as likely as the one before. */
static inline size_t random_size(uint64_t *state, size_t least, unsigned doublings)
{
    unsigned shift = (unsigned)__builtin_ctz(random_next(state) | 1u << doublings);
    size_t base = least << shift;
    return base + random_below(state, base);
}

static inline void *block_new(size_t size)
{
    unsigned char *block = malloc(size);
    if (!block) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    block[0] = (unsigned char)size;
    block[size - 1] = (unsigned char)size;
    return block;
}

static inline void threads_run(unsigned count, void *(*body)(void *))
{
    pthread_t threads[THREADS_MAX];
    for (uintptr_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, body, (void *)i)) {
            fputs("no thread\n", stderr);
            exit(1);
        }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static inline size_t argument(int argc, char **argv, int at, size_t otherwise)
{
    return argc > at ? strtoul(argv[at], NULL, 10) : otherwise;
}

#endif

/* Many threads build up and take down sets of blocks of very different sizes and now and then swap
 * a block with a shared table, so that any thread frees what any other allocated; rounds of threads
 * follow one another. */
#include "workload.h"

#include <stdatomic.h>

enum { SHARED = 1000, ROUNDS = 8 };

static _Atomic(void *) shared[SHARED];
static _Atomic uint64_t allocated;
static size_t live_max, steps;

static size_t stress_size(uint64_t *seed)
{
    return random_below(seed, 1000) ? random_size(seed, 16, 8) : random_size(seed, 64 << 10, 3);
}

static void *stress(void *argument)
{
    uint64_t seed = (uintptr_t)argument * 977 + 5, count = 0;
    void **live = calloc(live_max, sizeof *live);
    size_t used = 0;
    for (size_t i = 0; live && i < steps; i++) {
        unsigned draw = random_next(&seed) % 100;
        if (draw < 10)
            free(atomic_exchange(&shared[random_below(&seed, SHARED)],
                                 block_new(stress_size(&seed))));
        else if (used < live_max && (draw < 60 || used == 0))
            live[used++] = block_new(stress_size(&seed));
        else {
            size_t at = random_below(&seed, used);
            free(live[at]);
            live[at] = live[--used];
        }
        count++;
    }
    while (used)
        free(live[--used]);
    free(live);
    atomic_fetch_add(&allocated, count);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = (unsigned)argument(argc, argv, 1, 4);
    steps = argument(argc, argv, 2, 500 * 1000);
    live_max = 20 * 1000;
    for (int round = 0; round < ROUNDS; round++)
        threads_run(threads, stress);
    for (size_t i = 0; i < SHARED; i++)
        free(shared[i]);
    printf("stress: %llu steps\n", (unsigned long long)allocated);
    return 0;
}

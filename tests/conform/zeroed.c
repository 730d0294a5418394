/* calloc: zero whatever the memory was before, whole or part reused. */
#include "t.h"
#include <malloc.h>

static void dirty_then_calloc(size_t size)
{
    enum { blocks = 8 };
    unsigned char *block[blocks];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < blocks; i++) {
            block[i] = malloc(size);
            memset(block[i], 0xff, malloc_usable_size(block[i]));
        }
        for (int i = 0; i < blocks; i++)
            free(block[i]);
        for (int i = 0; i < blocks; i++) {
            block[i] = calloc(i & 1 ? size : 1, i & 1 ? 1 : size);
            CHECK(t_zero(block[i], size), "calloc of %zu is not zero, round %d", size, round);
            memset(block[i], 0xee, malloc_usable_size(block[i]));
        }
        for (int i = 0; i < blocks; i++)
            free(block[i]);
        if (round == 1)
            malloc_trim(0);
    }
}

/* Dirty at one size, zeroed at another: parts of the memory were never touched. */
static void other_sizes(void)
{
    static const size_t sizes[] = {48, 600, 4000, 20000, 70000, 200000, 700000, 3 << 20, 9 << 20};
    enum { kinds = sizeof sizes / sizeof *sizes };
    for (int from = 0; from < kinds; from++) {
        for (int to = 0; to < kinds; to++) {
            void *dirty[12];
            for (int i = 0; i < 12; i++) {
                dirty[i] = malloc(sizes[from]);
                memset(dirty[i], 0xdd, i & 1 ? sizes[from] : sizes[from] / 2);
            }
            for (int i = 0; i < 12; i++)
                free(dirty[i]);
            for (int i = 0; i < 3; i++) {
                dirty[i] = calloc(1, sizes[to]);
                CHECK(t_zero(dirty[i], sizes[to]), "%zu freed, calloc(%zu)", sizes[from],
                      sizes[to]);
            }
            for (int i = 0; i < 3; i++)
                free(dirty[i]);
        }
    }
}

static void shrunk_and_grown(void)
{
    for (size_t size = 1 << 14; size <= (size_t)8 << 20; size *= 2) {
        unsigned char *block = malloc(size);
        memset(block, 0xcc, size);
        block = realloc(block, size / 4);
        unsigned char *fresh = calloc(1, size / 2);
        CHECK(t_zero(fresh, size / 2), "calloc beside a shrunk block of %zu", size);
        block = realloc(block, size * 2);
        CHECK(block[size / 4 - 1] == 0xcc, "a grown block of %zu", size);
        free(fresh);
        free(block);
        fresh = calloc(size, 2);
        CHECK(t_zero(fresh, size * 2), "calloc(%zu, 2)", size);
        free(fresh);
    }
}

static void random_stream(void)
{
    enum { slots = 400 };
    static unsigned char *block[slots];
    uint64_t seed = 99;
    for (int i = 0; i < 60000; i++) {
        unsigned slot = t_random(&seed) % slots;
        free(block[slot]);
        size_t size = (size_t)1 << (t_random(&seed) % (i % 64 ? 12 : 20));
        size += t_random(&seed) % size;
        if (t_random(&seed) & 1) {
            block[slot] = calloc(1, size);
            CHECK(t_zero(block[slot], size), "calloc(%zu) at step %d", size, i);
        } else {
            block[slot] = malloc(size);
        }
        memset(block[slot], 0xbb, size);
    }
    for (int i = 0; i < slots; i++)
        free(block[i]);
}

int main(void)
{
    for (size_t size = 1; size <= (size_t)4 << 20; size += size / 5 + 1)
        dirty_then_calloc(size);
    other_sizes();
    shrunk_and_grown();
    random_stream();
    return t_done();
}

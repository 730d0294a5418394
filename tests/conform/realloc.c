/* realloc and reallocarray keep the contents between any two sizes. */
#include "t.h"
#include <malloc.h>

static size_t sizes[64];
static int count;

static void list_sizes(void)
{
    for (size_t size = 1; size < (size_t)40 << 20; size = size * 3 / 2 + 3)
        sizes[count++] = size;
}

static void every_pair(void)
{
    for (int from = 0; from < count; from++) {
        for (int to = 0; to < count; to++) {
            size_t less = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            size_t probe = less < 10000 ? less : 10000;
            unsigned char *block = malloc(sizes[from]);
            REQUIRE(block, "malloc(%zu)", sizes[from]);
            t_fill(block, probe, 5);
            t_fill(block + less - probe, probe, 6);
            block = (from + to) & 1 ? realloc(block, sizes[to]) : reallocarray(block, sizes[to], 1);
            REQUIRE(block, "realloc %zu to %zu", sizes[from], sizes[to]);
            CHECK(less < 20000 || t_holds(block, probe, 5), "%zu to %zu: head", sizes[from],
                  sizes[to]);
            CHECK(t_holds(block + less - probe, probe, 6), "%zu to %zu: tail", sizes[from],
                  sizes[to]);
            block[0] = block[sizes[to] - 1] = 1;
            free(block);
        }
    }
}

static void step_by_step(size_t step, size_t end)
{
    unsigned char *block = NULL;
    for (size_t size = step; size <= end; size += step) {
        block = realloc(block, size);
        REQUIRE(block, "realloc to %zu", size);
        block[size - step] = (unsigned char)(size / step);
        block[size - 1] = (unsigned char)(size / step + 1);
    }
    for (size_t size = end / step * step; size > step; size -= step) {
        CHECK(block[size - 1] == (unsigned char)(size / step + 1), "growing by %zu, at %zu", step,
              size);
        block = realloc(block, size - step);
        REQUIRE(block, "realloc down to %zu", size - step);
    }
    free(block);
}

/* Large blocks side by side: one that moves must not take another's pages. */
static void neighbours(void)
{
    enum { blocks = 16 };
    unsigned char *block[blocks];
    size_t size[blocks];
    uint64_t seed = 77;
    for (int i = 0; i < blocks; i++) {
        size[i] = 100000 + (size_t)i * 50000;
        block[i] = malloc(size[i]);
        t_fill(block[i], size[i], (unsigned)i);
    }
    for (int step = 0; step < 400; step++) {
        int i = (int)(t_random(&seed) % blocks);
        size_t to = 30000 + t_random(&seed) % 3000000;
        size_t less = to < size[i] ? to : size[i];
        block[i] = realloc(block[i], to);
        REQUIRE(block[i], "realloc to %zu", to);
        CHECK(t_holds(block[i], less, (unsigned)i), "step %d: %zu to %zu", step, size[i], to);
        t_fill(block[i], to, (unsigned)i);
        size[i] = to;
    }
    for (int i = 0; i < blocks; i++) {
        CHECK(t_holds(block[i], size[i], (unsigned)i), "block %d at the end", i);
        free(block[i]);
    }
}

static void aligned_blocks(void)
{
    for (size_t align = 32; align <= 1 << 20; align *= 4) {
        for (size_t size = 10; size <= 3000000; size *= 7) {
            unsigned char *block = memalign(align, size);
            t_fill(block, size, 9);
            block = realloc(block, size * 3);
            CHECK(t_holds(block, size, 9), "memalign(%zu, %zu) grown", align, size);
            block = realloc(block, size / 2);
            CHECK(t_holds(block, size / 2, 9), "memalign(%zu, %zu) shrunk", align, size);
            free(block);
        }
    }
}

int main(void)
{
    list_sizes();
    every_pair();
    step_by_step(7, 6000);
    step_by_step(1000, 300000);
    step_by_step(65536, (size_t)24 << 20);
    step_by_step((size_t)1 << 20, (size_t)96 << 20);
    neighbours();
    aligned_blocks();
    return t_done();
}

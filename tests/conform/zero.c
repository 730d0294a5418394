/* Size 0: a block of its own from every allocating call; realloc(p, 0) frees. */
#include "t.h"
#include <malloc.h>

static void unique(void)
{
    enum { count = 300 };
    void *block[count];
    for (int i = 0; i < count; i++) {
        switch (i % 6) {
        case 0:
            block[i] = malloc(0);
            break;
        case 1:
            block[i] = calloc(0, 8);
            break;
        case 2:
            block[i] = calloc(8, 0);
            break;
        case 3:
            block[i] = realloc(NULL, 0);
            break;
        case 4:
            block[i] = memalign(64, 0);
            break;
        default:
            block[i] = reallocarray(NULL, 0, 4);
            break;
        }
        CHECK(block[i], "zero-sized call %d gave NULL", i % 6);
    }
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            CHECK(block[i] != block[k], "blocks %d and %d are one", i, k);
    for (int i = 0; i < count; i++)
        free(block[i]);
}

static void realloc_to_zero(void)
{
    static const size_t size[] = {1, 24, 1000, 5000, 40000, 200000, 3 << 20};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        void *block = malloc(size[i]);
        memset(block, 1, size[i]);
        errno = 0;
        void *after = realloc(block, OPAQUE((size_t)0));
        CHECK(after == NULL, "realloc(p of %zu, 0) = %p", size[i], after);
        CHECK(errno == 0, "realloc(p, 0) set errno %d", errno);
        block = malloc(size[i]);
        after = reallocarray(block, OPAQUE((size_t)0), 8);
        CHECK(after == NULL, "reallocarray(p of %zu, 0, 8) = %p", size[i], after);
    }
}

/* If realloc(p, 0) kept the block, 200,000 times 64 KiB would not fit. */
static void realloc_to_zero_frees(void)
{
    long before = t_rss_kib();
    for (int i = 0; i < 4000; i++) {
        void *block = malloc(65536);
        REQUIRE(block, "out of memory at %d", i);
        memset(block, 1, 65536);
        CHECK(realloc(block, OPAQUE((size_t)0)) == NULL, "realloc(p, 0)");
    }
    long grown = t_rss_kib() - before;
    CHECK(grown < 32 * 1024, "realloc(p, 0) leaks: %ld KiB more", grown);
}

static void others(void)
{
    void *block = aligned_alloc(64, 0);
    CHECK(block && ((uintptr_t)block & 63) == 0, "aligned_alloc(64, 0) = %p", block);
    free(block);
    block = NULL;
    CHECK(posix_memalign(&block, 64, 0) == 0 && block, "posix_memalign of 0 bytes");
    CHECK(((uintptr_t)block & 63) == 0, "posix_memalign(64, 0) = %p", block);
    free(block);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    block = valloc(0);
    CHECK(block && ((uintptr_t)block & (page - 1)) == 0, "valloc(0) = %p", block);
    free(block);
    block = pvalloc(0);
    CHECK(block && ((uintptr_t)block & (page - 1)) == 0, "pvalloc(0) = %p", block);
    free(block);
    block = malloc(0);
    block = realloc(block, 100);
    CHECK(block, "realloc(malloc(0), 100)");
    t_fill(block, 100, 1);
    free(block);
    free(NULL);
}

int main(void)
{
    unique();
    realloc_to_zero();
    realloc_to_zero_frees();
    others();
    return t_done();
}

/* Requests that cannot be met: NULL, ENOMEM, and everything left as it was. */
#include "t.h"
#include <malloc.h>
#include <stdint.h>

static void refused(void *block, const char *call, size_t size)
{
    CHECK(block == NULL, "%s of %zx gave %p", call, size, block);
    CHECK(errno == ENOMEM, "%s of %zx: errno %d", call, size, errno);
    errno = 0;
}

static void too_large(size_t size)
{
    void *kept = malloc(100);
    t_fill(kept, 100, 1);
    size = OPAQUE(size);
    errno = 0;
    refused(malloc(size), "malloc", size);
    refused(calloc(1, size), "calloc(1, n)", size);
    refused(calloc(size, 1), "calloc(n, 1)", size);
    refused(realloc(NULL, size), "realloc(NULL)", size);
    refused(realloc(kept, size), "realloc", size);
    refused(reallocarray(kept, 1, size), "reallocarray(1, n)", size);
    refused(reallocarray(kept, size, 1), "reallocarray(n, 1)", size);
    refused(memalign(64, size), "memalign", size);
    refused(memalign(16, size), "memalign 16", size);
    refused(memalign(1 << 20, size), "memalign 1M", size);
    refused(aligned_alloc(64, size), "aligned_alloc", size);
    refused(valloc(size), "valloc", size);
    refused(pvalloc(size), "pvalloc", size);
    void *untouched = &size;
    for (size_t align = sizeof(void *); align <= 1 << 16; align *= 2) {
        errno = 0;
        int error = posix_memalign(&untouched, align, size);
        CHECK(errno == ENOMEM, "posix_memalign(%zu, %zx) left errno %d", align, size, errno);
        CHECK(error == ENOMEM, "posix_memalign(%zu, %zx) = %d", align, size, error);
        CHECK(untouched == &size, "posix_memalign wrote its result on failure");
    }
    CHECK(t_holds(kept, 100, 1), "a refused realloc spoiled the block");
    CHECK(malloc_usable_size(kept) >= 100, "a refused realloc freed the block");
    free(kept);
}

static void large_block_survives(void)
{
    size_t size = 3 << 20;
    void *kept = malloc(size);
    t_fill(kept, size, 2);
    errno = 0;
    refused(realloc(kept, OPAQUE((size_t)PTRDIFF_MAX)), "realloc of a large block", PTRDIFF_MAX);
    refused(realloc(kept, OPAQUE((size_t)PTRDIFF_MAX / 2)), "realloc of a large block",
            PTRDIFF_MAX / 2);
    CHECK(t_holds(kept, size, 2), "a refused realloc spoiled a large block");
    free(kept);
}

static void product_overflows(void)
{
    size_t half = (size_t)1 << (sizeof(size_t) * 4);
    static const size_t small[] = {2, 3, 4, 16, 100};
    void *kept = malloc(32);
    t_fill(kept, 32, 3);
    errno = 0;
    refused(calloc(OPAQUE(half), OPAQUE(half)), "calloc(half, half)", half);
    refused(calloc(OPAQUE(half + 1), OPAQUE(half + 1)), "calloc(half+1, half+1)", half);
    refused(reallocarray(kept, OPAQUE(half), OPAQUE(half)), "reallocarray(half, half)", half);
    refused(reallocarray(NULL, OPAQUE(half), OPAQUE(half)), "reallocarray(NULL)", half);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        size_t count = SIZE_MAX / small[i] + 1;
        refused(calloc(OPAQUE(count), small[i]), "calloc", count);
        refused(calloc(small[i], OPAQUE(count)), "calloc", count);
        refused(reallocarray(kept, OPAQUE(count), small[i]), "reallocarray", count);
    }
    CHECK(t_holds(kept, 32, 3), "an overflowing reallocarray spoiled the block");
    free(kept);
}

int main(void)
{
    static const size_t below_max[] = {0, 1, 2, 15, 16, 17, 63, 64, 4095, 4096, 4097, 65536};
    for (size_t i = 0; i < sizeof below_max / sizeof *below_max; i++) {
        too_large(SIZE_MAX - below_max[i]);
        too_large((size_t)PTRDIFF_MAX + 1 + below_max[i]);
        too_large((size_t)PTRDIFF_MAX - below_max[i]);
    }
    too_large(SIZE_MAX / 4);
    too_large((size_t)1 << 56);
    large_block_survives();
    product_overflows();
    return t_done();
}

/* Aligned allocation: every alignment and size, odd alignments, every refusal. */
#include "t.h"
#include <malloc.h>

static void check_block(void *block, const char *call, size_t align, size_t size)
{
    CHECK(block, "%s(%zu, %zu) gave NULL", call, align, size);
    if (!block)
        return;
    CHECK(((uintptr_t)block & (align - 1)) == 0, "%s(%zu, %zu) = %p", call, align, size, block);
    size_t usable = malloc_usable_size(block);
    CHECK(usable >= size, "%s(%zu, %zu): usable %zu", call, align, size, usable);
    memset(block, 0xa5, usable < 70000 ? usable : 70000);
    if (usable)
        ((char *)block)[usable - 1] = 1;
}

static void every_alignment(void)
{
    static const size_t sizes[] = {1,    8,    16,   24,    64,    100,    1000,    4095,
                                   4096, 4097, 9000, 33000, 65536, 130000, 1 << 20, 5000000};
    for (size_t align = 1; align <= (size_t)4 << 20; align *= 2) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            void *a = memalign(align, sizes[i]), *b = aligned_alloc(align, sizes[i]), *c = NULL;
            check_block(a, "memalign", align, sizes[i]);
            check_block(b, "aligned_alloc", align, sizes[i]);
            if (align >= sizeof(void *)) {
                int error = posix_memalign(&c, align, sizes[i]);
                CHECK(error == 0, "posix_memalign(%zu, %zu) = %d", align, sizes[i], error);
                check_block(c, "posix_memalign", align, sizes[i]);
            }
            free(a);
            free(c);
            free(b);
        }
    }
}

static void many_live(void)
{
    enum { count = 2000 };
    static unsigned char *block[count];
    static size_t size_of[count];
    uint64_t seed = 12345;
    for (int i = 0; i < count; i++) {
        size_t align = (size_t)8 << (t_random(&seed) % 10);
        size_of[i] = t_random(&seed) % 3000;
        int error = posix_memalign((void **)&block[i], align, size_of[i]);
        REQUIRE(error == 0, "posix_memalign(%zu, %zu) = %d", align, size_of[i], error);
        CHECK(((uintptr_t)block[i] & (align - 1)) == 0, "alignment %zu", align);
        t_fill(block[i], size_of[i], (unsigned)i);
    }
    for (int i = 0; i < count; i++) {
        CHECK(t_holds(block[i], size_of[i], (unsigned)i), "aligned block %d was overwritten", i);
        if (i % 3 == 0) {
            block[i] = realloc(block[i], size_of[i] * 2);
            CHECK(t_holds(block[i], size_of[i], (unsigned)i), "realloc of an aligned block");
        }
        free(block[i]);
    }
}

static void posix_refuses(void)
{
    static const size_t bad[] = {0, 1, 2, 3, 4, 5, 7, 9, 12, 24, 48, 65, 100, 4095, 4097, 12288};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *block = &posix_refuses;
        errno = 0;
        int error = posix_memalign(&block, bad[i], 64);
        CHECK(error == EINVAL, "posix_memalign(align %zu) = %d", bad[i], error);
        CHECK(block == (void *)&posix_refuses, "posix_memalign(align %zu) wrote", bad[i]);
        CHECK(errno == 0, "posix_memalign(align %zu) set errno %d", bad[i], errno);
    }
    void *block = NULL;
    CHECK(posix_memalign(&block, sizeof(void *), 1) == 0, "the least alignment");
    free(block);
    int error = posix_memalign(&block, OPAQUE((size_t)1 << 63), 64);
    CHECK(error == ENOMEM || error == EINVAL, "alignment 2^63: %d", error);
    error = posix_memalign(&block, OPAQUE((size_t)1 << 62), 64);
    CHECK(error == ENOMEM, "alignment 2^62: %d", error);
}

/* memalign takes any alignment and uses the next power of two. */
static void odd_alignments(void)
{
    for (size_t align = 0; align <= 700; align++) {
        size_t power = 1;
        while (power < align)
            power *= 2;
        void *block = memalign(align, 50);
        CHECK(block, "memalign(%zu, 50) gave NULL", align);
        CHECK(((uintptr_t)block & (power - 1)) == 0, "memalign(%zu, 50) = %p", align, block);
        free(block);
    }
    errno = 0;
    void *block = memalign(OPAQUE(((size_t)1 << 63) + 1), 8);
    CHECK(!block && errno == EINVAL, "memalign(2^63 + 1, 8) = %p, errno %d", block, errno);
    errno = 0;
    block = aligned_alloc(OPAQUE(((size_t)1 << 63) + 1), 8);
    CHECK(!block && errno == EINVAL, "aligned_alloc(2^63 + 1, 8) = %p, errno %d", block, errno);
    errno = 0;
    block = memalign(OPAQUE((size_t)1 << 62), 8);
    CHECK(!block && errno == ENOMEM, "memalign(2^62, 8) = %p, errno %d", block, errno);
    /* Older C libraries take it as memalign does, newer ones refuse it. */
    errno = 0;
    block = aligned_alloc(OPAQUE((size_t)3), 10);
    CHECK(block || errno == EINVAL, "aligned_alloc(3, 10): errno %d", errno);
    free(block);
    block = aligned_alloc(64, 65);
    CHECK(block && ((uintptr_t)block & 63) == 0, "aligned_alloc(64, 65) = %p", block);
    free(block);
}

static void page_calls(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 0; size < 5 * page; size += 313) {
        void *v = valloc(size), *p = pvalloc(size);
        CHECK(v && ((uintptr_t)v & (page - 1)) == 0, "valloc(%zu) = %p", size, v);
        CHECK(p && ((uintptr_t)p & (page - 1)) == 0, "pvalloc(%zu) = %p", size, p);
        size_t rounded = (size + page - 1) & ~(page - 1);
        CHECK(malloc_usable_size(p) >= rounded, "pvalloc(%zu): %zu", size, malloc_usable_size(p));
        memset(p, 1, rounded);
        free(v);
        free(p);
    }
}

int main(void)
{
    every_alignment();
    many_live();
    posix_refuses();
    odd_alignments();
    page_calls();
    return t_done();
}

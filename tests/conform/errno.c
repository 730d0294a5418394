/* errno: 0 at main, kept by free and by every call that succeeds. */
#include "t.h"
#include <malloc.h>

static int errno_in_preinit = -1, errno_in_constructor = -1;

static void before_constructors(void)
{
    errno_in_preinit = errno;
    free(malloc(100));
}
__attribute__((section(".preinit_array"), used)) static void (*const preinit[])(void) = {
    before_constructors};

__attribute__((constructor)) static void constructor(void)
{
    errno_in_constructor = errno;
}

static void free_keeps(void *block, const char *what, size_t size)
{
    errno = 4711;
    free(block);
    CHECK(errno == 4711, "free of %s of %zu bytes: errno %d", what, size, errno);
}

static void succeeds(const void *block, const char *call, size_t size)
{
    CHECK(block, "%s of %zu gave NULL", call, size);
    CHECK(errno == 4711, "%s of %zu set errno to %d", call, size, errno);
    errno = 4711;
}

static void one_size(size_t size)
{
    errno = 4711;
    void *a = malloc(size), *c, *m, *p = NULL;
    succeeds(a, "malloc", size);
    c = calloc(1, size);
    succeeds(c, "calloc", size);
    m = memalign(256, size);
    succeeds(m, "memalign", size);
    CHECK(posix_memalign(&p, 4096, size) == 0, "posix_memalign of %zu", size);
    succeeds(p, "posix_memalign", size);
    a = realloc(a, size * 3);
    succeeds(a, "realloc up", size);
    a = realloc(a, size / 2 + 1);
    succeeds(a, "realloc down", size);
    malloc_usable_size(a);
    succeeds(a, "malloc_usable_size", size);
    free_keeps(a, "realloc", size);
    free_keeps(c, "calloc", size);
    free_keeps(m, "memalign", size);
    free_keeps(p, "posix_memalign", size);
    free_keeps(NULL, "NULL", 0);
}

int main(void)
{
    CHECK(errno == 0, "errno is %d at main", errno);
    CHECK(errno_in_preinit == 0, "errno is %d in preinit", errno_in_preinit);
    CHECK(errno_in_constructor == 0, "errno is %d in a constructor", errno_in_constructor);
    for (size_t size = 1; size <= (size_t)64 << 20; size = size * 2 + 7)
        one_size(size);
    void *many[600];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 600; i++)
            memset(many[i] = malloc(130000), 1, 130000);
        for (int i = 0; i < 600; i++)
            free_keeps(many[i], "malloc", 130000);
    }
    return t_done();
}

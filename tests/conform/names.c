/* The less common names: reachable through dlsym, working, and of one heap. */
#include "t.h"
#include <dlfcn.h>
#include <malloc.h>

typedef void *alloc_fn(size_t);

static void *name(const char *symbol)
{
    return dlsym(RTLD_DEFAULT, symbol);
}

/* Whether a drop-in is in front of the C library's own allocator. */
static bool replaced(void)
{
    Dl_info here, libc;
    if (!dladdr(name("malloc"), &here) || !dladdr(name("snprintf"), &libc))
        return false;
    return here.dli_fbase != libc.dli_fbase;
}

static void sized_frees(void)
{
    void (*sized)(void *, size_t) = (void (*)(void *, size_t))name("free_sized");
    void (*aligned)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))name("free_aligned_sized");
    if (!sized || !aligned) {
        if (getenv("ALLOT_MALLOC_IS_OURS"))
            CHECK(false, "free_sized or free_aligned_sized is not there");
        return;
    }
    errno = 12;
    for (size_t size = 1; size < 3000000; size = size * 2 + 1) {
        sized(malloc(size), size);
        sized(calloc(1, size), size);
        sized(realloc(malloc(3), size), size);
        for (size_t align = 16; align <= 8192; align *= 2)
            aligned(aligned_alloc(align, size), align, size);
    }
    sized(malloc(0), 0);
    sized(NULL, 0);
    aligned(NULL, 64, 10);
    CHECK(errno == 12, "free_sized set errno to %d", errno);
}

static void cfree_works(void)
{
    void (*cfree_fn)(void *) = (void (*)(void *))name("cfree");
    if (!cfree_fn) {
        if (getenv("ALLOT_MALLOC_IS_OURS"))
            CHECK(false, "cfree is not there");
        return;
    }
    cfree_fn(NULL);
    cfree_fn(malloc(30));
    cfree_fn(calloc(3, 100000));
}

/* A program that calls the aliases mixes them with the plain names. */
static void aliases(void)
{
    alloc_fn *alloc = (alloc_fn *)name("__libc_malloc");
    void (*release)(void *) = (void (*)(void *))name("__libc_free");
    void *(*zeroed)(size_t, size_t) = (void *(*)(size_t, size_t))name("__libc_calloc");
    void *(*resize)(void *, size_t) = (void *(*)(void *, size_t))name("__libc_realloc");
    void *(*align)(size_t, size_t) = (void *(*)(size_t, size_t))name("__libc_memalign");
    alloc_fn *page = (alloc_fn *)name("__libc_valloc"), *pages = (alloc_fn *)name("__libc_pvalloc");
    REQUIRE(alloc && release && zeroed && resize && align, "a __libc_ alias is not there");
    for (size_t size = 1; size < 400000; size = size * 3 + 1) {
        void *block = alloc(size);
        t_fill(block, size, 1);
        CHECK(malloc_usable_size(block) >= size, "__libc_malloc(%zu)", size);
        block = realloc(block, size * 2);
        CHECK(t_holds(block, size, 1), "realloc of a __libc_malloc block");
        block = resize(block, size * 4);
        CHECK(t_holds(block, size, 1), "__libc_realloc");
        release(block);
        release(malloc(size));
        free(zeroed(3, size));
        free(resize(malloc(size), 2 * size));
        block = align(256, size);
        CHECK(((uintptr_t)block & 255) == 0, "__libc_memalign(256, %zu)", size);
        free(block);
    }
    if (page)
        free(page(100));
    if (pages)
        free(pages(100));
}

int main(void)
{
    if (getenv("ALLOT_MALLOC_IS_OURS"))
        CHECK(replaced(), "malloc is the C library's: the drop-in is not loaded");
    sized_frees();
    cfree_works();
    aliases();
    return t_done();
}

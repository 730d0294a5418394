/* A library for wrapped.c, preloaded in front of the allocator: it looks the
 * next malloc up from inside malloc, as tracers do.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

unsigned long wrapped_calls;
static void *(*next_malloc)(size_t);
static void (*next_free)(void *);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);

void *malloc(size_t size)
{
    if (!next_malloc)
        next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    wrapped_calls++;
    return next_malloc(size);
}

void free(void *block)
{
    if (!next_free)
        next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    next_free(block);
}

void *calloc(size_t count, size_t size)
{
    if (!next_calloc)
        next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    return next_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    if (!next_realloc)
        next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    return next_realloc(block, size);
}

/* malloc and its family as an allocator: whatever the names mean in this process. */
#include "alloc/alloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

static bool is_plain(allot_how how)
{
    return (how & ALLOT_HOW_ALIGN_BITS) <= ALLOT_ALIGN_DEFAULT;
}

static void *failed(size_t size)
{
    ali_error_set_os(ALLOT_LAYER_OS, ENOMEM, size);
    errno = ENOMEM;
    return NULL;
}

static void *alloc_aligned(size_t size, allot_how how)
{
    void *p;

    if (posix_memalign(&p, allot_how_align(how), size) != 0)
        return NULL;
    if ((how & ALLOT_ZERO) != 0)
        memset(p, 0, size);
    return p;
}

static void *libc_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    void *p;

    (void)a;
    (void)caller;
    if (!is_plain(how))
        p = alloc_aligned(size, how);
    else
        p = (how & ALLOT_ZERO) != 0 ? calloc(1, size) : malloc(size);
    return p != NULL ? p : failed(size);
}

static void *libc_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                        allot_how how, const void *caller)
{
    char *to;

    (void)a;
    (void)caller;
    if (!is_plain(how))
        return NULL; /* realloc keeps no larger alignment */
    to = realloc(p, new_size);
    if (to == NULL)
        return failed(new_size);
    if ((how & ALLOT_ZERO) != 0 && new_size > old_size)
        memset(to + old_size, 0, new_size - old_size);
    return to;
}

static void libc_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    (void)a;
    (void)size;
    (void)how;
    (void)caller;
    free(p);
}

static size_t libc_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    (void)a;
    (void)size;
    (void)how;
    return malloc_usable_size((void *)(uintptr_t)p);
}

static const struct allot_allocator_ops libc_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_THREADS | ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN |
            ALLOT_CAP_UNSIZED,
    .kind = "libc",
    .alloc = libc_alloc,
    .remap = libc_remap,
    .free = libc_free,
    .usable = libc_usable,
};

allot_allocator *allot_libc_allocator(void)
{
    static allot_allocator libc = {&libc_ops};

    return &libc;
}

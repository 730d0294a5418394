/* free_aligned_sized with an alignment the block does not have. */
#include "crash.h"

#include <dlfcn.h>

static void (*sized)(void *, size_t);
static void (*aligned_sized)(void *, size_t, size_t);

__attribute__((constructor)) static void look_up(void)
{
    sized = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    aligned_sized = (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    if (!sized || !aligned_sized)
        _exit(77);
}

static void *unaligned_to_page(void)
{
    void *block;
    do
        block = aligned_alloc(64, 640);
    while (((uintptr_t)block & 4095) == 0);
    return block;
}

static void misuse(bool bad)
{
    void *block = unaligned_to_page();
    about(block);
    if (bad)
        aligned_sized(block, 4096, 640);
    else
        aligned_sized(block, 64, 640);
}

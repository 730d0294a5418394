/* free_aligned_sized with a wrong size. */
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

static void misuse(bool bad)
{
    void *block = aligned_alloc(64, 640);
    about(block);
    if (bad)
        aligned_sized(block, 64, 64000);
    else
        aligned_sized(block, 64, 640);
}

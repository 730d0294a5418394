/* free_sized with less than was asked for. */
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
    void *block = malloc(1000);
    about(block);
    if (bad)
        sized(block, 10);
    else
        sized(block, 1000);
}

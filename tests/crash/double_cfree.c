/* cfree after free. */
#include "crash.h"

#include <dlfcn.h>

static void misuse(bool bad)
{
    void (*cfree_it)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "cfree");
    if (!cfree_it)
        _exit(77);
    void *block = malloc(40), *other = malloc(40);
    about(block);
    cfree_it(other);
    free(HIDE(block));
    if (bad)
        cfree_it(HIDE(block));
}

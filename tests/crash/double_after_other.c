/* Another block of the size is freed in between. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(64), *other = malloc(64);
    about(block);
    free(HIDE(block));
    free(HIDE(other));
    if (bad)
        free(HIDE(block));
}

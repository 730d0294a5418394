/* A block of 300 MiB freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc((size_t)300 << 20);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

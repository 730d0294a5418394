/* A block of no bytes freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(0);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

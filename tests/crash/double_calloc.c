/* A block of calloc freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = calloc(7, 9);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

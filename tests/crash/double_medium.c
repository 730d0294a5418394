/* A block of several pages freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(40000);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

/* A block on a page boundary freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = memalign(4096, 100);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

/* A large block freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(1 << 20);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

/* A byte written behind all of a block, where the next one will be. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(40);
    about(block);
    if (bad)
        ((volatile char *)HIDE(block))[64] = 1;
    free(HIDE(block));
}

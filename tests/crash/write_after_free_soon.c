/* A byte written to a block that was just freed: the next allocation, of any size, tells. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(64);
    about(block);
    free(HIDE(block));
    if (bad)
        ((volatile char *)HIDE(block))[40] = 9;
    free(malloc(3000));
}

/* A freed large block is inaccessible while it waits. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(300000);
    memset(block, 1, 300000);
    free(HIDE(block));
    if (bad)
        ((volatile char *)HIDE(block))[150000] = 9;
}

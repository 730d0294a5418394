/* A freed large block is inaccessible while it waits: for reads as well. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(300000);
    memset(block, 1, 300000);
    free(HIDE(block));
    if (bad)
        require(((volatile char *)HIDE(block))[150000] == 9, "not reached");
}

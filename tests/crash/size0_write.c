/* With harden=size0 a block of no bytes cannot be written. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(0), *other = (char *)malloc(0);
    about(block);
    require(block && other && block != other, "blocks of no bytes differ");
    if (bad)
        *(volatile char *)HIDE(block) = 1;
    free(other);
    block = (char *)realloc(HIDE(block), 100);
    require(block, "realloc of such a block");
    memset(block, 1, 100);
    free(block);
}

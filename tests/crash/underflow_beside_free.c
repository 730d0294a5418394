/* A byte written in front of a block, into one that is free. */
#include "crash.h"

static void misuse(bool bad)
{
    char *first = (char *)malloc(40), *block = (char *)malloc(40);
    require(!bad || block - first == 64, "the second block lies behind the first");
    about(block);
    free(first);
    malloc_trim(0); /* it waits no more */
    if (bad)
        ((volatile char *)HIDE(block))[-30] = 1;
    free(HIDE(block));
}

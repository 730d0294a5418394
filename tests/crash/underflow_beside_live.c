/* A byte written in front of a block is a byte behind the end of the one before. */
#include "crash.h"

static void misuse(bool bad)
{
    char *first = (char *)malloc(40), *block = (char *)malloc(40), *others[2];
    require(!bad || block - first == 64, "the second block lies behind the first");
    for (int i = 0; i < 2; i++)
        others[i] = (char *)malloc(40); /* the first is none of the newest any more */
    about(first);
    if (bad)
        ((volatile char *)HIDE(block))[-1] ^= 1;
    free(HIDE(block));
    free(others[0]);
    free(others[1]);
}

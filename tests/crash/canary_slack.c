/* A byte in the slack behind the end. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(49);
    about(block);
    memset(block, 1, 49);
    if (bad)
        HIDE(block)[55] ^= 0x55; /* the pattern is random */
    free(HIDE(block));
}

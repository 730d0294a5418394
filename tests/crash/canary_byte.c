/* A byte one past the end. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(50);
    about(block);
    memset(block, 1, 50);
    if (bad)
        HIDE(block)[50] ^= 0x55; /* the pattern is random */
    free(HIDE(block));
}

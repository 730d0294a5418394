/* A NUL one past a block of calloc. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)calloc(1, 40);
    about(block);
    memset(block, 1, 40);
    if (bad)
        HIDE(block)[40] = 0;
    free(HIDE(block));
}

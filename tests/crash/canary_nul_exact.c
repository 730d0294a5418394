/* A NUL one past a block whose size is a class of its own. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(64);
    about(block);
    memset(block, 1, 64);
    if (bad)
        HIDE(block)[64] = 0;
    free(HIDE(block));
}

/* A NUL one past a block of several pages. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(20000);
    about(block);
    memset(block, 1, 20000);
    if (bad)
        HIDE(block)[20000] = 0;
    free(HIDE(block));
}

/* A NUL one past an aligned block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)memalign(64, 200);
    about(block);
    memset(block, 1, 200);
    if (bad)
        HIDE(block)[200] = 0;
    free(HIDE(block));
}

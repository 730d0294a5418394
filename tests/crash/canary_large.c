/* A NUL one past a large block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(300000);
    about(block);
    memset(block, 1, 300000);
    if (bad)
        HIDE(block)[300000] = 0;
    free(HIDE(block));
}

/* A NUL one past the end, seen by realloc. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(40);
    about(block);
    memset(block, 1, 40);
    if (bad)
        HIDE(block)[40] = 0;
    free(realloc(HIDE(block), 400));
}

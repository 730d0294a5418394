/* Eight bytes into a block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(50);
    char *wrong = block + 8;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

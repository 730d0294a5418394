/* The last 16 bytes of a block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(96);
    char *wrong = block + 80;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

/* A page into a block of several. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(20000);
    char *wrong = block + 4096;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

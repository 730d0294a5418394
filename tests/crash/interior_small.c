/* 16 bytes into a small block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(100);
    char *wrong = block + 16;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

/* 64 KiB into a large block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(1 << 20);
    char *wrong = block + 65536;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

/* 100 MiB into a block of 300 MiB. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc((size_t)300 << 20);
    char *wrong = block + ((size_t)100 << 20);
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

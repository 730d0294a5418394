/* 16 bytes before a block, as of an allocator with headers. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(1000);
    char *wrong = block - 16;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

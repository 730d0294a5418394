/* With harden=guard a run off the end of a large block stops. */
#include "crash.h"

static void misuse(bool bad)
{
    size_t size = (size_t)1 << 20;
    char *before = (char *)malloc(size), *block = (char *)malloc(size);
    char *after = (char *)malloc(size);
    about(block);
    memset(block, 1, size);
    for (size_t at = size; bad && at < size + 200000; at += 64)
        ((volatile char *)HIDE(block))[at] = 1;
    free(before);
    free(block);
    free(after);
}

/* With harden=guard a run off the end of small blocks stops. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(64);
    about(block);
    for (size_t at = 64; bad && at < 3 * 65536; at += 64)
        ((volatile char *)HIDE(block))[at] = 1;
    free(block);
}

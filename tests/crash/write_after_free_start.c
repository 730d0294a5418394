/* The first byte of a freed block written. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(64);
    about(block);
    memset(block, 1, 64);
    free(HIDE(block));
    if (bad)
        ((volatile char *)HIDE(block))[0] = 9;
    static void *again[4000];
    for (int i = 0; i < 4000; i++)
        again[i] = malloc(64);
    for (int i = 0; i < 4000; i++)
        free(again[i]);
}

/* A byte written to a freed block of a page. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(4096);
    about(block);
    memset(block, 1, 4096);
    free(HIDE(block));
    if (bad)
        ((volatile char *)HIDE(block))[2000] = 9;
    static void *again[4000];
    for (int i = 0; i < 4000; i++)
        again[i] = malloc(4096);
    for (int i = 0; i < 4000; i++)
        free(again[i]);
}

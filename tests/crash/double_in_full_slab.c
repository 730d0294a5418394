/* A block freed twice whose neighbours are all live. */
#include "crash.h"

static void misuse(bool bad)
{
    static void *block[5000];
    for (int i = 0; i < 5000; i++)
        block[i] = malloc(48);
    about(block[2500]);
    free(HIDE(block[2500]));
    if (bad)
        free(HIDE(block[2500]));
    for (int i = 0; i < 5000; i++)
        if (i != 2500)
            free(block[i]);
}

/* One of a thousand freed blocks freed again. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block[1000];
    for (int i = 0; i < 1000; i++)
        block[i] = malloc(112);
    about(block[400]);
    for (int i = 0; i < 1000; i++)
        free(HIDE(block[i]));
    if (bad)
        free(HIDE(block[400]));
}

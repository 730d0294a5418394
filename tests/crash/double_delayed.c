/* Freed again after much work at other sizes. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(40);
    about(block);
    free(HIDE(block));
    for (size_t i = 0; i < 5000; i++)
        free(malloc(200 + i % 3000));
    if (bad)
        free(HIDE(block));
}

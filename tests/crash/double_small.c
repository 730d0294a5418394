/* A small block freed twice in a row. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(40);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

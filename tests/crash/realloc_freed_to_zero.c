/* realloc(p, 0) of a freed block. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(100);
    about(block);
    free(HIDE(block));
    if (bad)
        HIDE(realloc(HIDE(block), HIDE((size_t)0)));
}

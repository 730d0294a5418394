/* The old place of a block that realloc moved. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(100), *other = malloc(100);
    about(block);
    void *moved = realloc(HIDE(block), 1 << 20);
    require(moved && moved != HIDE(block), "realloc moves");
    if (bad)
        free(HIDE(block));
    free(moved);
    free(other);
}

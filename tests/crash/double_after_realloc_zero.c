/* realloc(p, 0) freed it already. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(100);
    about(block);
    require(realloc(HIDE(block), HIDE((size_t)0)) == NULL, "realloc(p, 0)");
    if (bad)
        free(HIDE(block));
}

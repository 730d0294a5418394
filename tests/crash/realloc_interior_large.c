/* realloc of the inside of a large block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(2 << 20), *wrong = block + 8192;
    about(wrong);
    if (bad)
        HIDE(realloc(HIDE(wrong), 300));
    free(block);
}

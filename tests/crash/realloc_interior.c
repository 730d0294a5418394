/* realloc of the inside of a block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(200), *wrong = block + 48;
    about(wrong);
    if (bad)
        HIDE(realloc(HIDE(wrong), 300));
    free(block);
}

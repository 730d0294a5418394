/* The end of a block, where no live block starts. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(100000);
    char *wrong = block + malloc_usable_size(block);
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

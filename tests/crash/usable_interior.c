/* malloc_usable_size of the inside of a block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(200), *wrong = block + 16;
    about(wrong);
    if (bad)
        require(malloc_usable_size(HIDE(wrong)) == 0, "the usable size is 0");
    free(block);
}

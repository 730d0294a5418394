/* malloc_usable_size of a freed block. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = malloc(100);
    free(HIDE(wrong));
    about(wrong);
    if (bad)
        require(malloc_usable_size(HIDE(wrong)) == 0, "the usable size is 0");
}

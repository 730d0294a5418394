/* malloc_usable_size of a local array. */
#include "crash.h"

static void misuse(bool bad)
{
    _Alignas(16) char array[64] = {0};
    char *wrong = HIDE(&array[0]);
    about(wrong);
    if (bad)
        require(malloc_usable_size(HIDE(wrong)) == 0, "the usable size is 0");
}

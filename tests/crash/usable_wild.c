/* malloc_usable_size of an address where nothing is. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)(uintptr_t)0x123456789ab0;
    about(wrong);
    if (bad)
        require(malloc_usable_size(HIDE(wrong)) == 0, "the usable size is 0");
}

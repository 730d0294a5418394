/* realloc of an address where nothing is. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)(uintptr_t)0x123456789ab0;
    about(wrong);
    if (bad)
        HIDE(realloc(HIDE(wrong), 300));
}

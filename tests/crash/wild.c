/* An address where nothing is mapped. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)(uintptr_t)0x123456789ab0;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

/* The last address. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)UINTPTR_MAX;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

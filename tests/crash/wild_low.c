/* A small number. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)(uintptr_t)0x40;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

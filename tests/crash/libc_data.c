/* Static data of the C library. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = stdout;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

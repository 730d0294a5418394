/* A function. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)&misuse;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

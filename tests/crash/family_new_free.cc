// operator new, then free.
#include "crash.h"

static void misuse(bool bad)
{
    long *block = new long;
    about(block);
    if (bad)
        free(HIDE(block));
    else
        delete block;
}

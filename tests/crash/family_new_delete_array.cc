// new, then delete[].
#include "crash.h"

static void misuse(bool bad)
{
    long *block = new long;
    about(block);
    if (bad)
        delete[] HIDE(block);
    else
        delete block;
}

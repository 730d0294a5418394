// new[], then delete.
#include "crash.h"

static void misuse(bool bad)
{
    long *block = new long[5];
    about(block);
    if (bad)
        delete HIDE(block);
    else
        delete[] block;
}

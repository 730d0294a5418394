// A NUL one past an array, seen by delete[].
#include "crash.h"

static void misuse(bool bad)
{
    char *block = new char[33];
    about(block);
    memset(block, 1, 33);
    if (bad)
        HIDE(block)[33] = 0;
    delete[] HIDE(block);
}

// A large new[], then free.
#include "crash.h"

static void misuse(bool bad)
{
    char *block = new char[1 << 20];
    about(block);
    if (bad)
        free(HIDE(block));
    else
        delete[] block;
}

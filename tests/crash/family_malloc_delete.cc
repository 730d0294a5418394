// malloc, then operator delete.
#include "crash.h"

static void misuse(bool bad)
{
    void *block = malloc(40);
    about(block);
    if (bad)
        ::operator delete(HIDE(block));
    else
        free(block);
}

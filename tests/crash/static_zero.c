/* A static array of zeros. */
#include "crash.h"

static _Alignas(16) char array[100000];

static void misuse(bool bad)
{
    void *wrong = array;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

/* realloc of a static array. */
#include "crash.h"

static _Alignas(16) char array[64] = "text";

static void misuse(bool bad)
{
    void *wrong = array;
    about(wrong);
    if (bad)
        HIDE(realloc(HIDE(wrong), 300));
}

/* realloc of a local array. */
#include "crash.h"

static void misuse(bool bad)
{
    _Alignas(16) char array[64] = {0};
    char *wrong = HIDE(&array[0]);
    about(wrong);
    if (bad)
        HIDE(realloc(HIDE(wrong), 300));
}

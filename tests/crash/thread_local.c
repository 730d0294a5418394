/* A thread-local array. */
#include "crash.h"

static _Thread_local _Alignas(16) char array[64];

static void misuse(bool bad)
{
    void *wrong = HIDE(&array[0]);
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

/* A string literal. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)"a string literal of some length";
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

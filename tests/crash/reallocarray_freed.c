/* reallocarray of a freed block. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = malloc(100);
    free(HIDE(wrong));
    about(wrong);
    if (bad)
        HIDE(reallocarray(HIDE(wrong), 30, 10));
}

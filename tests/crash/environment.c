/* A string of the environment. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = environ[0];
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

// delete of a local object.
#include "crash.h"

static void misuse(bool bad)
{
    long local = 1;
    about(HIDE(&local));
    if (bad)
        delete HIDE(&local);
}

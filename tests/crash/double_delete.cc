// delete twice.
#include "crash.h"

static void misuse(bool bad)
{
    int *number = new int(7);
    about(number);
    delete HIDE(number);
    if (bad)
        delete HIDE(number);
}

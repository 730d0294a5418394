// delete[] twice.
#include "crash.h"

static void misuse(bool bad)
{
    char *text = new char[500];
    about(text);
    delete[] HIDE(text);
    if (bad)
        delete[] HIDE(text);
}

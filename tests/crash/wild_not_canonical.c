/* An address that the machine does not have. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = (void *)(uintptr_t)0xdeadbeefdeadbee0;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

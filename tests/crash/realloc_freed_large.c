/* realloc of a freed large block. */
#include "crash.h"

static void misuse(bool bad)
{
    void *wrong = malloc(3 << 20);
    free(HIDE(wrong));
    about(wrong);
    if (bad)
        HIDE(realloc(HIDE(wrong), 300));
}

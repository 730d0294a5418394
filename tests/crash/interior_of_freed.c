/* Inside a block that was freed. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(200), *wrong = block + 32;
    about(wrong);
    free(HIDE(block));
    if (bad)
        free(HIDE(wrong));
}

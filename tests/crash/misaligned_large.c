/* Three bytes into a large block. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(2 << 20);
    char *wrong = block + 3;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

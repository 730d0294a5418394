/* With harden=size0 a block of no bytes cannot be read. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(0);
    about(block);
    if (bad)
        require(*(volatile char *)HIDE(block) == 77, "reading it");
    free(block);
}

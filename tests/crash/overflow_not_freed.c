/* A block that is overrun as soon as it is allocated, and never freed: the next call tells. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(40);
    about(block);
    memset(block, 0, HIDE((size_t)40) + (bad ? 30 : 0));
    free(malloc(700));
}

/* A large block with a large alignment freed twice. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = memalign(1 << 20, 3 << 20);
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

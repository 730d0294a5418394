/* A NUL one past the end, at one of many sizes. */
#include "crash.h"

static void misuse(bool bad)
{
    for (size_t size = 1; size < 700; size++) {
        char *block = (char *)malloc(size);
        memset(block, 1, size);
        if (bad && size == 512)
            HIDE(block)[size] = 0;
        if (size == 512)
            about(block);
        free(HIDE(block));
    }
}

/* A place of the heap that no call ever returned. */
#include "crash.h"

static void misuse(bool bad)
{
    char *block = (char *)malloc(3000);
    char *wrong = block + 8 * malloc_usable_size(block);
    if ((uintptr_t)wrong / 65536 != (uintptr_t)block / 65536)
        wrong = block - 8 * malloc_usable_size(block);
    about(wrong);
    if (bad)
        free(HIDE(wrong));
    free(block);
}

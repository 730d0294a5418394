/* A mapping that is gone. */
#include "crash.h"

#include <sys/mman.h>

static void misuse(bool bad)
{
    void *wrong = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(wrong, 65536);
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

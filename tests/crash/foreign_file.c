/* A mapped file. */
#include "crash.h"

#include <fcntl.h>
#include <sys/mman.h>

static void misuse(bool bad)
{
    int fd = open("/proc/self/exe", O_RDONLY);
    void *wrong = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    require(wrong != MAP_FAILED, "mmap");
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

/* Where the drop-in is. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#ifndef ALLOT_LIBDIR_FROM_BINDIR
#define ALLOT_LIBDIR_FROM_BINDIR "../lib"
#endif

static bool own_directory(char *directory)
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_BYTES - 1);
    char *slash;

    if (length <= 0)
        return false;
    directory[length] = '\0';
    slash = strrchr(directory, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

bool find_drop_in(char *path, size_t bytes)
{
    /* The build directory, an unpacked archive, the installation. */
    static const char *const places[] = {".", "../lib", ALLOT_LIBDIR_FROM_BINDIR};
    char directory[PATH_BYTES], candidate[PATH_BYTES * 2], real[PATH_MAX];
    size_t used = 0;

    if (!own_directory(directory)) {
        snprintf(path, bytes, "(the directory of this tool is not known: no /proc?)");
        return false;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(candidate, sizeof candidate, "%s/%s/liballot-malloc.so", directory, places[i]);
        if (realpath(candidate, real) != NULL && strlen(real) < bytes) {
            memcpy(path, real, strlen(real) + 1);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0] && used < bytes; i++)
        used += (size_t)snprintf(path + used, bytes - used, "  %s/%s/liballot-malloc.so\n",
                                 directory, places[i]);
    return false;
}

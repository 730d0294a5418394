/* Freed before a fork and again in the child. */
#include "crash.h"

#include <sys/wait.h>

static void misuse(bool bad)
{
    void *block = malloc(72);
    about(block);
    free(HIDE(block));
    pid_t child = fork();
    if (child == 0) {
        if (bad)
            free(HIDE(block));
        return;
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        abort();
    exit(WEXITSTATUS(status));
}

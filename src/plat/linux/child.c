/* A part of the program that is run in a child, so that its crash is no crash of ours. */
#include "plat/plat.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void run(void (*body)(void *arg), void *arg, unsigned seconds)
{
    const struct rlimit no_core = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(seconds);
    body(arg);
    _exit(0);
}

/* A child that a sanitizer, or the program itself, ended with a status did not come back either. */
static int wait_for(pid_t pid, int *signal_number)
{
    pid_t ended;
    int status;

    do {
        ended = waitpid(pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended < 0)
        return -errno; /* the program takes no interest in its children */
    *signal_number = WEXITSTATUS(status) != 0 ? SIGABRT : 0;
    if (WIFSIGNALED(status))
        *signal_number = WTERMSIG(status);
    return 0;
}

int ali_os_in_child(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number)
{
    int saved = errno;
    pid_t pid = fork();
    int error;

    if (pid == 0)
        run(body, arg, seconds);
    error = pid < 0 ? -errno : wait_for(pid, signal_number);
    errno = saved;
    return error;
}

void *ali_os_map_shared(size_t bytes, int *error)
{
    int saved = errno;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *error = p == MAP_FAILED ? -errno : 0;
    errno = saved;
    return p == MAP_FAILED ? NULL : p;
}

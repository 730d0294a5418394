/* allot doctor: whether programs can be served, watched and measured. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"

/* --- the drop-in --------------------------------------------------------------------------- */

int doctor_serves(void)
{
    void *(*volatile allocate)(size_t) = malloc;
    void *p = allocate(100);
    bool served = p != NULL && dlsym(RTLD_DEFAULT, "allot_version") != NULL;

    free(p);
    return served ? EXIT_GOOD : EXIT_FINDING;
}

/* Exit status of `argv` with the drop-in preloaded; -1 when it did not end by itself. */
static int run_preloaded(const char *library, char *const argv[])
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        setenv("LD_PRELOAD", library, 1);
        unsetenv("ALLOT");
        execv("/proc/self/exe", argv);
        _exit(EXIT_OURS);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static void look_drop_in(struct finding *f)
{
    static char name[] = "allot", verb[] = "doctor", flag[] = "--serves";
    char *const argv[] = {name, verb, flag, NULL};
    char library[PATH_BYTES * 4];
    int status;

    if (!find_drop_in(library, sizeof library)) {
        find_missing(f, "liballot-malloc.so not found",
                     "It belongs beside this tool, or into the library directory of its "
                     "installation.");
        return;
    }
    status = run_preloaded(library, argv);
    if (status == EXIT_GOOD)
        find_ok(f, "loads and serves malloc");
    else if (status == EXIT_FINDING)
        find_missing(f, "is not loaded", "The loader ignores LD_PRELOAD, or this tool is static.");
    else
        find_missing(f, "does not start", "A program with the library preloaded ends at once.");
}

static void look_library(struct finding *f)
{
    char library[PATH_BYTES * 4];

    if (find_drop_in(library, sizeof library))
        find_ok(f, "%s", library);
    else
        find_missing(f, "not found", "allot run has nothing to preload.");
}

/* --- watching ------------------------------------------------------------------------------ */

static int try_attach(void)
{
    int status, error = 0;
    pid_t child = fork();

    if (child == 0) {
        for (;;)
            pause();
    }
    if (child < 0)
        return errno;
    if (ptrace(PTRACE_SEIZE, child, NULL, NULL) != 0)
        error = errno;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return error;
}

static void look_ptrace(struct finding *f)
{
    char line[16];
    int error = try_attach();

    if (error != 0) {
        find_missing(f, strerror(error),
                     "A process may not trace its children (seccomp or a container without "
                     "CAP_SYS_PTRACE): debuggers do not work. allot run needs no tracing.");
        return;
    }
    if (read_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof line) && line[0] != '0')
        find_reduced(f, "children only",
                     "kernel.yama.ptrace_scope is not 0: processes started by others need root.");
    else
        find_ok(f, "works");
}

static void look_perf(struct finding *f)
{
    struct perf_event_attr attr;
    char line[16] = "";
    long fd;

    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_PAGE_FAULTS;
    attr.exclude_kernel = 1;
    fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd >= 0) {
        find_ok(f, "works");
        close((int)fd);
        return;
    }
    read_line("/proc/sys/kernel/perf_event_paranoid", line, sizeof line);
    find_reduced(f, strerror(errno),
                 errno == ENOSYS || line[0] == '\0'
                     ? "The kernel has no perf events: bench/micro counts no instructions."
                     : "kernel.perf_event_paranoid or seccomp refuses perf events: bench/micro "
                       "counts no instructions.");
}

static void look_userfaultfd(struct finding *f)
{
    long fd = syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* user mode only */);

    if (fd >= 0) {
        find_ok(f, "works");
        close((int)fd);
        return;
    }
    find_reduced(f, errno == ENOSYS ? "not known to the kernel" : strerror(errno),
                 "Nothing depends on it yet.");
}

size_t program_checks(const struct check **checks)
{
    static const struct check table[] = {
        {"drop_in", "drop-in malloc", look_drop_in},
        {"library", "its library", look_library},
        {"ptrace", "ptrace", look_ptrace},
        {"perf", "perf events", look_perf},
        {"userfaultfd", "userfaultfd", look_userfaultfd},
    };

    *checks = table;
    return sizeof table / sizeof table[0];
}

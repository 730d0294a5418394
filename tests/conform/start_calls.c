/* Counts the system calls of a program before main, and up to the end of its
 * first malloc and free there, by the object that makes them.
 *
 * start_calls PROGRAM: PROGRAM is start_probe; LD_PRELOAD is set for it alone
 * from ALLOT_MALLOC. Prints one line a call and a summary "main N first M",
 * where calls of the dynamic loader are left out.
 */
#include "t.h"
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "start_probe.h"

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

/* struct ptrace_syscall_info of <linux/ptrace.h>, which clashes with glibc's. */
struct call_info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t instruction, stack, number, args[6];
};

static void object_of(pid_t pid, uint64_t address, char *name, size_t size)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    snprintf(name, size, "?");
    FILE *maps = fopen(path, "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        int at = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &at) < 2 || address < from ||
            address >= to)
            continue;
        line[strcspn(line, "\n")] = 0;
        char *slash = strrchr(line, '/');
        snprintf(name, size, "%s", slash ? slash + 1 : line + at);
    }
    if (maps)
        fclose(maps);
}

static void become(char **argv)
{
    const char *drop_in = getenv("ALLOT_MALLOC");
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
        _exit(T_SKIP);
    if (drop_in && *drop_in)
        setenv("LD_PRELOAD", drop_in, 1);
    execv(argv[1], argv + 1);
    _exit(126);
}

int main(int argc, char **argv)
{
    int status, in_main = -1, count = 0;
    char name[256];
    REQUIRE(argc == 2, "usage: start_calls PROGRAM");
    pid_t pid = fork();
    if (pid == 0)
        become(argv);
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == T_SKIP)
        SKIP("ptrace is refused here");
    REQUIRE(WIFSTOPPED(status), "status %x", status);
    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
        REQUIRE(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "status %x", status);
        struct call_info info;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
            ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
            info.op != 1)
            continue;
        if (info.number == PROBE_FIRST)
            break;
        if (info.number == PROBE_MAIN) {
            in_main = count;
            continue;
        }
        object_of(pid, info.instruction, name, sizeof name);
        printf("%-28s call %lu%s\n", name, (unsigned long)info.number,
               in_main < 0 ? "" : " in main");
        count += strncmp(name, "ld-", 3) != 0;
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    printf("main %d first %d\n", in_main, count);
    return 0;
}

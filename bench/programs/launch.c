/* Runs one program and tells what it cost.
 *
 *     launch RESULT PRELOAD PROGRAM [ARGUMENT...]
 *
 * Writes `wall_ns user_us sys_us peak_kib status` to the file RESULT. The kernel's peak RSS of a
 * process includes what its parent had before exec, so the parent has to be this small program and
 * not an interpreter. PRELOAD is put into the environment of the program alone; `-` is nothing.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

/* Whoever ends the launcher wants the program gone, whether it listens or not. */
static void program_end(int signal)
{
    if (signal && child > 0)
        kill(child, SIGKILL);
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long time_us(struct timeval time)
{
    return time.tv_sec * 1000000LL + time.tv_usec;
}

static _Noreturn void program_start(char **argv)
{
    if (strcmp(argv[2], "-") && setenv("LD_PRELOAD", argv[2], 1))
        _exit(125);
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    _exit(127);
}

static int result_write(const char *path, long long wall_ns, const struct rusage *usage, int status)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        return 125;
    }
    fprintf(file, "%lld %lld %lld %ld %d\n", wall_ns, time_us(usage->ru_utime),
            time_us(usage->ru_stime), usage->ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return fclose(file) ? 125 : 0;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    if (argc < 4) {
        fputs("usage: launch RESULT PRELOAD PROGRAM [ARGUMENT...]\n", stderr);
        return 125;
    }
    signal(SIGTERM, program_end);
    long long start = now_ns();
    child = fork();
    if (child < 0)
        return 125;
    if (child == 0) {
        signal(SIGTERM, SIG_DFL);
        program_start(argv);
    }
    while (wait4(child, &status, 0, &usage) != child)
        ;
    return result_write(argv[1], now_ns() - start, &usage, status);
}

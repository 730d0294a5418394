/* One run of a program under `allot oom`. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oom.h"

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int oom_keep_input(void)
{
    char buffer[65536];
    ssize_t got;
    int fd;

    if (isatty(0))
        return -1;
    fd = memfd_create("allot-oom-input", MFD_CLOEXEC);
    while (fd >= 0 && (got = read(0, buffer, sizeof buffer)) > 0)
        if (write(fd, buffer, (size_t)got) != got)
            break;
    return fd;
}

/* --- the child ----------------------------------------------------------------------------- */

static void set_options(const struct oom_program *program, const char *options, const char *record)
{
    char text[PATH_BYTES * 2];
    int n = snprintf(text, sizeof text, "%s%s%s%sfail_out=%s",
                     program->before != NULL ? program->before : "",
                     program->before != NULL && program->before[0] != '\0' ? "," : "", options,
                     options[0] != '\0' ? "," : "", record);

    if (n < 0 || (size_t)n >= sizeof text || setenv("ALLOT", text, 1) != 0)
        _exit(EXIT_OURS);
}

static void become_program(const struct oom_program *program, int output)
{
    int null = open("/dev/null", O_RDWR);
    int input = null;

    /* A group of its own, so that what it starts can be ended with it. */
    if (null < 0 || setpgid(0, 0) != 0)
        _exit(EXIT_OURS);
    if (program->input >= 0 && lseek(program->input, 0, SEEK_SET) == 0)
        input = program->input;
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || (!program->loud && dup2(null, 2) < 0))
        _exit(EXIT_OURS);
    execv(program->path, program->argv);
    _exit(EXIT_CANNOT_RUN);
}

/* --- the parent ---------------------------------------------------------------------------- */

static void hash_output(struct oom_run *run, const unsigned char *bytes, size_t count)
{
    if (run->bytes == 0)
        run->output = UINT64_C(14695981039346656037); /* FNV-1a */
    run->bytes += count;
    for (size_t i = 0; i < count; i++)
        run->output = (run->output ^ bytes[i]) * UINT64_C(1099511628211);
}

/* Reads what the program writes until everybody has closed the pipe or the time is over. */
static void drain(int fd, double deadline_s, struct oom_run *run)
{
    unsigned char buffer[65536];

    for (;;) {
        double left_ms = (deadline_s - now_s()) * 1000;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (left_ms <= 0)
            return;
        if (poll(&p, 1, left_ms > 1e6 ? 1000000 : (int)left_ms + 1) <= 0)
            continue;
        got = read(fd, buffer, sizeof buffer);
        if (got > 0)
            hash_output(run, buffer, (size_t)got);
        else if (got == 0 || errno != EINTR)
            return;
    }
}

/* Ends the child, and the group it made once it had come so far. */
static void end_group(pid_t child)
{
    if (getpgid(child) == child)
        kill(-child, SIGKILL);
    kill(child, SIGKILL);
}

static void reap(pid_t child, double deadline_s, struct oom_run *run)
{
    static const struct timespec nap = {.tv_nsec = 1000000};

    for (;;) {
        siginfo_t info = {0};

        /* It stays a zombie until its group has been ended: nobody else can get its number. */
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid == child)
            break;
        if (now_s() > deadline_s) {
            run->timed_out = true;
            break;
        }
        nanosleep(&nap, NULL);
    }
    end_group(child);
    while (waitpid(child, &run->status, 0) < 0 && errno == EINTR)
        ;
}

static bool was_refused(const char *record)
{
    struct ali_oom_record head = {.refused = 0};
    int fd = open(record, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && read(fd, &head, sizeof head) == (ssize_t)sizeof head;

    if (fd >= 0)
        close(fd);
    return good && head.refused > 0;
}

bool oom_run(const struct oom_program *program, const char *options, const char *record,
             double timeout_s, struct oom_run *run)
{
    double start = now_s();
    pid_t child;
    int ends[2];

    memset(run, 0, sizeof *run);
    unlink(record);
    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        complain("oom", "%s", strerror(errno));
        return false;
    }
    if (child == 0) {
        set_options(program, options, record);
        become_program(program, ends[1]);
    }
    close(ends[1]);
    drain(ends[0], start + timeout_s, run);
    close(ends[0]);
    reap(child, start + timeout_s, run);
    run->seconds = now_s() - start;
    run->refused = was_refused(record);
    return true;
}

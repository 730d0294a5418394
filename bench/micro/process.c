/* What the micro benchmark asks the kernel about itself, without allocating. */
#define _GNU_SOURCE
#include "micro.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static size_t proc_field_kib(const char *path, const char *field)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return 0;
    text[length] = 0;
    const char *found = strstr(text, field);
    return found ? strtoul(found + strlen(field), NULL, 10) : 0;
}

/* smaps_rollup walks the page tables; the counters behind `status` may lag by some pages a CPU. */
size_t process_rss_kib(void)
{
    size_t kib = proc_field_kib("/proc/self/smaps_rollup", "\nRss:");
    return kib ? kib : proc_field_kib("/proc/self/status", "VmRSS:");
}

size_t process_peak_kib(void)
{
    return proc_field_kib("/proc/self/status", "VmHWM:");
}

/* The n-th CPU of those this process may use; nothing when it has fewer. */
void process_pin(unsigned cpu)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(getpid(), sizeof allowed, &allowed))
        return;
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &allowed) || cpu--)
            continue;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

void process_sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left))
        ;
}

_Noreturn void process_fail(const char *what)
{
    static const char prefix[] = "micro: ";
    ssize_t ignored = write(2, prefix, sizeof prefix - 1);
    ignored += write(2, what, strlen(what));
    ignored += write(2, "\n", 1);
    (void)ignored;
    _exit(1);
}

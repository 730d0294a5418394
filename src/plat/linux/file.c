/* Files, for reports and for what /proc tells. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "plat/linux/linux.h"

enum { WRITE_PATIENCE_S = 2 };

/* Waits until a non-blocking descriptor takes more; false when it does not for too long. */
static bool wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    struct timespec patience = {.tv_sec = WRITE_PATIENCE_S};
    long r = ali_sys6(SYS_ppoll, ALI_ARG(&p), 1, ALI_ARG(&patience), 0, 0, 0);

    return r > 0 || r == -EINTR;
}

static void write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        long r = ali_sys3(SYS_write, fd, ALI_ARG(bytes), ALI_ARG(count));

        if (r > 0) {
            bytes += r;
            count -= (size_t)r;
        } else if (r != -EINTR && (r != -EAGAIN || !wait_writable(fd))) {
            return;
        }
    }
}

/* A report into a closed pipe must not end the program: SIGPIPE is held back while writing, and
 * one that the write caused is taken off again. */
void ali_os_write(int fd, const void *bytes, size_t count)
{
    const uint64_t pipe_bit = UINT64_C(1) << (SIGPIPE - 1);
    const struct timespec now = {0, 0};
    uint64_t mask = 0;
    uint64_t before = 0;
    uint64_t after = 0;

    ali_sys4(SYS_rt_sigprocmask, SIG_BLOCK, ALI_ARG(&pipe_bit), ALI_ARG(&mask), sizeof mask);
    ali_sys2(SYS_rt_sigpending, ALI_ARG(&before), sizeof before);
    write_all(fd, bytes, count);
    ali_sys2(SYS_rt_sigpending, ALI_ARG(&after), sizeof after);
    if ((after & ~before & pipe_bit) != 0)
        ali_sys4(SYS_rt_sigtimedwait, ALI_ARG(&pipe_bit), 0, ALI_ARG(&now), sizeof pipe_bit);
    ali_sys4(SYS_rt_sigprocmask, SIG_SETMASK, ALI_ARG(&mask), 0, sizeof mask);
}

int ali_os_create(const char *path)
{
    return (int)ali_sys4(SYS_openat, AT_FDCWD, ALI_ARG(path),
                         O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

int ali_os_create_new(const char *path)
{
    return (int)ali_sys4(SYS_openat, AT_FDCWD, ALI_ARG(path),
                         O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

/* For file systems that cannot promise space. */
static long fill_zero(int fd, uint64_t offset, size_t bytes)
{
    static const char zeros[4096];

    for (size_t done = 0; done < bytes; done += sizeof zeros) {
        long r = ali_sys4(SYS_pwrite64, fd, ALI_ARG(zeros), sizeof zeros, (long)(offset + done));

        if (r != (long)sizeof zeros)
            return r < 0 ? r : -ENOSPC;
    }
    return 0;
}

void *ali_os_map_file(int fd, uint64_t offset, size_t bytes, int *error)
{
    long r = ali_sys4(SYS_fallocate, fd, 0, (long)offset, ALI_ARG(bytes));

    if (r == -EOPNOTSUPP || r == -ENOSYS)
        r = fill_zero(fd, offset, bytes);
    if (r == 0)
        r = ali_sys6(SYS_mmap, 0, ALI_ARG(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     (long)offset);
    if ((unsigned long)r > -4096UL) {
        *error = (int)r;
        return NULL;
    }
    return (void *)r; /* NOLINT(performance-no-int-to-ptr): what the kernel gave */
}

int ali_os_cut_file(int fd, uint64_t bytes)
{
    return (int)ali_sys2(SYS_ftruncate, fd, (long)bytes);
}

void ali_os_close(int fd)
{
    ali_sys1(SYS_close, fd);
}

int ali_file_open(const char *path)
{
    return (int)ali_sys4(SYS_openat, AT_FDCWD, ALI_ARG(path), O_RDONLY | O_CLOEXEC, 0);
}

long ali_file_read(int fd, void *buffer, size_t bytes)
{
    long r;

    do
        r = ali_sys3(SYS_read, fd, ALI_ARG(buffer), ALI_ARG(bytes));
    while (r == -EINTR);
    return r;
}

long ali_os_read_file(const char *path, char *buffer, size_t bytes)
{
    size_t have = 0;
    long r = 1;
    int fd;

    ali_require(bytes > 0);
    buffer[0] = 0;
    fd = ali_file_open(path);
    if (fd < 0)
        return fd;
    while (have < bytes - 1 && r > 0) {
        r = ali_file_read(fd, buffer + have, bytes - 1 - have);
        if (r > 0)
            have += (size_t)r;
    }
    buffer[have] = 0;
    ali_os_close(fd);
    return r < 0 && have == 0 ? r : (long)have;
}

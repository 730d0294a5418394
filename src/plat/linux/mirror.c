/* Files that are memory, and one that is mapped twice. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "plat/linux/linux.h"

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

static bool is_error(long result)
{
    return (unsigned long)result > -4096UL;
}

/* The descriptor, or it is closed and -errno. */
static int sized(int fd, long result)
{
    if (result == 0)
        return fd;
    ali_os_close(fd);
    return (int)result;
}

/* A file system may be full: what it cannot give now would be a fault later. */
static long fill(int fd, size_t bytes)
{
    long r;

    do
        r = ali_sys4(SYS_fallocate, fd, 0, 0, ALI_ARG(bytes));
    while (r == -EINTR);
    return r == -EOPNOTSUPP ? ali_sys2(SYS_ftruncate, fd, ALI_ARG(bytes)) : r;
}

int ali_os_memory_file(size_t bytes)
{
    long fd = ali_sys2(SYS_memfd_create, ALI_ARG("allot"), MFD_CLOEXEC);

    if (is_error(fd))
        return (int)fd;
    return sized((int)fd, ali_sys2(SYS_ftruncate, fd, ALI_ARG(bytes)));
}

/* A name of 12 random letters; 0 or the error. */
static int open_somewhere(const char *directory)
{
    char path[64];
    uint64_t words[2];
    struct ali_random random;
    struct ali_text t;
    long fd;

    ali_os_random(words);
    random.state =
        words[0] ^ ali_os_now_ms() ^ ((uint64_t)ali_os_thread_id() << 32) ^ (uintptr_t)&words;
    do {
        ali_text_init(&t, path, sizeof path);
        ali_text_str(&t, directory);
        ali_text_str(&t, "/allot-");
        ali_text_u64(&t, ali_random_next(&random));
        fd = ali_sys4(SYS_openat, AT_FDCWD, ALI_ARG(path),
                      O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    } while (fd == -EEXIST);
    if (!is_error(fd))
        (void)ali_sys3(SYS_unlinkat, AT_FDCWD, ALI_ARG(path), 0);
    return (int)fd;
}

int ali_os_temporary_file(size_t bytes)
{
    static const char *const directories[] = {"/dev/shm", "/tmp"};
    int fd = -ENOENT;

    for (size_t i = 0; i < ALI_ARRAY_COUNT(directories); i++) {
        fd = open_somewhere(directories[i]);
        if (fd >= 0)
            fd = sized(fd, fill(fd, bytes));
        if (fd >= 0)
            return fd;
    }
    return fd;
}

static int map_half(char *at, size_t bytes, int fd)
{
    long got = ali_sys6(SYS_mmap, ALI_ARG(at), ALI_ARG(bytes), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED, fd, 0);

    return is_error(got) ? (int)got : 0;
}

void *ali_os_map_twice(int fd, size_t bytes, int *error)
{
    char *at = ali_os_map(2 * bytes, ALI_OS_NONE, error);

    if (at == NULL)
        return NULL;
    *error = map_half(at, bytes, fd);
    if (*error == 0)
        *error = map_half(at + bytes, bytes, fd);
    if (*error == 0)
        return at;
    (void)ali_os_unmap(at, 2 * bytes);
    return NULL;
}

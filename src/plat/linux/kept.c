/* A private copy of a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>

#include "plat/linux/linux.h"

enum { NUMBER_MIN = 500 }; /* out of the way of programs that count on the lowest numbers */

static bool identify(int fd, struct ali_os_kept *kept)
{
    struct statx s;

    if (ali_sys6(SYS_statx, fd, ALI_ARG(""), AT_EMPTY_PATH, STATX_INO, ALI_ARG(&s), 0) != 0)
        return false;
    kept->device = (uint64_t)s.stx_dev_major << 32 | s.stx_dev_minor;
    kept->inode = s.stx_ino;
    return true;
}

void ali_os_keep_fd(int fd, struct ali_os_kept *kept)
{
    long copy = ali_sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, NUMBER_MIN);

    if (copy == -EINVAL) /* above RLIMIT_NOFILE */
        copy = ali_sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
    kept->fd = (int)copy;
    if (copy >= 0 && !identify(kept->fd, kept)) {
        ali_os_close(kept->fd);
        kept->fd = -1;
    }
}

int ali_os_kept_fd(const struct ali_os_kept *kept)
{
    struct ali_os_kept now;

    if (kept->fd < 0 || !identify(kept->fd, &now) || now.device != kept->device ||
        now.inode != kept->inode)
        return -1;
    return kept->fd;
}

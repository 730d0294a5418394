/* Reading memory that may not be there. The kernel copies, and says so when it cannot. Where that
 * system call is denied or not emulated, the table of mappings is asked before each read outside
 * the mapping of the last one. */
#include <errno.h>
#include <sys/uio.h>

#include "plat/linux/linux.h"

static long copy_by_kernel(void *to, uintptr_t from, size_t bytes)
{
    struct iovec local = {.iov_base = to, .iov_len = bytes};
    struct iovec remote = {.iov_base = (void *)from, .iov_len = bytes};

    return ali_sys6(SYS_process_vm_readv, ali_os_process_id(), ALI_ARG(&local), 1, ALI_ARG(&remote),
                    1, 0);
}

static bool find_readable(struct ali_reader *r, uintptr_t at)
{
    struct ali_mapping line;

    r->low = r->high = 0;
    if (!ali_maps_find((const void *)at, &line) || !line.readable)
        return false;
    r->low = line.start;
    r->high = line.end;
    return true;
}

bool ali_reader_copy(struct ali_reader *r, void *to, uintptr_t from, size_t bytes)
{
    if (!r->by_table) {
        long copied = copy_by_kernel(to, from, bytes);

        if (copied == (long)bytes)
            return true;
        if (copied >= 0 || copied == -EFAULT)
            return false;
        r->by_table = true;
    }
    if ((from < r->low || from >= r->high) && !find_readable(r, from))
        return false;
    if (r->high - from < bytes)
        return false;
    memcpy(to, (const void *)from, bytes);
    return true;
}

/* Reading memory that may not be there. */
#include <sys/uio.h>

#include "plat/linux/linux.h"

bool ali_probe_read(void *to, uintptr_t from, size_t bytes)
{
    struct iovec local = {.iov_base = to, .iov_len = bytes};
    struct iovec remote = {.iov_base = (void *)from, .iov_len = bytes};

    return ali_sys6(SYS_process_vm_readv, ali_os_process_id(), ALI_ARG(&local), 1, ALI_ARG(&remote),
                    1, 0) == (long)bytes;
}

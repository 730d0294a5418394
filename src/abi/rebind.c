/* One heap also for libraries that are opened with RTLD_DEEPBIND (plat/linux/rebind.c tells how).
 *
 * Done only where the whole program has its malloc from here. Where a wrapper stands in front, or
 * this library was opened beside another allocator, the C library's names are not ours to move. */
#include "abi/abi.h"

#define NAMES(X)                                                                                   \
    X(malloc)                                                                                      \
    X(free)                                                                                        \
    X(calloc)                                                                                      \
    X(realloc)                                                                                     \
    X(reallocarray)                                                                                \
    X(memalign)                                                                                    \
    X(aligned_alloc)                                                                               \
    X(posix_memalign)                                                                              \
    X(valloc)                                                                                      \
    X(pvalloc)                                                                                     \
    X(malloc_usable_size)

#define DECLARE(name) extern char ali_abi_##name[] __asm__(#name);
#define ENTRY(name) {#name, ali_abi_##name},

NAMES(DECLARE)

void ali_abi_rebind(void)
{
    static const struct ali_os_name names[] = {NAMES(ENTRY)};

    /* Refused (-EPERM, another C library): such libraries then keep the C library's allocator. */
    if (ali_os_is_global("malloc", names))
        (void)ali_os_rebind_libc(names, ALI_ARRAY_COUNT(names));
}

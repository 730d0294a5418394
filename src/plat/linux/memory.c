/* Mappings and advice.
 *
 * A mapping is accounted the way the kernel likes by default: inaccessible memory costs no
 * commitment, and becoming writable is where an overcommit limit says no. MAP_NORESERVE is not
 * used, because it would let a request succeed that the machine cannot ever serve. */
#include <errno.h>
#include <sys/mman.h>

#include "plat/linux/syscall.h"
#include "plat/plat.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

static int protection_of(enum ali_os_access access)
{
    switch (access) {
    case ALI_OS_READ:
        return PROT_READ;
    case ALI_OS_READ_WRITE:
        return PROT_READ | PROT_WRITE;
    case ALI_OS_NONE:
    default:
        return PROT_NONE;
    }
}

/* The address, or -errno. */
static long map(void *at, size_t bytes, enum ali_os_access access, int flags)
{
    return ali_sys6(SYS_mmap, ALI_ARG(at), ALI_ARG(bytes), protection_of(access),
                    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static bool is_error(long result)
{
    return (unsigned long)result > -4096UL;
}

int ali_os_map_at(void *at, size_t bytes, enum ali_os_access access)
{
    long got = map(at, bytes, access, MAP_FIXED_NOREPLACE);

    if (is_error(got))
        return (int)got;
    /* A kernel before 4.17 does not know the flag and takes the address as a wish. */
    if (got != ALI_ARG(at)) {
        ali_sys2(SYS_munmap, got, ALI_ARG(bytes));
        return -EEXIST;
    }
    return 0;
}

void *ali_os_map(size_t bytes, enum ali_os_access access, int *error)
{
    long got = map(NULL, bytes, access, 0);

    if (error != NULL)
        *error = is_error(got) ? (int)got : 0;
    return is_error(got) ? NULL : (void *)got;
}

int ali_os_map_over(void *at, size_t bytes, enum ali_os_access access)
{
    long got = map(at, bytes, access, MAP_FIXED);

    return is_error(got) ? (int)got : 0;
}

int ali_os_unmap(void *at, size_t bytes)
{
    return (int)ali_sys2(SYS_munmap, ALI_ARG(at), ALI_ARG(bytes));
}

int ali_os_move(void *from, size_t from_bytes, void *to, size_t to_bytes)
{
    long got = ali_sys6(SYS_mremap, ALI_ARG(from), ALI_ARG(from_bytes), ALI_ARG(to_bytes),
                        MREMAP_MAYMOVE | MREMAP_FIXED, ALI_ARG(to), 0);

    if (!is_error(got))
        return 0;
    /* The kernel may have unmapped the target before it found that it cannot move. Where it still
     * is, this changes nothing. */
    (void)ali_os_map_at(to, to_bytes, ALI_OS_NONE);
    return (int)got;
}

int ali_os_protect(void *at, size_t bytes, enum ali_os_access access)
{
    return (int)ali_sys3(SYS_mprotect, ALI_ARG(at), ALI_ARG(bytes), protection_of(access));
}

static int advise(void *at, size_t bytes, int advice)
{
    long r;

    /* Populating and installing guards stop for a pending signal. */
    do
        r = ali_sys3(SYS_madvise, ALI_ARG(at), ALI_ARG(bytes), advice);
    while (r == -EINTR);
    return (int)r;
}

int ali_os_purge(void *at, size_t bytes)
{
    return advise(at, bytes, MADV_DONTNEED);
}

int ali_os_populate(void *at, size_t bytes)
{
    return (int)ali_sys3(SYS_madvise, ALI_ARG(at), ALI_ARG(bytes), MADV_POPULATE_WRITE);
}

int ali_os_huge(void *at, size_t bytes, bool want)
{
    return advise(at, bytes, want ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

enum { RESIDENT_PAGES = 1024 };

/* A range with a hole in it is refused as a whole: then its halves are asked for. */
static size_t resident_pages(uintptr_t at, size_t pages, unsigned char *states)
{
    long error =
        ali_sys3(SYS_mincore, ALI_ARG(at), ALI_ARG(pages * ali_os_page_bytes), ALI_ARG(states));
    size_t resident = 0;

    if (error == -ENOMEM && pages > 1)
        return resident_pages(at, pages / 2, states) +
               resident_pages(at + pages / 2 * ali_os_page_bytes, pages - pages / 2, states);
    for (size_t i = 0; error == 0 && i < pages; i++)
        resident += states[i] & 1U;
    return resident;
}

size_t ali_os_resident_bytes(const void *at, size_t bytes)
{
    unsigned char states[RESIDENT_PAGES];
    const size_t step = RESIDENT_PAGES * ali_os_page_bytes;
    uintptr_t p = ali_align_down((uintptr_t)at, ali_os_page_bytes);
    const uintptr_t end = ali_align_up((uintptr_t)at + bytes, ali_os_page_bytes);
    size_t resident = 0;

    for (; p < end; p += step)
        resident += resident_pages(p, ali_min(step, end - p) / ali_os_page_bytes, states);
    return resident * ali_os_page_bytes;
}

/* Guard markers cost no map entry. Locked memory and kernels before 6.13 refuse them, so which of
 * the two holds is a property of the range, and taking a guard away undoes both. */
static _Atomic(bool) have_markers;

int ali_os_guard(void *at, size_t bytes)
{
    if (advise(at, bytes, MADV_GUARD_INSTALL) == 0) {
        atomic_store_explicit(&have_markers, true, memory_order_relaxed);
        return 0;
    }
    return ali_os_protect(at, bytes, ALI_OS_NONE);
}

int ali_os_unguard(void *at, size_t bytes)
{
    int removed = advise(at, bytes, MADV_GUARD_REMOVE);
    int opened = ali_os_protect(at, bytes, ALI_OS_READ_WRITE);

    if (opened != 0)
        return opened;
    /* relaxed: whoever takes a guard away knows of its having been set */
    return atomic_load_explicit(&have_markers, memory_order_relaxed) ? removed : 0;
}

bool ali_os_map_table_is_full(void)
{
    const size_t page = ali_os_page_bytes;
    long got = map(NULL, 3 * page, ALI_OS_NONE, 0);
    long split;

    if (is_error(got))
        return got == -ENOMEM;
    /* Read only, so that it costs no commitment: only the table can be in the way. */
    split = ali_sys3(SYS_mprotect, got + ALI_ARG(page), ALI_ARG(page), PROT_READ);
    ali_sys2(SYS_munmap, got, ALI_ARG(3 * page));
    return split == -ENOMEM;
}

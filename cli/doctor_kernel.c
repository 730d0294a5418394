/* allot doctor: what the kernel can do, found out by doing it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"

/* Kernel constants that older headers lack. */
enum { ADVICE_POPULATE_WRITE = 23, ADVICE_GUARD_INSTALL = 102, CALL_MSEAL = 462 };
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void *map_pages(size_t pages)
{
    void *p = mmap(NULL, pages * page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void look_kernel(struct finding *f)
{
    struct utsname name;

    if (uname(&name) != 0)
        find_reduced(f, "unknown", "uname failed.");
    else
        find_ok(f, "%s %s on %s", name.sysname, name.release, name.machine);
}

static void look_page(struct finding *f)
{
    size_t bytes = page_bytes();

    if (bytes == 4096 || bytes == 16384 || bytes == 65536)
        find_ok(f, "%zu KiB", bytes / 1024);
    else
        find_missing(f, "other than 4, 16 or 64 KiB", "Allot knows these sizes only.");
}

static void look_huge(struct finding *f)
{
    char line[96];
    const char *mode;

    if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line)) {
        find_reduced(f, "none",
                     "The kernel has no transparent huge pages, or /sys is not there: "
                     "large heaps take more page faults.");
        return;
    }
    mode = strchr(line, '[');
    if (mode == NULL || strncmp(mode, "[never]", 7) == 0)
        find_reduced(f, "never",
                     "huge=auto and huge=always have no effect, and large heaps take more page "
                     "faults. As root: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
    else
        find_ok(f, "%.*s", (int)strcspn(mode + 1, "]"), mode + 1);
}

static void look_noreplace(struct finding *f)
{
    char *p = map_pages(1);
    void *again;

    if (p == NULL) {
        find_missing(f, "mmap failed", strerror(errno));
        return;
    }
    again =
        mmap(p, page_bytes(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (again == MAP_FAILED && errno == EEXIST) {
        find_ok(f, "works");
    } else {
        find_reduced(f, "not known to the kernel",
                     "Needs Linux 4.17; addresses are tried without it, which takes more calls.");
        if (again != MAP_FAILED)
            munmap(again, page_bytes());
    }
    munmap(p, page_bytes());
}

static void look_move(struct finding *f)
{
    char *from = map_pages(1);
    char *to = map_pages(1);
    void *moved = MAP_FAILED;

    if (from != NULL && to != NULL)
        moved = mremap(from, page_bytes(), page_bytes(), MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (moved != MAP_FAILED) {
        find_ok(f, "works");
        munmap(moved, page_bytes());
        return;
    }
    find_reduced(f, strerror(errno), "realloc of large blocks copies instead of moving pages.");
    if (from != NULL)
        munmap(from, page_bytes());
    if (to != NULL)
        munmap(to, page_bytes());
}

/* Tries one advice on a fresh page. */
static int try_advice(int advice)
{
    void *p = map_pages(1);
    int error = 0;

    if (p == NULL)
        return errno;
    if (madvise(p, page_bytes(), advice) != 0)
        error = errno;
    munmap(p, page_bytes());
    return error;
}

static void look_advice(struct finding *f, int advice, const char *why)
{
    int error = try_advice(advice);

    if (error == 0)
        find_ok(f, "works");
    else
        find_reduced(f, error == EINVAL ? "not known to the kernel" : strerror(error), why);
}

static void look_purge(struct finding *f)
{
    look_advice(f, MADV_DONTNEED, "Unused memory cannot be given back without unmapping it.");
}

static void look_populate(struct finding *f)
{
    look_advice(f, ADVICE_POPULATE_WRITE,
                "Needs Linux 5.14; pages are faulted in one by one instead of together.");
}

static void look_guard(struct finding *f)
{
    look_advice(f, ADVICE_GUARD_INSTALL,
                "Needs Linux 6.13; harden=guard uses mprotect, and each guard costs two maps of "
                "vm.max_map_count.");
}

static void look_mseal(struct finding *f)
{
    if (syscall(CALL_MSEAL, NULL, 0UL, 0UL) == 0)
        find_ok(f, "works");
    else
        find_reduced(f, errno == ENOSYS ? "not known to the kernel" : strerror(errno),
                     "Needs Linux 6.10; nothing depends on it yet.");
}

static void look_probe(struct finding *f)
{
    long from = 42, to = 0;
    struct iovec here = {&to, sizeof to};
    struct iovec there = {&from, sizeof from};

    if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)sizeof to && to == from)
        find_ok(f, "works");
    else
        find_reduced(f, strerror(errno),
                     "process_vm_readv is refused (seccomp?): call stacks in reports are shorter.");
}

static void look_maps(struct finding *f)
{
    char line[256];

    if (read_line("/proc/self/maps", line, sizeof line))
        find_ok(f, "readable");
    else
        find_reduced(f, "no /proc/self/maps",
                     "Reports cannot say what a foreign pointer points into, nor name modules; "
                     "statistics have no RSS. Mount /proc.");
}

static void look_numa(struct finding *f)
{
    char line[96];

    if (!read_line("/sys/devices/system/node/online", line, sizeof line))
        find_ok(f, "1 node");
    else
        find_ok(f, "node%s %s", strpbrk(line, "-,") != NULL ? "s" : "", line);
}

size_t kernel_checks(const struct check **checks)
{
    static const struct check table[] = {
        {"kernel", "kernel", look_kernel},
        {"page_size", "page size", look_page},
        {"huge_pages", "huge pages", look_huge},
        {"map_fixed_noreplace", "MAP_FIXED_NOREPLACE", look_noreplace},
        {"mremap", "mremap", look_move},
        {"purge", "MADV_DONTNEED", look_purge},
        {"populate", "MADV_POPULATE_WRITE", look_populate},
        {"guard", "MADV_GUARD_INSTALL", look_guard},
        {"mseal", "mseal", look_mseal},
        {"probe_memory", "process_vm_readv", look_probe},
        {"proc_maps", "/proc/self/maps", look_maps},
        {"numa", "NUMA", look_numa},
    };

    *checks = table;
    return sizeof table / sizeof table[0];
}

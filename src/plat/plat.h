/* Layer 1: the only door to the operating system.
 *
 * Everything above talks to the OS through these functions and no others, so that a test can
 * replace any of them at link time (tests/fake). None of them touches errno, allocates, takes a
 * lock or prints, unless its comment says so. Functions that return int give 0 or -errno. */
#ifndef ALI_PLAT_H
#define ALI_PLAT_H

#include "base/base.h"

/* Bytes of an OS page (4, 16 or 64 KiB), constant after ali_os_init. */
extern size_t ali_os_page_bytes;

/* Reads the auxiliary vector: page size, the 16 random bytes, AT_SECURE. No system call.
 * Safe to call more than once and before constructors have run. */
void ali_os_init(void);

/* --- memory ------------------------------------------------------------------------------- */

enum ali_os_access { ALI_OS_NONE, ALI_OS_READ, ALI_OS_READ_WRITE };

/* Maps private zero memory exactly at `at` (page aligned), which must be free: never replaces an
 * existing mapping. -EEXIST when something is there, -ENOMEM and so on otherwise. */
int ali_os_map_at(void *at, size_t bytes, enum ali_os_access access);

/* Maps private zero memory where the kernel likes; NULL and *error (may be NULL) on failure. */
void *ali_os_map(size_t bytes, enum ali_os_access access, int *error);

/* Replaces our own mapping at `at` by fresh zero memory (MAP_FIXED); only on ranges we own. */
int ali_os_map_over(void *at, size_t bytes, enum ali_os_access access);

int ali_os_unmap(void *at, size_t bytes);

/* Moves pages without copying to exactly `to` (our own mapping, replaced). The old range is
 * unmapped. -errno leaves `from` as it was; `to` is then still ours, but may have become
 * inaccessible zero memory. */
int ali_os_move(void *from, size_t from_bytes, void *to, size_t to_bytes);

int ali_os_protect(void *at, size_t bytes, enum ali_os_access access);

/* Gives the pages back; the range reads zero afterwards. -errno when that could not be had
 * (locked pages, denied): then the contents are as they were. */
int ali_os_purge(void *at, size_t bytes);

/* Faults the pages in now (MADV_POPULATE_WRITE); an optimisation, failure is harmless. */
int ali_os_populate(void *at, size_t bytes);

/* Asks for (or refuses) transparent huge pages on the range; failure is harmless. */
int ali_os_huge(void *at, size_t bytes, bool want);

/* A file of so many bytes (whole pages) that is nothing but memory, and is there to be mapped:
 * ali_os_memory_file without a name anywhere (memfd), ali_os_temporary_file in /dev/shm or /tmp and
 * unlinked at once, its room taken now, so that no later touch of it can fail. No limit of the
 * kernel holds for either but the memory of the machine, which the caller looks at. The descriptor
 * (closed by exec, to be closed by ali_os_close) or -errno. */
int ali_os_memory_file(size_t bytes);
int ali_os_temporary_file(size_t bytes);
/* Maps the file of `bytes` twice, back to back, wherever there is room: what is written to one half
 * is read in the other. NULL and *error on failure. Given back by ali_os_unmap(at, 2 * bytes). */
void *ali_os_map_twice(int fd, size_t bytes, int *error);

/* Number of resident bytes of the range (mincore); 0 when it cannot be known. */
size_t ali_os_resident_bytes(const void *at, size_t bytes);

/* Makes a writable range a guard: any access faults. MADV_GUARD_INSTALL, else mprotect. After
 * ali_os_unguard it is writable again, its contents zero or as before. */
int ali_os_guard(void *at, size_t bytes);
int ali_os_unguard(void *at, size_t bytes);

/* Whether the kernel refuses to split a mapping: the process has vm.max_map_count of them. Makes
 * and removes a mapping of its own to find out. */
bool ali_os_map_table_is_full(void);

/* Whether AddressSanitizer or Valgrind watches this process. */
bool ali_os_has_checker(void);
/* Tells them that nobody may touch the bytes; that the program may (`defined`: and that they have
 * their values already). Nothing happens where no checker is. */
void ali_os_forbid(const void *at, size_t bytes);
void ali_os_allow(const void *at, size_t bytes, bool defined);

/* --- threads, time, process --------------------------------------------------------------- */

/* Sleeps while *word == expected (futex); may return early. */
void ali_os_wait(_Atomic(uint32_t) *word, uint32_t expected);
void ali_os_wake_one(_Atomic(uint32_t) *word);
/* Hint in a spin loop. */
void ali_os_spin_pause(void);

/* Calls `at_exit(value)` when a thread that has armed itself with a non-NULL value ends; armed
 * again inside at_exit it is called again in the next destructor round, as POSIX says.
 * Returns -errno when the libc cannot give a key. Once per process. */
int ali_os_thread_exit_hook(void (*at_exit)(void *value));
void ali_os_thread_exit_arm(void *value);

/* The same for others than the heap, with a key of their own in *key. Keys run in the order in
 * which they were made. */
int ali_os_exit_key_make(uint32_t *key, void (*at_exit)(void *value));
void ali_os_exit_key_arm(uint32_t key, void *value);

/* Registers fork handlers (any may be NULL). Once per layer. */
int ali_os_fork_hook(void (*before)(void), void (*parent)(void), void (*child)(void));

/* Runs body(arg) in a forked child and waits for its end. *signal_number: what ended it, 0 when it
 * came back from body. The child writes no core file, and is ended by SIGALRM after `seconds`, 0:
 * never. -errno when it could not be made; then nothing has run. */
int ali_os_in_child(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number);
/* Zero memory that children of fork share with their parent; NULL and *error on failure. */
void *ali_os_map_shared(size_t bytes, int *error);

uint32_t ali_os_thread_id(void);
uint32_t ali_os_process_id(void);

/* Monotonic milliseconds from a coarse clock (vDSO, no system call). */
uint64_t ali_os_now_ms(void);

/* 16 bytes of randomness made by the kernel at exec; no system call. */
void ali_os_random(uint64_t out[2]);

/* NULL in a program that runs with raised privilege (AT_SECURE), once ali_os_init has run. The
 * string belongs to the environment. Before libc has set up `environ` it is read from the stack
 * where the C library tells where that is, else NULL. */
const char *ali_os_env(const char *name);
bool ali_os_is_secure(void);

/* Soft limit of RLIMIT_AS / RLIMIT_DATA in bytes; UINT64_MAX when there is none. */
uint64_t ali_os_limit_address_space(void);
uint64_t ali_os_limit_data(void);

/* Memory of the machine or of the container (cgroup v2, v1), the smaller; 0 when unknown. Reads
 * files. */
uint64_t ali_os_memory_bytes(void);

struct ali_os_usage {
    uint64_t resident_bytes;      /* RSS now; 0 when /proc is not readable */
    uint64_t peak_resident_bytes; /* getrusage ru_maxrss */
    uint64_t minor_faults;
    uint64_t major_faults;
    uint64_t virtual_bytes;
    uint64_t data_bytes; /* what RLIMIT_DATA counts, and the stack */
};
void ali_os_usage(struct ali_os_usage *usage);

/* --- diagnosis (slow, for reports) -------------------------------------------------------- */

enum ali_os_place {
    ALI_OS_UNMAPPED,
    ALI_OS_STACK,
    ALI_OS_STATIC,
    ALI_OS_BRK,
    ALI_OS_FILE,
    ALI_OS_ANON,
    ALI_OS_UNKNOWN
};

/* What the address is in, from /proc/self/maps; `name` receives the file or segment name. */
enum ali_os_place ali_os_locate(const void *p, char *name, size_t name_bytes);

/* The file that the code or data at `p` was loaded from, and where: p - *base is the address to
 * look up in that file. False when p is in no file. */
bool ali_os_module(const void *p, char *name, size_t name_bytes, uintptr_t *base);

/* Where the dynamic loader's code and data are; 0 bytes in a static program. No system call. */
void ali_os_loader_range(uintptr_t *start, size_t *bytes);

/* Makes the C library's symbols of these names mean other functions, for every look-up from now on
 * that would find them. False when that could not be had for all: static program, other libc,
 * denied. Names that the C library lacks are no failure. */
struct ali_os_redirect {
    const char *name;
    void (*function)(void);
};
bool ali_os_redirect_libc(const struct ali_os_redirect *table, size_t count);

/* The function that a name means to the program as a whole; NULL when nobody can tell (static). */
void *ali_os_global_function(const char *name);
/* A function of a shared library that is loaded already, wherever it is visible; NULL when there
 * is none. May call malloc. */
void *ali_os_loaded_function(const char *library, const char *name);

/* Return addresses from here outwards, at most `max`; the count. Never allocates, never faults. */
size_t ali_os_backtrace(uintptr_t *frames, size_t max);

/* Writes all bytes or gives up; the signal mask and errno stay as they are. */
void ali_os_write(int fd, const void *bytes, size_t count);
/* Opens for writing (create, truncate, 0644): fd or -errno. */
int ali_os_create(const char *path);
/* Opens a new file for reading and writing: fd, or -errno (-EEXIST when it is there). */
int ali_os_create_new(const char *path);
/* Maps bytes of a file from `offset` (page aligned) on, for reading and writing, shared; the file
 * is made so long, and the space is really there. NULL and *error on failure. */
void *ali_os_map_file(int fd, uint64_t offset, size_t bytes, int *error);
/* Cuts a file. */
int ali_os_cut_file(int fd, uint64_t bytes);
void ali_os_close(int fd);
/* A copy of a descriptor that stays when the program closes its own; not inherited by exec.
 * ali_os_kept_fd gives the copy while it is still the same file, else -1. */
struct ali_os_kept {
    int fd;
    uint64_t device;
    uint64_t inode;
};
void ali_os_keep_fd(int fd, struct ali_os_kept *kept);
int ali_os_kept_fd(const struct ali_os_kept *kept);
/* Reads up to `bytes`-1 bytes and terminates; the count or -errno. */
long ali_os_read_file(const char *path, char *buffer, size_t bytes);

_Noreturn void ali_os_abort(void);

#endif

/* What the kernel told the process at exec, its environment, limits and use of memory, and its
 * end. */
#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "plat/linux/syscall.h"
#include "plat/plat.h"

#pragma weak environ
/* glibc: the stack as the kernel made it. */
extern void *__libc_stack_end __attribute__((weak));

size_t ali_os_page_bytes = 4096;

static uint64_t exec_random[2];
static bool secure;

/* The bytes are also glibc's stack and pointer guards, so they go out mixed only: nothing that
 * may be read from a heap must tell them. */
static void random_init(const void *given)
{
    struct ali_random r = {.state = 0x616c6c6f74U};
    uint64_t a;
    uint64_t b;

    if (given == NULL) {
        struct timespec now = {0, 0};

        (void)ali_sys2(SYS_clock_gettime, CLOCK_MONOTONIC, ALI_ARG(&now));
        a = (uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&now;
        b = (uint64_t)now.tv_sec ^ (uint64_t)ali_os_process_id() << 32;
    } else {
        memcpy(&a, given, sizeof a);
        memcpy(&b, (const char *)given + sizeof a, sizeof b);
    }
    r.state ^= a;
    exec_random[0] = ali_random_next(&r);
    r.state ^= b;
    exec_random[0] ^= ali_random_next(&r);
    r.state ^= a << 32 | a >> 32;
    exec_random[1] = ali_random_next(&r) ^ ali_random_next(&r);
}

void ali_os_init(void)
{
    const int saved = errno; /* getauxval says ENOENT there */
    unsigned long page = getauxval(AT_PAGESZ);
    unsigned long random = getauxval(AT_RANDOM);

    if (ali_is_pow2(page) && page >= 4096)
        ali_os_page_bytes = page;
    secure = getauxval(AT_SECURE) != 0;
    random_init((const void *)random);
    errno = saved;
}

void ali_os_random(uint64_t out[2])
{
    out[0] = exec_random[0];
    out[1] = exec_random[1];
}

bool ali_os_is_secure(void)
{
    return secure;
}

/* --- environment -------------------------------------------------------------------------- */

/* glibc sets `environ` in a constructor of its own, after the loader may have called malloc and
 * after preinit functions have run. Until then it is read where the kernel put it. */
static char **environment(void)
{
    long *top;

    if (&environ != NULL && environ != NULL)
        return environ;
    if (&__libc_stack_end == NULL || __libc_stack_end == NULL)
        return NULL;
    top = __libc_stack_end;
    /* argc, argv[0..argc-1], NULL, environment */
    if (top[0] < 0 || top[0] > 1L << 24 || top[1 + top[0]] != 0)
        return NULL;
    return (char **)(top + top[0] + 2);
}

const char *ali_os_env(const char *name)
{
    const size_t length = strlen(name);
    char **e = secure ? NULL : environment();

    for (; e != NULL && *e != NULL; e++) {
        if (strncmp(*e, name, length) == 0 && (*e)[length] == '=')
            return *e + length + 1;
    }
    return NULL;
}

/* --- time, limits, use -------------------------------------------------------------------- */

uint64_t ali_os_now_ms(void)
{
    struct timespec now;

    /* libc's, because it knows the vDSO. It cannot fail for this clock, and so leaves errno. */
    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t soft_limit(int resource)
{
    struct {
        uint64_t soft;
        uint64_t hard;
    } limit;

    if (ali_sys4(SYS_prlimit64, 0, resource, 0, ALI_ARG(&limit)) != 0)
        return UINT64_MAX;
    return limit.soft;
}

uint64_t ali_os_limit_address_space(void)
{
    return soft_limit(RLIMIT_AS);
}

uint64_t ali_os_limit_data(void)
{
    return soft_limit(RLIMIT_DATA);
}

/* The n-th number (from 0) of a line of numbers and spaces. */
static uint64_t number_at(const char *s, unsigned n)
{
    const char *end = s;
    uint64_t v = 0;

    for (;; n--) {
        while (*end >= '0' && *end <= '9')
            end++;
        if (n == 0)
            return ali_parse_u64(s, end, &v) ? v : 0;
        while (*end == ' ')
            end++;
        if (end == s)
            return 0;
        s = end;
    }
}

void ali_os_usage(struct ali_os_usage *usage)
{
    char statm[128];
    struct rusage ru;

    memset(usage, 0, sizeof *usage);
    memset(&ru, 0, sizeof ru);
    if (ali_sys2(SYS_getrusage, RUSAGE_SELF, ALI_ARG(&ru)) == 0) {
        usage->peak_resident_bytes = (uint64_t)ru.ru_maxrss * 1024;
        usage->minor_faults = (uint64_t)ru.ru_minflt;
        usage->major_faults = (uint64_t)ru.ru_majflt;
    }
    if (ali_os_read_file("/proc/self/statm", statm, sizeof statm) > 0) {
        usage->virtual_bytes = number_at(statm, 0) * ali_os_page_bytes;
        usage->resident_bytes = number_at(statm, 1) * ali_os_page_bytes;
        usage->data_bytes = number_at(statm, 5) * ali_os_page_bytes;
    }
}

/* --- the end ------------------------------------------------------------------------------ */

/* What the kernel takes, whose layout is not that of libc's struct sigaction. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static void raise_abort(void)
{
    const uint64_t only_abort = UINT64_C(1) << (SIGABRT - 1);

    ali_sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, ALI_ARG(&only_abort), 0, sizeof only_abort);
    ali_sys3(SYS_tgkill, ali_os_process_id(), ali_os_thread_id(), SIGABRT);
}

_Noreturn void ali_os_abort(void)
{
    const struct kernel_sigaction by_default = {0};

    /* The program's own handler, if it has one, first: it may save work or write a trace. */
    raise_abort();
    ali_sys4(SYS_rt_sigaction, SIGABRT, ALI_ARG(&by_default), 0, sizeof by_default.mask);
    raise_abort();
    /* Signals are denied to us. */
    ali_sys1(SYS_exit_group, 127);
    __builtin_trap();
}

/* Under a seccomp filter: calls denied with an error from before the first
 * constructor on, or everything but a short list killing the process.
 *
 * Arguments: the errno, then the calls to deny; or "kill".
 */
#include "t.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const struct {
    const char *name;
    int number;
} calls[] = {
    {"mprotect", SYS_mprotect},
    {"madvise", SYS_madvise},
    {"mremap", SYS_mremap},
    {"openat", SYS_openat},
#ifdef SYS_open
    {"open", SYS_open},
#endif
    {"getrandom", SYS_getrandom},
    {"prlimit64", SYS_prlimit64},
#ifdef SYS_getrlimit
    {"getrlimit", SYS_getrlimit},
#endif
    {"sysinfo", SYS_sysinfo},
    {"getcpu", SYS_getcpu},
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"membarrier", SYS_membarrier},
    {"uname", SYS_uname},
    {"readlinkat", SYS_readlinkat},
    {"clock_gettime", SYS_clock_gettime},
    {"gettid", SYS_gettid},
    {"get_mempolicy", SYS_get_mempolicy},
    {"mbind", SYS_mbind},
    {"prctl", SYS_prctl},
    {"mincore", SYS_mincore},
    {"rt_sigprocmask", SYS_rt_sigprocmask},
    {"munmap", SYS_munmap},
};

static void install(struct sock_filter *code, size_t length)
{
    struct sock_fprog program = {(unsigned short)length, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        SKIP("no seccomp here: %s", strerror(errno));
}

static int number_of(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(calls[i].name, name))
            return calls[i].number;
    REQUIRE(false, "unknown call %s", name);
}

static void deny(int error, char **names, int count)
{
    struct sock_filter code[128];
    size_t at = 0;
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; i++) {
        unsigned number = (unsigned)number_of(names[i]);
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
        code[at++] = (struct sock_filter)BPF_STMT(
            BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA));
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    install(code, at);
}

/* What sandboxes of network services let through for their allocators. */
static void kill_others(void)
{
    static const int allowed[] = {SYS_mmap,          SYS_munmap,         SYS_mremap,
                                  SYS_mprotect,      SYS_madvise,        SYS_brk,
                                  SYS_futex,         SYS_write,          SYS_exit_group,
                                  SYS_clock_gettime, SYS_rt_sigprocmask, SYS_getrandom,
                                  SYS_gettid,        SYS_getpid};
    struct sock_filter code[64];
    size_t at = 0;
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        code[at++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    install(code, at);
}

static void before_constructors(int argc, char **argv, char **env)
{
    (void)env;
    if (argc > 2)
        deny(atoi(argv[1]), argv + 2, argc - 2);
}
__attribute__((section(".preinit_array"),
               used)) static void (*const preinit[])(int, char **, char **) = {before_constructors};

static void work(void)
{
    enum { slots = 500 };
    static unsigned char *block[slots];
    static size_t size_of[slots];
    uint64_t seed = 8;
    for (int step = 0; step < 40000; step++) {
        unsigned i = t_random(&seed) % slots;
        size_t size = t_random(&seed) % (step % 30 ? 3000 : 1500000), less;
        size_t probe = size_of[i] < 200 ? size_of[i] : 200;
        switch (t_random(&seed) % 4) {
        case 0:
            block[i] = realloc(block[i], size + 1);
            less = size < probe ? size : probe;
            CHECK(t_holds(block[i], less, i), "realloc to %zu", size);
            break;
        case 1:
            free(block[i]);
            block[i] = calloc(1, size);
            CHECK(t_zero(block[i], size), "calloc(%zu)", size);
            break;
        default:
            CHECK(t_holds(block[i], probe, i), "block %u", i);
            free(block[i]);
            block[i] = malloc(size);
        }
        REQUIRE(block[i], "refused at step %d: %zu bytes, errno %d", step, size, errno);
        size_of[i] = size;
        t_fill(block[i], size < 200 ? size : 200, i);
        if (step % 10000 == 0)
            malloc_trim(0);
    }
    for (int i = 0; i < slots; i++)
        free(block[i]);
}

static void *in_thread(void *arg)
{
    for (int i = 0; i < 300; i++)
        free(malloc((size_t)i * 200));
    return arg;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "kill")) {
        kill_others();
        work();
        return t_done();
    }
    REQUIRE(argc > 2, "usage: sandbox ERRNO CALL... | kill");
    work();
    bool threads_can_start = true;
    for (int i = 2; i < argc; i++)
        if (!strcmp(argv[i], "mprotect") || !strcmp(argv[i], "rt_sigprocmask"))
            threads_can_start = false;
    for (int i = 0; threads_can_start && i < 8; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, in_thread, NULL);
        REQUIRE(error == 0, "pthread_create: %d", error);
        pthread_join(thread, NULL);
    }
    return t_done();
}

/* Memory calls of the system fail in turn while a workload runs.
 *
 * A supervisor gets each mmap, munmap, mprotect, madvise and mremap of the
 * workload through a seccomp listener and answers it with an error or lets
 * it through: the n-th for n = 1, 2, ... ("nth"), every k-th ("every"), all
 * from the n-th on ("from"), and those of the allocator's own start ("start",
 * counted by the object that makes the call). The workload checks that nothing
 * crashes or hangs, that no byte of a live block changes, that a refusal is
 * NULL with ENOMEM, that free keeps errno, and that all the memory can be used
 * again afterwards.
 */
#include "t.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MIB ((size_t)1 << 20)

struct plan {
    long first; /* number of the first call that fails, from 1; 0: none */
    long step;  /* and every step-th from there; 0: only that one */
    int error;  /* 0: the usual one of each call */
    int rounds; /* of the workload */
    bool start; /* count the allocator's own calls from exec on */
};

/* Shared with the workload. */
struct shared {
    bool on;
    long calls, failed;
    long grown_kib; /* resident memory that the workload did not give back */
};
static struct shared *shared;

/* --- the workload ----------------------------------------------------------- */

enum { slots = 300 };
struct block {
    unsigned char *at;
    size_t size;
    unsigned seed;
};

static size_t pick(uint64_t *seed)
{
    uint64_t r = t_random(seed);
    static const size_t most[] = {200, 200, 2000, 2000, 20000, 100000, 600000, 3000000};
    return (r >> 8) % most[r % 8] + 1;
}

/* A small block carries one pattern, a large one a pattern at each end. */
enum { end_bytes = 256 };

static void mark(struct block *block, unsigned char *at, size_t size, unsigned seed)
{
    *block = (struct block){at, size, seed};
    if (size <= 2 * end_bytes) {
        t_fill(at, size, seed);
        return;
    }
    t_fill(at, end_bytes, seed);
    t_fill(at + size - end_bytes, end_bytes, seed + 1);
}

static bool whole(const struct block *block)
{
    if (block->size <= 2 * end_bytes)
        return t_holds(block->at, block->size, block->seed);
    return t_holds(block->at, end_bytes, block->seed) &&
           t_holds(block->at + block->size - end_bytes, end_bytes, block->seed + 1);
}

static void let_go(struct block *block)
{
    CHECK(whole(block), "a block of %zu changed", block->size);
    errno = 1234;
    free(block->at);
    CHECK(errno == 1234, "free of %zu bytes set errno %d", block->size, errno);
    *block = (struct block){0};
}

static void get(struct block *block, uint64_t *seed)
{
    size_t size = pick(seed);
    unsigned char *at = NULL;
    errno = 0;
    switch (t_random(seed) % 5) {
    case 0:
        at = calloc(1, size);
        CHECK(!at || t_zero(at, size), "calloc(%zu) is not zero", size);
        break;
    case 1: {
        size_t align = (size_t)16 << (t_random(seed) % 10);
        at = memalign(align, size);
        CHECK(((uintptr_t)at & (align - 1)) == 0, "memalign(%zu, %zu)", align, size);
        break;
    }
    default:
        at = malloc(size);
    }
    if (at)
        mark(block, at, size, (unsigned)t_random(seed));
    else
        CHECK(errno == ENOMEM, "%zu bytes refused with errno %d", size, errno);
}

static void resize(struct block *block, uint64_t *seed)
{
    size_t size = pick(seed), less = size < block->size ? size : block->size;
    errno = 0;
    CHECK(whole(block), "a block of %zu changed", block->size);
    unsigned char *at = realloc(block->at, size);
    if (!at) {
        CHECK(errno == ENOMEM, "realloc to %zu: errno %d", size, errno);
        CHECK(whole(block), "a refused realloc changed a block of %zu", block->size);
        return;
    }
    size_t probe = less < end_bytes ? less : end_bytes;
    CHECK(t_holds(at, probe, block->seed), "realloc of %zu to %zu", block->size, size);
    mark(block, at, size, (unsigned)t_random(seed));
}

static void *in_thread(void *arg)
{
    uint64_t seed = (uintptr_t)arg;
    struct block block[40] = {0};
    for (int i = 0; i < 400; i++) {
        struct block *one = &block[t_random(&seed) % 40];
        if (one->at)
            let_go(one);
        else
            get(one, &seed);
    }
    for (int i = 0; i < 40; i++)
        if (block[i].at)
            let_go(&block[i]);
    return NULL;
}

static void one_round(uint64_t seed)
{
    static struct block block[slots];
    pthread_t thread;
    bool threaded = pthread_create(&thread, NULL, in_thread, (void *)(uintptr_t)seed) == 0;
    for (int step = 0; step < 1500; step++) {
        struct block *one = &block[t_random(&seed) % slots];
        if (!one->at)
            get(one, &seed);
        else if (t_random(&seed) % 3 == 0)
            resize(one, &seed);
        else
            let_go(one);
    }
    if (threaded)
        pthread_join(thread, NULL);
    malloc_trim(0);
    for (int i = 0; i < slots; i++)
        if (block[i].at)
            let_go(&block[i]);
}

/* All is well again when the system is: nothing refused, nothing kept. */
static void afterwards(long rss_before)
{
    static void *block[3000];
    for (int i = 0; i < 3000; i++) {
        block[i] = malloc(20000);
        CHECK(block[i], "refused after the failures ended: errno %d", errno);
        if (block[i])
            memset(block[i], 1, 20000);
    }
    for (int i = 0; i < 3000; i++)
        free(block[i]);
    void *large = malloc(64 * MIB);
    CHECK(large, "64 MiB refused after the failures ended");
    free(large);
    malloc_trim(0);
    shared->grown_kib = t_rss_kib() - rss_before;
}

static void workload(int rounds)
{
    long rss_before = t_rss_kib();
    t_failures = 0;
    for (int i = 0; i < rounds; i++)
        one_round((uint64_t)i + 1);
    __atomic_store_n(&shared->on, false, __ATOMIC_SEQ_CST);
    afterwards(rss_before);
    _exit(t_failures ? 1 : 0);
}

/* --- the listener ----------------------------------------------------------- */

static int listen_to_calls(void)
{
    static const int watched[] = {SYS_mmap, SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap};
    struct sock_filter code[32];
    size_t at = 0;
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        code[at++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)watched[i], 0, 1);
        code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)at, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

static void send_fd(int socket, int fd)
{
    char byte = fd < 0, space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec io = {&byte, 1};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    if (sendmsg(socket, &message, 0) < 0)
        _exit(3);
}

static int receive_fd(int socket)
{
    int fd = -1;
    char byte, space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec io = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (recvmsg(socket, &message, 0) <= 0 || !CMSG_FIRSTHDR(&message))
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* Whether the allocator under test made the call, by the mapping it stands in. */
static bool by_allocator(pid_t pid, uint64_t address)
{
    char path[64], line[512];
    const char *drop_in = getenv("ALLOT_MALLOC");
    const char *slash = drop_in ? strrchr(drop_in, '/') : NULL;
    bool found = false;
    if (!slash)
        return false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && address >= from && address < to)
            found = strstr(line, slash) != NULL;
    }
    if (maps)
        fclose(maps);
    return found;
}

static int usual_error(int call)
{
    return call == SYS_madvise ? EINVAL : ENOMEM;
}

static bool fails(const struct plan *plan, const struct seccomp_notif *notice)
{
    if (plan->start ? !by_allocator((pid_t)notice->pid, notice->data.instruction_pointer)
                    : !__atomic_load_n(&shared->on, __ATOMIC_SEQ_CST))
        return false;
    long number = ++shared->calls;
    if (!plan->first || number < plan->first)
        return false;
    return plan->step ? (number - plan->first) % plan->step == 0 : number == plan->first;
}

static void answer(int listener, const struct plan *plan)
{
    struct seccomp_notif notice = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) != 0)
        return;
    struct seccomp_notif_resp reply = {.id = notice.id};
    if (fails(plan, &notice)) {
        reply.error = -(plan->error ? plan->error : usual_error(notice.data.nr));
        shared->failed++;
    } else {
        reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

static void child(int socket, const struct plan *plan, char **argv)
{
    int listener = listen_to_calls();
    send_fd(socket, listener);
    if (listener < 0)
        _exit(T_SKIP);
    close(listener);
    close(socket);
    if (plan->start) {
        setenv("LD_PRELOAD", getenv("ALLOT_MALLOC"), 1);
        setenv("ALLOT_TEST_AGAIN", "1", 1);
        execv("/proc/self/exe", argv);
        _exit(126);
    }
    workload(plan->rounds);
}

static long now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Runs the workload once; the wait status, or -1 for one that hung. */
static int run_once(const struct plan *plan, char **argv)
{
    int sockets[2], status = 0;
    *shared = (struct shared){.on = !plan->start};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        close(sockets[0]);
        child(sockets[1], plan, argv);
    }
    close(sockets[1]);
    int listener = receive_fd(sockets[0]);
    close(sockets[0]);
    if (listener < 0)
        SKIP("no seccomp listener here");
    long deadline = now_ms() + 30000;
    for (;;) {
        struct pollfd wait = {listener, POLLIN, 0};
        if (poll(&wait, 1, 20) > 0 && wait.revents & POLLIN)
            answer(listener, plan);
        if ((wait.revents & POLLHUP || wait.revents == 0) && waitpid(pid, &status, WNOHANG) == pid)
            break;
        if (now_ms() > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            status = -1;
            break;
        }
    }
    close(listener);
    return status;
}

/* What the allocator keeps when nothing fails is not a loss. */
static long kept_kib[2];

static void sweep_one(struct plan plan, char **argv)
{
    int status = run_once(&plan, argv);
    long lost = shared->grown_kib - kept_kib[plan.rounds > 1];
    CHECK(status != -1, "hangs: first %ld, step %ld, errno %d", plan.first, plan.step, plan.error);
    CHECK(status == 0, "status %x: first %ld, step %ld, errno %d, %ld of %ld calls failed", status,
          plan.first, plan.step, plan.error, shared->failed, shared->calls);
    CHECK(lost < 12 * 1024, "%ld KiB lost: first %ld, step %ld, errno %d, %d rounds", lost,
          plan.first, plan.step, plan.error, plan.rounds);
}

static long count_calls(struct plan plan, char **argv)
{
    int status = run_once(&plan, argv);
    REQUIRE(status == 0, "without a failure: status %x", status);
    kept_kib[plan.rounds > 1] = shared->grown_kib;
    return shared->calls;
}

static void sweep(const char *mode, char **argv)
{
    long runs = t_env("ALLOT_TEST_SWEEP", 80);
    struct plan plan = {.rounds = 1, .start = !strcmp(mode, "start")};
    long calls = count_calls(plan, argv), stride = calls / runs + 1;
    t_say("%s: %ld calls, every %ld. of them is tried", mode, calls, stride);
    if (!strcmp(mode, "every")) {
        count_calls((struct plan){.rounds = 10}, argv);
        static const int steps[] = {1, 2, 3, 5, 7, 13, 29, 61};
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            for (int rounds = 1; rounds <= 10; rounds += 9) {
                sweep_one((struct plan){1, steps[i], 0, rounds, false}, argv);
                sweep_one((struct plan){1, steps[i], EPERM, rounds, false}, argv);
            }
        return;
    }
    if (calls == 0)
        SKIP("%s: the allocator makes no calls that can be told from the C library's", mode);
    plan.step = !strcmp(mode, "from") ? 1 : 0;
    for (plan.first = 1; plan.first <= calls; plan.first += stride)
        sweep_one(plan, argv);
}

int main(int argc, char **argv)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (getenv("ALLOT_TEST_AGAIN"))
        workload(1);
    const char *drop_in = getenv("ALLOT_MALLOC");
    if (argc > 1 && !strcmp(argv[1], "start") && (!drop_in || !*drop_in))
        SKIP("the C library's own start cannot be told from its other calls");
    sweep(argc > 1 ? argv[1] : "nth", argv);
    return t_done();
}

/* Counts, by single steps, the instructions that malloc and free of a library really execute.
 *
 *     steps LIBRARY
 *
 * A child loads the library, warms it up and then allocates and frees in the ways a hit is
 * meant for; its parent steps it through each call, from the first instruction of the function to
 * the return address. Prints, for each function, the count that most calls had, and the share
 * of the calls that had it:
 *
 *     malloc 24 98
 *
 * Exit status 77: this machine cannot single-step. */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 200, MAX_STEPS = 4000, CANNOT = 77 };

struct function {
    const char *name;
    void *(*call)(uintptr_t);
    unsigned counts[MAX_STEPS];
    unsigned calls;
};

static struct function functions[] = {{.name = "malloc"}, {.name = "free"}};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static int load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!library) {
        fprintf(stderr, "steps: %s\n", dlerror());
        return -1;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        void *symbol = dlsym(library, functions[i].name);
        if (!symbol)
            return -1;
        memcpy(&functions[i].call, &symbol, sizeof symbol);
    }
    return 0;
}

/* Ping-pong, then a burst: both are hits once the slot is filled. */
static void exercise(int rounds)
{
    void *(*volatile take)(uintptr_t) = functions[0].call;
    void *(*volatile give)(uintptr_t) = functions[1].call;
    void *burst[8];

    for (int i = 0; i < rounds; i++)
        give((uintptr_t)take(32));
    for (int i = 0; i < rounds / 8; i++) {
        for (int j = 0; j < 8; j++)
            burst[j] = take(32);
        for (int j = 0; j < 8; j++)
            give((uintptr_t)burst[j]);
    }
}

static void child(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        _exit(CANNOT);
    exercise(5000);
    raise(SIGSTOP);
    exercise(ROUNDS);
    _exit(0);
}

/* One step; false when the child is gone. */
static int step(pid_t pid, struct user_regs_struct *regs)
{
    int status;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
        return 0;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return 0;
    return !ptrace(PTRACE_GETREGS, pid, NULL, regs);
}

static struct function *function_at(uint64_t at)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        if ((uint64_t)(uintptr_t)functions[i].call == at)
            return &functions[i];
    }
    return NULL;
}

/* The child is at the first instruction of `f`; steps until it has returned. */
static int count_call(pid_t pid, struct function *f, struct user_regs_struct *regs)
{
    uint64_t stack = regs->rsp;
    uint64_t back;
    unsigned steps = 0;

    errno = 0;
    back = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)stack, NULL);
    if (errno)
        return 0;
    do {
        if (!step(pid, regs))
            return 0;
        steps++;
    } while (!(regs->rip == back && regs->rsp == stack + 8));
    f->counts[steps < MAX_STEPS ? steps : MAX_STEPS - 1]++;
    f->calls++;
    return 1;
}

static void print(const struct function *f)
{
    unsigned most = 0;

    for (unsigned i = 0; i < MAX_STEPS; i++) {
        if (f->counts[i] > f->counts[most])
            most = i;
    }
    printf("%s %u %u\n", f->name, most, f->counts[most] * 100 / f->calls);
}

int main(int argc, char **argv)
{
    struct user_regs_struct regs;
    struct function *f;
    pid_t pid;
    int status;

    if (argc != 2 || load(argv[1]))
        return 2;
    pid = fork();
    if (pid == 0)
        child();
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return CANNOT;
    while (step(pid, &regs)) {
        f = function_at(regs.rip);
        if (f && !count_call(pid, f, &regs))
            break;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        if (functions[i].calls < ROUNDS)
            return CANNOT;
        print(&functions[i]);
    }
    return 0;
}

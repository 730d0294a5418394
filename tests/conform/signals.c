/* A signal pending from before the program began, and a storm of them while
 * every kind of allocator call runs: no call fails or loses data.
 */
#include "t.h"
#include <malloc.h>
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks, users;

static void on_alarm(int sig)
{
    (void)sig;
    ticks++;
}

static void on_user(int sig)
{
    (void)sig;
    users++;
}

static void start_again_with_pending(char **argv)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    setenv("ALLOT_TEST_AGAIN", "1", 1);
    execv("/proc/self/exe", argv);
    REQUIRE(false, "execv: %d", errno);
}

static void unblock_pending(void)
{
    sigset_t set;
    CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1), "SIGUSR1 is no longer pending");
    signal(SIGUSR1, on_user);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    CHECK(users == 1, "the handler ran %d times", (int)users);
}

static void storm(void)
{
    enum { slots = 200 };
    static unsigned char *block[slots];
    static size_t size_of[slots];
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    uint64_t seed = 4;
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int step = 0; ticks < 1500 && step < 3000000; step++) {
        unsigned i = t_random(&seed) % slots;
        size_t probe = size_of[i] < 500 ? size_of[i] : 500;
        CHECK(t_holds(block[i], probe, i), "block %u", i);
        size_of[i] = t_random(&seed) % (step % 40 ? 2000 : 1000000);
        if (t_random(&seed) % 3) {
            free(block[i]);
            block[i] = malloc(size_of[i]);
        } else {
            block[i] = realloc(block[i], ++size_of[i]);
        }
        REQUIRE(block[i], "out of memory: errno %d", errno);
        t_fill(block[i], size_of[i] < 500 ? size_of[i] : 500, i);
        if (step % 5000 == 0)
            malloc_trim(0);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(ticks > 50, "%d signals only", (int)ticks);
    for (int i = 0; i < slots; i++)
        free(block[i]);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!getenv("ALLOT_TEST_AGAIN"))
        start_again_with_pending(argv);
    unblock_pending();
    storm();
    return t_done();
}

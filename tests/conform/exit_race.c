/* The program exits while threads allocate and free: no crash and no hang. */
#include "t.h"
#include <pthread.h>
#include <sys/wait.h>

static void *exchange[256];

static void *busy(void *arg)
{
    uint64_t seed = (uintptr_t)arg * 77 + 1;
    for (;;) {
        size_t slot = t_random(&seed) % 256;
        void *block = malloc(t_random(&seed) % (t_random(&seed) % 50 ? 3000 : 300000));
        free(__atomic_exchange_n(&exchange[slot], block, __ATOMIC_ACQ_REL));
    }
    return NULL;
}

static void late(void)
{
    for (int i = 0; i < 100; i++)
        free(malloc((size_t)i * 50));
}

static void child(int round)
{
    pthread_t thread;
    atexit(late);
    for (uintptr_t i = 0; i < 6; i++)
        pthread_create(&thread, NULL, busy, (void *)(i + (uintptr_t)round));
    struct timespec pause = {0, round % 10 * 300000};
    nanosleep(&pause, NULL);
    if (round % 4 == 3)
        quick_exit(7);
    exit(7);
}

int main(void)
{
    long rounds = t_env("ALLOT_TEST_EXITS", 300);
    for (int round = 0; round < rounds; round++) {
        pid_t pid = fork();
        if (pid == 0)
            child(round);
        int status = 0;
        REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7, "round %d: status %x", round, status);
    }
    return t_done();
}

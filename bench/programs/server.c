/* A server: requests replace objects of a session, and a session outlives the thread that serves
 * it. After the idea of Larson and Krishnan, "Memory allocation for long-running server
 * applications" (ISMM 1998).
 *
 * Each thread owns a set of blocks, replaces random ones for a while, then hands the set to a new
 * thread and exits, so that most frees are of blocks another thread allocated, often a dead one. */
#include "workload.h"

enum { BLOCKS = 1000, GENERATIONS = 50 };

struct session {
    void *blocks[BLOCKS];
    uint64_t seed, bytes;
};

static struct session sessions[THREADS_MAX];
static size_t requests;

static void *session_serve(void *argument)
{
    struct session *session = argument;
    for (size_t i = 0; i < requests; i++) {
        size_t at = random_below(&session->seed, BLOCKS);
        size_t size = 8 + random_below(&session->seed, 992);
        free(session->blocks[at]);
        session->blocks[at] = block_new(size);
        session->bytes += size;
    }
    return NULL;
}

static void *session_run(void *argument)
{
    struct session *session = &sessions[(uintptr_t)argument];
    session->seed = (uintptr_t)argument + 1;
    for (int generation = 0; generation < GENERATIONS; generation++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, session_serve, session))
            abort();
        pthread_join(thread, NULL);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(session->blocks[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = (unsigned)argument(argc, argv, 1, 4);
    uint64_t bytes = 0;
    requests = argument(argc, argv, 2, 60 * 1000);
    threads_run(threads, session_run);
    for (unsigned i = 0; i < threads; i++)
        bytes += sessions[i].bytes;
    printf("server: %llu bytes\n", (unsigned long long)bytes);
    return 0;
}

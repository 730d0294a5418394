/* A pool of connections that threads share.
 *
 *     example_connections THREADS REQUESTS CONNECTIONS
 *
 * Each thread makes REQUESTS requests, each over a connection that it takes from the pool. A
 * connection is dear to open (here: a pair of sockets), so it stays open while it is in the pool:
 * the pool's constructor opens it when it is handed out for the first time, its destructor closes
 * it. There are never more than CONNECTIONS of them; who finds none waits for one to be put back.
 */
#include <allot/allot.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS_MAX = 64, REQUESTS_MAX = 1000000, CONNECTIONS_MAX = 100 };

struct connection {
    int near, far;
    size_t requests;
};

struct bank {
    allot_pool connections;
    size_t opened; /* constructors may run in several threads at once */
    size_t closed;
    size_t answered;       /* by all connections, told when they are closed */
    size_t requests;       /* of each thread */
    pthread_mutex_t mutex; /* of the waiting, not of the pool */
    pthread_cond_t put;
};

static allot_status open_connection(void *object, void *arg)
{
    struct connection *c = object;
    struct bank *bank = arg;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -ENOMEM;
    *c = (struct connection){.near = ends[0], .far = ends[1]};
    __atomic_fetch_add(&bank->opened, 1, __ATOMIC_RELAXED);
    return 0;
}

static void close_connection(void *object, void *arg)
{
    struct connection *c = object;
    struct bank *bank = arg;

    close(c->near);
    close(c->far);
    bank->closed++;
    bank->answered += c->requests;
}

static bool is_full(allot_pool *pool)
{
    struct allot_pool_stats stats;

    allot_pool_stats_get(pool, &stats);
    return stats.live_objects >= stats.max_objects;
}

/* The pool is at its cap: what is asked for is in the hands of other threads. */
static bool wait_for_put(allot_pool *pool, void *arg)
{
    struct bank *bank = arg;

    pthread_mutex_lock(&bank->mutex);
    while (is_full(pool))
        pthread_cond_wait(&bank->put, &bank->mutex);
    pthread_mutex_unlock(&bank->mutex);
    return true;
}

/* The far end is answered here, too, to keep the example small. */
static bool request(struct connection *c, uint32_t question)
{
    uint32_t seen, answer;

    if (write(c->near, &question, sizeof question) != sizeof question ||
        read(c->far, &seen, sizeof seen) != sizeof seen)
        return false;
    seen++;
    if (write(c->far, &seen, sizeof seen) != sizeof seen ||
        read(c->near, &answer, sizeof answer) != sizeof answer)
        return false;
    c->requests++;
    return answer == question + 1;
}

/* The pool asks once to be helped, and then tries once more. What was put may be another thread's
 * by then: the cap is reached again, and again there is something to wait for. */
static struct connection *take(struct bank *bank)
{
    struct connection *c;

    do
        c = allot_pool_get(&bank->connections);
    while (c == NULL && allot_last_error().cause == ALLOT_CAUSE_EXHAUSTED);
    return c;
}

/* Also after a take that failed: what could not be opened is no longer in anybody's hands. The
 * mutex is taken so that nobody is between looking and waiting. */
static void give(struct bank *bank, struct connection *c)
{
    allot_pool_put(&bank->connections, c);
    pthread_mutex_lock(&bank->mutex);
    pthread_cond_signal(&bank->put);
    pthread_mutex_unlock(&bank->mutex);
}

static void *work(void *arg)
{
    struct bank *bank = arg;

    for (size_t i = 0; i < bank->requests; i++) {
        struct connection *c = take(bank);
        bool good = c != NULL && request(c, (uint32_t)i);

        give(bank, c);
        if (!good)
            return arg;
    }
    return NULL;
}

static bool run_threads(struct bank *bank, size_t count)
{
    pthread_t threads[THREADS_MAX];
    size_t started = 0;
    bool good = true;

    while (started < count && pthread_create(&threads[started], NULL, work, bank) == 0)
        started++;
    for (size_t i = 0; i < started; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        good = good && failed == NULL;
    }
    return good && started == count;
}

static size_t number(const char *text, size_t max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    return *text != '\0' && *end == '\0' && n <= max ? n : 0;
}

int main(int argc, char **argv)
{
    static struct bank bank = {.mutex = PTHREAD_MUTEX_INITIALIZER, .put = PTHREAD_COND_INITIALIZER};
    struct allot_pool_options options = {.object_bytes = sizeof(struct connection),
                                         .chunk_objects = 16,
                                         .flags = ALLOT_POOL_SHARED,
                                         .construct = open_connection,
                                         .destroy = close_connection,
                                         .reclaim = wait_for_put,
                                         .arg = &bank,
                                         .name = "connections"};
    size_t threads = argc == 4 ? number(argv[1], THREADS_MAX) : 0;
    char text[128];
    bool good;

    if (threads != 0) {
        bank.requests = number(argv[2], REQUESTS_MAX);
        options.max_objects = number(argv[3], CONNECTIONS_MAX);
    }
    if (bank.requests == 0 || options.max_objects == 0) {
        fprintf(stderr, "usage: connections THREADS REQUESTS CONNECTIONS\n");
        return 2;
    }
    if (allot_pool_init(&bank.connections, &options) != 0) {
        fprintf(stderr, "connections: %s\n",
                allot_error_text(allot_last_error(), text, sizeof text));
        return 1;
    }
    good = run_threads(&bank, threads);
    allot_pool_release(&bank.connections);
    printf("%zu requests, %zu opened, %zu closed\n", bank.answered, bank.opened, bank.closed);
    return good ? 0 : 1;
}

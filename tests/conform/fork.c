/* fork in a threaded program: the child allocates, uses stdio, starts threads
 * and forks again.
 *
 * The variant is the first argument. A child that hangs is found by its
 * parent, which looks at a deadline of its own and kills it by its id.
 */
#include "t.h"
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { thread_count = 8, slots = 128 };
static void *exchange[slots];
static volatile bool stop;

static long forks(void)
{
    return t_env("ALLOT_TEST_FORKS", 10000);
}

static long now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void wait_for(pid_t pid, long limit_ms, const char *who, long round)
{
    int status = 0;
    long deadline = now_ms() + limit_ms;
    struct timespec nap = {0, 50000};
    pid_t got;
    while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < deadline) {
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 2000000)
            nap.tv_nsec *= 2;
    }
    if (got == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        REQUIRE(false, "%s: child of fork %ld hangs", who, round);
    }
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: child of fork %ld: status %x", who,
            round, status);
}

/* Naps, so that eight threads on two processors leave time for the forks. */
static void *churn(void *arg)
{
    uint64_t seed = (uintptr_t)arg * 7919 + 1;
    struct timespec nap = {0, 300000};
    while (!stop) {
        uint64_t r = t_random(&seed);
        if (r % 256 == 7)
            nanosleep(&nap, NULL);
        size_t size = r % 2048 ? r % 1000 : r % 400000;
        void *block = r & 1 << 20 ? calloc(1, size) : malloc(size);
        if (r & 1 << 21)
            block = realloc(block, size * 2 + 1);
        if (r & 1 << 22)
            block = __atomic_exchange_n(&exchange[(r >> 32) % slots], block, __ATOMIC_ACQ_REL);
        free(block);
    }
    return NULL;
}

static void *stdio_churn(void *arg)
{
    (void)arg;
    FILE *null = fopen("/dev/null", "w");
    while (!stop) {
        fprintf(null, "%d %s\n", 1, "text");
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        fprintf(stream, "%0500d", 7);
        fclose(stream);
        free(text);
        fflush(NULL);
        FILE *again = fopen("/proc/self/comm", "r");
        char *line = NULL;
        size = 0;
        CHECK(getline(&line, &size, again) > 0, "getline");
        free(line);
        fclose(again);
    }
    fclose(null);
    return NULL;
}

static void *one_thread(void *arg)
{
    void *block = malloc(1000);
    memset(block, 1, 1000);
    free(block);
    return malloc((size_t)(uintptr_t)arg);
}

/* Everything a child may do to the heap, with blocks of its parent's threads. */
static void child_heap(void)
{
    void *own[200];
    for (int i = 0; i < 200; i++)
        t_fill(own[i] = malloc((size_t)i * 40), (size_t)i * 40, (unsigned)i);
    for (int i = 0; i < slots; i++) {
        free(exchange[i]);
        exchange[i] = NULL;
    }
    void *large = malloc(2 << 20);
    memset(large, 1, 2 << 20);
    large = realloc(large, 5 << 20);
    free(large);
    malloc_trim(0);
    mallinfo2();
    for (int i = 0; i < 200; i++) {
        if (!t_holds(own[i], (size_t)i * 40, (unsigned)i))
            _exit(3);
        free(own[i]);
    }
}

static void child_threads(void)
{
    pthread_t thread[4];
    for (uintptr_t i = 0; i < 4; i++)
        if (pthread_create(&thread[i], NULL, one_thread, (void *)(i * 100)))
            _exit(4);
    for (int i = 0; i < 4; i++) {
        void *block;
        pthread_join(thread[i], &block);
        free(block);
    }
}

static void child_stdio(void)
{
    FILE *file = fopen("/dev/null", "w");
    if (!file)
        _exit(5);
    fprintf(file, "%f %s", 1.5, "child");
    fclose(file);
    char *text = NULL;
    if (asprintf(&text, "%0300d", 1) != 300)
        _exit(6);
    free(text);
    malloc_info(0, file = fopen("/dev/null", "w"));
    fclose(file);
}

static void start(pthread_t *thread, void *(*body)(void *))
{
    for (uintptr_t i = 0; i < thread_count; i++)
        REQUIRE(!pthread_create(&thread[i], NULL, body, (void *)i), "pthread_create");
    t_sleep_ms(20);
}

static void finish(pthread_t *thread)
{
    stop = true;
    for (int i = 0; i < thread_count; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < slots; i++)
        free(exchange[i]);
}

static void fork_each(long rounds, const char *who, void (*child)(long))
{
    for (long round = 0; round < rounds; round++) {
        pid_t pid = fork();
        REQUIRE(pid >= 0, "fork: errno %d", errno);
        if (pid == 0) {
            child(round);
            _exit(t_failures ? 1 : 0);
        }
        wait_for(pid, 20000, who, round);
        free(malloc((size_t)round % 5000));
    }
}

static void many_child(long round)
{
    free(malloc(100));
    if (round % 100 == 0)
        child_heap();
    void *block = calloc(3, (size_t)round % 70000 + 1);
    if (!t_zero(block, 3))
        _exit(2);
    free(block);
}

static void many(void)
{
    pthread_t thread[thread_count];
    start(thread, churn);
    fork_each(forks(), "many", many_child);
    finish(thread);
}

static void busy_child(long round)
{
    child_heap();
    if (round % 4 == 0)
        child_threads();
    pid_t pid = fork();
    if (pid == 0) {
        child_heap();
        child_stdio();
        exit(0);
    }
    wait_for(pid, 15000, "grandchild", round);
    child_stdio();
    if (round % 3 == 0)
        exit(0);
}

static void again(void)
{
    pthread_t thread[thread_count];
    start(thread, churn);
    fork_each(forks() / 100, "again", busy_child);
    finish(thread);
}

static void stdio_child(long round)
{
    child_stdio();
    child_heap();
    if (round & 1)
        exit(0);
}

/* Threads hold stdio's locks inside the allocator and the other way round. */
static void stdio(void)
{
    pthread_t thread[thread_count];
    start(thread, stdio_churn);
    fork_each(forks() / 50, "stdio", stdio_child);
    finish(thread);
}

static _Thread_local void *before_block;

static void handler_prepare(void)
{
    before_block = malloc(1234);
    free(calloc(1, 100000));
}

static void handler_after(void)
{
    before_block = realloc(before_block, 70000);
    free(before_block);
    free(malloc(99));
}

/* Handlers of the program's own run around those of the allocator. */
static void handlers(void)
{
    pthread_t thread[thread_count];
    pthread_atfork(handler_prepare, handler_after, handler_after);
    start(thread, churn);
    fork_each(forks() / 50, "handlers", many_child);
    finish(thread);
}

static void *forker(void *arg)
{
    (void)arg;
    for (long round = 0; round < forks() / 200; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            many_child(round);
            _exit(0);
        }
        wait_for(pid, 20000, "forker", round);
    }
    return NULL;
}

/* Several threads fork at the same time. */
static void together(void)
{
    pthread_t thread[thread_count], fork_thread[4];
    start(thread, churn);
    for (int i = 0; i < 4; i++)
        pthread_create(&fork_thread[i], NULL, forker, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(fork_thread[i], NULL);
    finish(thread);
}

static volatile long forks_in_handler;

/* Once: armed again by the handler, so that the program gets on between two. */
static void alarm_soon(long microseconds)
{
    struct itimerval once = {{0, 0}, {0, microseconds}};
    setitimer(ITIMER_REAL, &once, NULL);
}

static void fork_now(int sig)
{
    (void)sig;
    int saved = errno;
    pid_t pid = forks_in_handler & 1 ? _Fork() : fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0) {
        int status;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        forks_in_handler++;
    }
    alarm_soon(500);
    errno = saved;
}

/* One thread: a signal interrupts the allocator at any place and forks. */
static void from_handler(void)
{
    uint64_t seed = 5;
    signal(SIGALRM, fork_now);
    alarm_soon(500);
    long deadline = now_ms() + 20000, wanted = forks() / 20;
    void *block[100] = {0};
    for (long step = 0; forks_in_handler < wanted && now_ms() < deadline; step++) {
        unsigned i = t_random(&seed) % 100;
        free(block[i]);
        block[i] = malloc(t_random(&seed) % (step % 50 ? 2000 : 300000));
    }
    signal(SIGALRM, SIG_IGN);
    CHECK(forks_in_handler > 10, "%ld forks only", forks_in_handler);
    for (int i = 0; i < 100; i++)
        free(block[i]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } variant[] = {{"many", many},         {"again", again},       {"stdio", stdio},
                   {"handlers", handlers}, {"together", together}, {"from_handler", from_handler}};
    for (size_t i = 0; i < sizeof variant / sizeof *variant; i++)
        if (argc < 2 || !strcmp(argv[1], variant[i].name)) {
            variant[i].run();
            stop = false;
            memset(exchange, 0, sizeof exchange);
        }
    return t_done();
}

/* Threads and processes that come and go, and what a process holds when it goes idle. */
#define _GNU_SOURCE
#include "micro.h"

#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHURN_OBJECTS = 200, WORKERS = 3, OBJECTS_MAX = 400 * 1000, IDLE_MS = 2000 };

/* A thread allocates, frees half of it and exits; its creator frees the rest. */
static void *churn_thread(void *argument)
{
    void **objects = argument;
    for (size_t i = 0; i < CHURN_OBJECTS; i++)
        objects[i] = touched(malloc(16 + i % 32 * 32));
    for (size_t i = 0; i < CHURN_OBJECTS; i += 2)
        free(objects[i]);
    return NULL;
}

static void churn_pass(size_t threads)
{
    static void *objects[CHURN_OBJECTS];
    pthread_t thread;
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&thread, NULL, churn_thread, objects))
            process_fail("no thread");
        pthread_join(thread, NULL);
        for (size_t at = 1; at < CHURN_OBJECTS; at += 2)
            free(objects[at]);
    }
}

static void thread_churn(struct context *context)
{
    size_t threads = scaled(context, 400);
    churn_pass(threads / 4 + 1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        churn_pass(threads);
        meter_stop((double)threads);
    }
    meter_note("rss_after_mib", (double)process_rss_kib() / 1024);
}

static char trivial_path[4096];

static void trivial_find(void)
{
    static const char name[] = "trivial";
    ssize_t length = readlink("/proc/self/exe", trivial_path, sizeof trivial_path - sizeof name);
    char *slash = length > 0 ? strrchr(trivial_path, '/') : NULL;
    if (!slash)
        process_fail("no path to the program itself");
    memcpy(slash + 1, name, sizeof name);
}

static void trivial_run(char *argument, int output)
{
    char *argv[] = {trivial_path, argument, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&actions);
    if (output >= 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (posix_spawn(&child, trivial_path, &actions, NULL, argv, environ))
        process_fail("cannot start the trivial program");
    posix_spawn_file_actions_destroy(&actions);
    if (waitpid(child, &status, 0) != child || status)
        process_fail("the trivial program failed");
}

/* The program reports its own peak: what wait4 says would start from its parent's. */
static double trivial_peak_kib(void)
{
    static char option[] = "--peak";
    char text[32] = "";
    int ends[2];
    if (pipe(ends))
        process_fail("no pipe");
    trivial_run(option, ends[1]);
    if (read(ends[0], text, sizeof text - 1) <= 0)
        process_fail("the trivial program said nothing");
    close(ends[0]);
    close(ends[1]);
    return (double)strtoul(text, NULL, 10);
}

static void startup(struct context *context)
{
    size_t runs = scaled(context, 40);
    trivial_find();
    trivial_run(NULL, -1);
    for (unsigned pass = 0; pass < context->passes; pass++) {
        meter_start();
        for (size_t i = 0; i < runs; i++)
            trivial_run(NULL, -1);
        meter_stop((double)runs);
    }
    meter_note("trivial_peak_kib", trivial_peak_kib());
}

static void startup_rss(struct context *context)
{
    trivial_find();
    for (unsigned pass = 0; pass < context->passes; pass++)
        meter_value(trivial_peak_kib() / 1024);
}

/* Fragmentation: every worker allocates a share, the survivors are drawn at random over all shares,
 * every worker frees an equal part of the rest (two thirds of it another worker's), then all sit
 * still, alive. The measure is what the process still holds. */
static struct {
    void *objects[OBJECTS_MAX];
    uint32_t order[OBJECTS_MAX];
    uint32_t sizes[OBJECTS_MAX];
    size_t count, freed;
    pthread_barrier_t step;
} frag;

static size_t frag_size(uint64_t *seed)
{
    uint64_t kind = random_next(seed) % 1000;
    if (kind < 800)
        return 16 + random_next(seed) % 496;
    if (kind < 950)
        return 512 + random_next(seed) % (8 << 10);
    if (kind < 995)
        return (8 << 10) + random_next(seed) % (56 << 10);
    return (64 << 10) + random_next(seed) % (448 << 10);
}

static void frag_plan(size_t count, size_t freed)
{
    uint64_t seed = 99;
    frag.count = count;
    frag.freed = freed;
    for (size_t i = 0; i < count; i++) {
        frag.order[i] = (uint32_t)i;
        frag.sizes[i] = (uint32_t)frag_size(&seed);
    }
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = random_next(&seed) % (i + 1);
        uint32_t swap = frag.order[i];
        frag.order[i] = frag.order[other];
        frag.order[other] = swap;
    }
    memset(frag.objects, 0, sizeof frag.objects);
}

static void frag_share(size_t worker)
{
    for (size_t i = worker; i < frag.count; i += WORKERS) {
        frag.objects[i] = escape(malloc(frag.sizes[i]));
        if (!frag.objects[i])
            process_fail("out of memory");
        memset(frag.objects[i], 1, frag.sizes[i]);
    }
    pthread_barrier_wait(&frag.step);
    for (size_t i = worker; i < frag.freed; i += WORKERS) {
        free(frag.objects[frag.order[i]]);
        frag.objects[frag.order[i]] = NULL;
    }
    pthread_barrier_wait(&frag.step);
}

static void *frag_worker(void *argument)
{
    frag_share((size_t)(uintptr_t)argument);
    pthread_barrier_wait(&frag.step);
    return NULL;
}

static double frag_live_mib(void)
{
    size_t bytes = 0;
    for (size_t i = frag.freed; i < frag.count; i++)
        bytes += frag.sizes[frag.order[i]];
    return (double)bytes / (1 << 20);
}

static void idle_rss(struct context *context)
{
    pthread_t workers[WORKERS];
    size_t count = scaled(context, 100 * 1000), before_kib;
    frag_plan(count, count / 100 * context->row->argument);
    before_kib = process_rss_kib();
    pthread_barrier_init(&frag.step, NULL, WORKERS);
    for (uintptr_t i = 1; i < WORKERS; i++)
        if (pthread_create(&workers[i], NULL, frag_worker, (void *)i))
            process_fail("no thread");
    frag_share(0);
    meter_note("rss_freed_mib", (double)(process_rss_kib() - before_kib) / 1024);
    process_sleep_ms(IDLE_MS);
    meter_value((double)(process_rss_kib() - before_kib) / 1024);
    meter_note("live_mib", frag_live_mib());
    pthread_barrier_wait(&frag.step);
    for (size_t i = 1; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
}

const struct row lifecycle_rows[] = {
    {"thread-churn", thread_churn, 0, "us"},      {"startup-time", startup, 0, "us"},
    {"startup-rss", startup_rss, 0, "MiB"},       {"idle-rss", idle_rss, 90, "MiB"},
    {"idle-rss-all-freed", idle_rss, 100, "MiB"}, {0},
};

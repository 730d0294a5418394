/* The process that runs a plan (replay.h) with whatever malloc it was started with. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "replay.h"

enum { SAMPLES = 1000, PAGE = 4096 };

static struct plan *plan;
static pthread_barrier_t gate;
static _Atomic(bool) failed;
static _Atomic(uint64_t) peak_bytes;
static int statm = -1;

/* --- measuring ----------------------------------------------------------------------------- */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Resident memory that belongs to no file; the plan is one. */
static uint64_t anonymous_bytes(void)
{
    char text[128];
    ssize_t got = pread(statm, text, sizeof text - 1, 0);
    char *at = text;
    unsigned long resident, shared;

    if (got <= 0)
        return 0;
    text[got] = '\0';
    (void)strtoul(at, &at, 10);
    resident = strtoul(at, &at, 10);
    shared = strtoul(at, &at, 10);
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void sample(void)
{
    uint64_t bytes = anonymous_bytes(), peak = atomic_load(&peak_bytes);

    while (bytes > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, bytes))
        ;
}

/* --- contents ------------------------------------------------------------------------------ */

static void fail(const char *what, const struct plan_op *op, const void *p, uint64_t size)
{
    if (atomic_exchange(&failed, true))
        return;
    snprintf(plan->result.error, sizeof plan->result.error, "%s: allocation %u, %llu bytes at %p",
             what, op->id, (unsigned long long)size, p);
}

static unsigned char pattern(uint64_t id)
{
    return (unsigned char)(id * 167 + 13);
}

static bool all_are(const unsigned char *p, size_t size, unsigned char byte)
{
    return size == 0 || (p[0] == byte && memcmp(p, p + 1, size - 1) == 0);
}

static void check_new(const struct plan_op *op, const unsigned char *p)
{
    if (((uintptr_t)p & ((UINT64_C(1) << op->align_log2) - 1)) != 0)
        fail("misaligned", op, p, op->size);
    if (op->zero && op->op == ALLOT_TRACE_ALLOC && !all_are(p, op->size, 0))
        fail("not zero", op, p, op->size);
}

static void check_old(const struct plan_op *op, const void *p, uint64_t size, uint64_t id)
{
    if (!all_are(p, size, pattern(id)))
        fail("the contents were overwritten", op, p, size);
}

static void fill(unsigned char *p, uint64_t from, uint64_t size, uint64_t id)
{
    if (plan->check) {
        memset(p, pattern(id), size);
    } else if (plan->touch == TOUCH_ALL && size > from) {
        memset(p + from, 1, size - from);
    } else if (plan->touch == TOUCH_PAGE) {
        for (uint64_t at = from; at < size; at += PAGE)
            ((volatile unsigned char *)p)[at] = 1;
    }
}

/* --- operations ---------------------------------------------------------------------------- */

static void *wait_for(const struct plan_cell *cell)
{
    void *p;

    while ((p = atomic_load_explicit(&cell->pointer, memory_order_acquire)) == NULL) {
        if (atomic_load_explicit(&failed, memory_order_relaxed))
            return NULL;
        sched_yield();
    }
    return p;
}

static void *new_object(const struct plan_op *op)
{
    void *p;

    if (op->align_log2 > 4)
        return posix_memalign(&p, (size_t)1 << op->align_log2, op->size) == 0 ? p : NULL;
    return op->zero ? calloc(1, op->size) : malloc(op->size);
}

static void keep(const struct plan_op *op, struct plan_cell *cell, void *p, uint64_t had)
{
    if (p == NULL) {
        fail("the allocator gave NULL", op, p, op->size);
        return;
    }
    if (plan->check)
        check_new(op, p);
    fill(p, had, op->size, op->id);
    cell->size = op->size;
    cell->id = op->id;
    atomic_store_explicit(&cell->pointer, p, memory_order_release);
}

static void run_realloc(const struct plan_op *op, struct plan_cell *cells)
{
    struct plan_cell *before = &cells[op->before];
    void *p = wait_for(before);
    uint64_t had = before->size;
    void *q;

    if (p == NULL)
        return;
    if (plan->check)
        check_old(op, p, had, before->id);
    q = realloc(p, op->size);
    if (plan->check && q != NULL)
        check_old(op, q, had < op->size ? had : op->size, before->id);
    keep(op, &cells[op->slot], q, had);
}

static void run_free(const struct plan_op *op, struct plan_cell *cells)
{
    struct plan_cell *cell = &cells[op->slot];
    void *p = wait_for(cell);

    if (p != NULL && plan->check)
        check_old(op, p, cell->size, cell->id);
    free(p);
}

static void run_op(const struct plan_op *op, struct plan_cell *cells)
{
    switch (op->op) {
    case ALLOT_TRACE_ALLOC:
        keep(op, &cells[op->slot], new_object(op), 0);
        break;
    case ALLOT_TRACE_REALLOC:
        run_realloc(op, cells);
        break;
    case ALLOT_TRACE_FREE:
        run_free(op, cells);
        break;
    default:
        break;
    }
}

static void run_lane(uint32_t lane)
{
    const struct plan_op *ops = plan_ops(plan, lane);
    struct plan_cell *cells = plan_cells(plan);
    size_t count = plan->lane[lane].count, every = count / SAMPLES + 1;

    for (size_t i = 0; i < count; i++) {
        if (atomic_load_explicit(&failed, memory_order_relaxed))
            return;
        run_op(&ops[i], cells);
        if (plan->memory && i % every == 0)
            sample();
    }
}

static void *lane_body(void *arg)
{
    pthread_barrier_wait(&gate);
    run_lane((uint32_t)(uintptr_t)arg);
    return NULL;
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool start_lanes(pthread_t *threads)
{
    if (pthread_barrier_init(&gate, NULL, plan->lanes) != 0)
        return false;
    for (uint32_t i = 1; i < plan->lanes; i++)
        if (pthread_create(&threads[i], NULL, lane_body, (void *)(uintptr_t)i) != 0)
            return false;
    return true;
}

static void tell_provider(void)
{
    void *(*function)(size_t) = malloc;
    void *address;
    Dl_info info;

    memcpy(&address, &function, sizeof address);
    if (dladdr(address, &info) != 0 && info.dli_fname != NULL)
        snprintf(plan->result.provider, sizeof plan->result.provider, "%s", info.dli_fname);
}

static void run_all(void)
{
    pthread_t threads[LANES_MAX];
    uint64_t wall, cpu;

    if (!start_lanes(threads)) {
        snprintf(plan->result.error, sizeof plan->result.error, "no thread: %s", strerror(errno));
        return;
    }
    plan->result.start_bytes = anonymous_bytes();
    pthread_barrier_wait(&gate);
    wall = now_ns(CLOCK_MONOTONIC);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    run_lane(0);
    for (uint32_t i = 1; i < plan->lanes; i++)
        pthread_join(threads[i], NULL);
    plan->result.wall_ns = now_ns(CLOCK_MONOTONIC) - wall;
    plan->result.cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    sample();
    plan->result.end_bytes = anonymous_bytes();
    plan->result.peak_bytes = peak_bytes;
}

int verb_replay_worker(int argc, char **argv)
{
    char *end = NULL;
    long fd = argc == 2 ? strtol(argv[1], &end, 10) : -1;
    struct stat s;

    if (fd < 0 || *end != '\0' || fstat((int)fd, &s) != 0) {
        complain("replay-worker", "is started by allot replay only");
        return EXIT_USAGE;
    }
    plan = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (plan == MAP_FAILED || statm < 0) {
        complain("replay-worker", "%s", strerror(errno));
        return EXIT_OURS;
    }
    tell_provider();
    run_all();
    _exit(plan->result.error[0] == '\0' ? EXIT_GOOD : EXIT_FINDING);
}

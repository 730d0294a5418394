/* allot/oom.h - what a function does when memory runs out: each of its allocations made to fail.
 * Part of Allot. MIT licence.
 *
 *     static int parse(allot_allocator *a, void *arg)
 *     {
 *         struct tree *tree = tree_parse(a, arg);
 *
 *         if (tree != NULL)
 *             tree_free(a, tree);
 *         return 0;
 *     }
 *
 *     assert(allot_oom_run(parse, text, NULL, NULL) == 0);
 *
 * runs parse with its first allocation failing, then with its second, and so on until none fails,
 * and tells what leaked or crashed, with the call stacks of the allocation that failed and of the
 * one that leaked. */
#ifndef ALLOT_OOM_H
#define ALLOT_OOM_H

#include <allot/alloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The function under test. It allocates from `a` alone, and frees all of it. Its result: 0, or what
 * it found wrong itself; that memory ran out is nothing wrong. */
typedef int (*allot_oom_fn)(allot_allocator *a, void *arg);

enum allot_oom_mode {
    ALLOT_OOM_ONCE,  /* run n: the n-th allocation fails, later ones do not */
    ALLOT_OOM_FROM,  /* run n: the n-th and all later ones fail */
    ALLOT_OOM_RANDOM /* run n: each fails by chance, from the n-th number of a seed */
};

enum allot_oom_kind {
    ALLOT_OOM_LEAK = 1, /* objects were live at the end: once for each call stack */
    ALLOT_OOM_CRASH,    /* a signal ended it (only with fork) */
    ALLOT_OOM_WRONG,    /* it returned something else than 0 */
    ALLOT_OOM_MISUSE    /* misuse was reported and it went on */
};

#define ALLOT_OOM_FRAMES 24
#define ALLOT_OOM_LISTED 16

/* The same in several runs is one finding: a leak by the stack that allocated what leaked, all else
 * by its result and the stack of the allocation that had failed. What is told of it otherwise is
 * that of the first of its runs. */
struct allot_oom_finding {
    enum allot_oom_kind kind;
    uint64_t run;                    /* n, of the first */
    uint64_t run_count;              /* how many there were */
    uint64_t runs[ALLOT_OOM_LISTED]; /* n of the first ones, in rising order */
    int result;                      /* of the function; of a crash the signal */
    size_t objects, bytes;           /* leaked, from this stack, in that run */
    /* Of the allocation that failed last; none when none had failed yet. */
    size_t failed_count;
    uintptr_t failed[ALLOT_OOM_FRAMES];
    /* Of the allocation that leaked. */
    size_t leaked_count;
    uintptr_t leaked[ALLOT_OOM_FRAMES];
};

typedef void (*allot_oom_finding_fn)(const struct allot_oom_finding *finding, void *arg);

struct allot_oom_options {
    enum allot_oom_mode mode;
    bool fork;                /* each run in a child of its own: survives crashes */
    unsigned timeout_seconds; /* with fork: what hangs is ended and told as a crash; 0: never */
    allot_allocator *inner;   /* where the memory comes from; NULL: the default */
    uint64_t max_runs;        /* 0: 100000; with ALLOT_OOM_RANDOM how many, 0: 100 */
    uint64_t seed;            /* of ALLOT_OOM_RANDOM */
    uint32_t chance_million;  /* of ALLOT_OOM_RANDOM; 0: 50000 */
    allot_oom_finding_fn on_finding; /* after the last run; NULL: told on stderr */
    void *arg;
};

struct allot_oom_report {
    uint64_t runs, failures;                 /* allocations made to fail, in all runs */
    uint64_t leaks, crashes, wrong, misuses; /* findings: the same in several runs is one */
};

/* Runs the function until none of its allocations fails. NULL options: defaults; report: what was
 * done, or NULL. Findings are told when all runs are done; where there are more different ones than
 * can be remembered, each of the others at once.
 *
 * Returns: 0 when nothing was found; -EBADMSG when something was; -E2BIG when max_runs was not
 *          enough and nothing was found so far; -errno when a child could not be made.
 * Threads: the function may use several, all ended when it returns; with fork the caller has no
 *          other.   Signals: not safe.
 * Failure: as told.
 * Cost:    a run for every allocation that a run makes. */
ALLOT_API ALLOT_MUST_USE allot_status allot_oom_run(allot_oom_fn fn, void *arg,
                                                    const struct allot_oom_options *options,
                                                    struct allot_oom_report *report);

/* What is told of a finding, as text.
 *
 * Returns: the length of the text, which is cut to `bytes` and terminated.
 * Require: bytes > 0.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(frames). */
ALLOT_API size_t allot_oom_text(const struct allot_oom_finding *finding, char *buffer,
                                size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

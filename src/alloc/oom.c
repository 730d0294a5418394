/* The out-of-memory harness: an injector over a tracker, run after run.
 *
 * A run writes what happens into one record, which a forked child shares with its parent: so what
 * was known before a crash is known after it. Only then is it told. */
#include "alloc/oom.h"

#include <errno.h>

enum {
    MAX_RUNS = 100000,
    RANDOM_RUNS = 100,
    CHANCE_MILLION = 50000,
    LEAK_STACKS = 32, /* of one run; the rest is added to the last */
    FINDINGS = 128,   /* that are remembered */
};

struct leak {
    size_t objects, bytes, frame_count;
    uintptr_t frames[ALLOT_OOM_FRAMES];
};

/* What one run has done. */
struct record {
    uint64_t failures;
    uint64_t misuses;
    size_t failed_count;
    uintptr_t failed[ALLOT_OOM_FRAMES];
    int result;
    size_t leak_count;
    struct leak leaks[LEAK_STACKS];
};

/* What all runs have found. */
struct found {
    size_t count;
    struct allot_oom_finding list[FINDINGS];
};

struct memory {
    struct record record;
    struct found found;
};

struct harness {
    allot_oom_fn fn;
    void *arg;
    struct allot_oom_options options;
    struct allot_oom_report report;
    uint64_t run;
    struct record *record;
    struct found *found;
};

/* --- one run ------------------------------------------------------------------------------ */

/* Threads of the function may fail at the same time: the stack is that of one of them, and its
 * count is never more than was written. */
static void note_failure(uint64_t nth, size_t size, const void *caller, void *arg)
{
    struct record *r = arg;

    (void)nth;
    (void)size;
    __atomic_fetch_add(&r->failures, 1, __ATOMIC_RELAXED);
    r->failed_count = ali_report_frames(r->failed, ALLOT_OOM_FRAMES, caller);
}

static struct leak *leak_for(struct record *r, const struct allot_tracked *tracked)
{
    size_t i;

    for (i = 0; i < r->leak_count; i++)
        if (r->leaks[i].frame_count == tracked->frame_count &&
            memcmp(r->leaks[i].frames, tracked->frames,
                   tracked->frame_count * sizeof tracked->frames[0]) == 0)
            return &r->leaks[i];
    if (i == LEAK_STACKS)
        return &r->leaks[i - 1];
    r->leaks[i].frame_count = tracked->frame_count;
    memcpy(r->leaks[i].frames, tracked->frames, tracked->frame_count * sizeof tracked->frames[0]);
    r->leak_count++;
    return &r->leaks[i];
}

static bool note_leak(const struct allot_tracked *tracked, void *arg)
{
    struct leak *leak = leak_for(arg, tracked);

    leak->objects++;
    leak->bytes += tracked->bytes;
    return true;
}

static struct allot_injector_plan plan_of(const struct harness *h)
{
    struct allot_injector_plan plan = {.on_inject = note_failure, .arg = h->record};

    if (h->options.mode == ALLOT_OOM_ONCE) {
        plan.nth = h->run;
    } else if (h->options.mode == ALLOT_OOM_FROM) {
        plan.from = h->run;
    } else {
        plan.chance_million = h->options.chance_million;
        plan.seed = h->options.seed + (h->run << 32);
    }
    return plan;
}

static void run_once(void *arg)
{
    struct harness *h = arg;
    const struct allot_injector_plan plan = plan_of(h);
    uint64_t misuses = ali_misuse_count();
    struct allot_injector injector;
    struct allot_tracker tracker;

    allot_tracker_init(&tracker, h->options.inner,
                       &(struct allot_tracker_options){.frames = ALLOT_OOM_FRAMES});
    allot_injector_init(&injector, &tracker.base, &plan);
    h->record->result = h->fn(&injector.base, h->arg);
    h->record->misuses = ali_misuse_count() - misuses;
    allot_injector_release(&injector);
    (void)allot_tracker_each(&tracker, note_leak, h->record);
    if (tracker.base.ops->reset != NULL) /* so that runs have the same memory */
        (void)tracker.base.ops->reset(&tracker.base, __builtin_return_address(0));
    (void)allot_tracker_release(&tracker);
}

/* --- findings ----------------------------------------------------------------------------- */

static bool same_frames(const uintptr_t *a, size_t a_count, const uintptr_t *b, size_t b_count)
{
    return a_count == b_count && memcmp(a, b, a_count * sizeof *a) == 0;
}

static bool is_same(const struct allot_oom_finding *a, const struct allot_oom_finding *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == ALLOT_OOM_LEAK)
        return same_frames(a->leaked, a->leaked_count, b->leaked, b->leaked_count);
    return a->result == b->result &&
           same_frames(a->failed, a->failed_count, b->failed, b->failed_count);
}

/* The one that is remembered; NULL: there is no room. */
static struct allot_oom_finding *remember(struct found *found, const struct allot_oom_finding *f)
{
    for (size_t i = 0; i < found->count; i++)
        if (is_same(&found->list[i], f))
            return &found->list[i];
    if (found->count == FINDINGS)
        return NULL;
    found->list[found->count] = *f;
    return &found->list[found->count++];
}

static void note(struct harness *h, struct allot_oom_finding *f, uint64_t *counter)
{
    struct allot_oom_finding *first;

    f->run = h->run;
    f->failed_count = h->record->failed_count;
    memcpy(f->failed, h->record->failed, sizeof f->failed);
    first = remember(h->found, f);
    if (first == NULL)
        first = f;
    if (first->run_count < ALLOT_OOM_LISTED)
        first->runs[first->run_count] = h->run;
    *counter += first->run_count++ == 0;
    if (first == f) {
        h->options.on_finding(f, h->options.arg);
        f->run_count = 0;
    }
}

static void note_leaked(struct harness *h, const struct leak *leak)
{
    struct allot_oom_finding finding = {.kind = ALLOT_OOM_LEAK,
                                        .result = h->record->result,
                                        .objects = leak->objects,
                                        .bytes = leak->bytes,
                                        .leaked_count = leak->frame_count};

    memcpy(finding.leaked, leak->frames, sizeof finding.leaked);
    note(h, &finding, &h->report.leaks);
}

static void note_all(struct harness *h, int signal_number)
{
    const struct record *r = h->record;
    struct allot_oom_finding finding = {.kind = ALLOT_OOM_CRASH, .result = signal_number};

    h->report.runs++;
    h->report.failures += r->failures;
    if (signal_number != 0) {
        note(h, &finding, &h->report.crashes);
        return;
    }
    finding.result = r->result;
    finding.kind = ALLOT_OOM_WRONG;
    if (r->result != 0)
        note(h, &finding, &h->report.wrong);
    finding.kind = ALLOT_OOM_MISUSE;
    if (r->misuses != 0)
        note(h, &finding, &h->report.misuses);
    for (size_t i = 0; i < r->leak_count; i++)
        note_leaked(h, &r->leaks[i]);
}

/* --- all runs ----------------------------------------------------------------------------- */

static allot_status run_and_note(struct harness *h)
{
    int signal_number = 0;
    int error = 0;

    memset(h->record, 0, sizeof *h->record);
    if (h->options.fork)
        error = ali_os_in_child(run_once, h, h->options.timeout_seconds, &signal_number);
    else
        run_once(h);
    if (error == 0)
        note_all(h, signal_number);
    return error;
}

static allot_status run_all(struct harness *h)
{
    bool random = h->options.mode == ALLOT_OOM_RANDOM;
    bool ended = false;
    allot_status status = 0;

    for (h->run = 1; h->run <= h->options.max_runs && !ended && status == 0; h->run++) {
        status = run_and_note(h);
        ended = !random && h->record->failures == 0;
    }
    if (status != 0)
        return status;
    if (h->report.leaks + h->report.crashes + h->report.wrong + h->report.misuses != 0)
        return -EBADMSG;
    return ended || random ? 0 : -E2BIG;
}

static void take_options(struct harness *h, const struct allot_oom_options *options)
{
    struct allot_oom_options *o = &h->options;

    if (options != NULL)
        *o = *options;
    if (o->max_runs == 0)
        o->max_runs = o->mode == ALLOT_OOM_RANDOM ? RANDOM_RUNS : MAX_RUNS;
    if (o->chance_million == 0)
        o->chance_million = CHANCE_MILLION;
    if (o->on_finding == NULL)
        o->on_finding = ali_oom_print;
}

allot_status allot_oom_run(allot_oom_fn fn, void *arg, const struct allot_oom_options *options,
                           struct allot_oom_report *report)
{
    struct harness h = {.fn = fn, .arg = arg};
    struct memory *memory;
    allot_status status;
    size_t bytes;
    int error;

    ali_os_init();
    bytes = ali_align_up(sizeof(struct memory), ali_os_page_bytes);
    take_options(&h, options);
    memory = ali_os_map_shared(bytes, &error);
    if (memory == NULL)
        return error;
    h.record = &memory->record;
    h.found = &memory->found;
    status = run_all(&h);
    for (size_t i = 0; i < h.found->count; i++)
        h.options.on_finding(&h.found->list[i], h.options.arg);
    (void)ali_os_unmap(memory, bytes);
    if (report != NULL)
        *report = h.report;
    return status;
}

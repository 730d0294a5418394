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

struct harness {
    allot_oom_fn fn;
    void *arg;
    struct allot_oom_options options;
    struct allot_oom_report report;
    uint64_t run;
    struct record *record;
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

    switch (h->options.mode) {
    case ALLOT_OOM_ONCE:
        plan.nth = h->run;
        break;
    case ALLOT_OOM_FROM:
        plan.from = h->run;
        break;
    case ALLOT_OOM_RANDOM:
        plan.chance_million = h->options.chance_million;
        plan.seed = h->options.seed + (h->run << 32);
        break;
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

/* --- telling ------------------------------------------------------------------------------ */

static void tell(struct harness *h, struct allot_oom_finding *finding, uint64_t *counter)
{
    finding->run = h->run;
    finding->failed_count = h->record->failed_count;
    memcpy(finding->failed, h->record->failed, sizeof finding->failed);
    ++*counter;
    h->options.on_finding(finding, h->options.arg);
}

static void tell_leak(struct harness *h, const struct leak *leak)
{
    struct allot_oom_finding finding = {.kind = ALLOT_OOM_LEAK,
                                        .result = h->record->result,
                                        .objects = leak->objects,
                                        .bytes = leak->bytes,
                                        .leaked_count = leak->frame_count};

    memcpy(finding.leaked, leak->frames, sizeof finding.leaked);
    tell(h, &finding, &h->report.leaks);
}

static void tell_all(struct harness *h, int signal_number)
{
    const struct record *r = h->record;
    struct allot_oom_finding finding = {.kind = ALLOT_OOM_CRASH, .result = signal_number};

    h->report.runs++;
    h->report.failures += r->failures;
    if (signal_number != 0) {
        tell(h, &finding, &h->report.crashes);
        return;
    }
    finding.result = r->result;
    finding.kind = ALLOT_OOM_WRONG;
    if (r->result != 0)
        tell(h, &finding, &h->report.wrong);
    finding.kind = ALLOT_OOM_MISUSE;
    if (r->misuses != 0)
        tell(h, &finding, &h->report.misuses);
    for (size_t i = 0; i < r->leak_count; i++)
        tell_leak(h, &r->leaks[i]);
}

/* --- all runs ----------------------------------------------------------------------------- */

static allot_status run_and_tell(struct harness *h)
{
    int signal_number = 0;
    int error = 0;

    memset(h->record, 0, sizeof *h->record);
    if (h->options.fork)
        error = ali_os_in_child(run_once, h, h->options.timeout_seconds, &signal_number);
    else
        run_once(h);
    if (error == 0)
        tell_all(h, signal_number);
    return error;
}

static allot_status run_all(struct harness *h)
{
    bool random = h->options.mode == ALLOT_OOM_RANDOM;
    bool ended = false;
    allot_status status = 0;

    for (h->run = 1; h->run <= h->options.max_runs && !ended && status == 0; h->run++) {
        status = run_and_tell(h);
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
    allot_status status;
    size_t bytes;
    int error;

    ali_os_init();
    bytes = ali_align_up(sizeof *h.record, ali_os_page_bytes);
    take_options(&h, options);
    h.record = ali_os_map_shared(bytes, &error);
    if (h.record == NULL)
        return error;
    status = run_all(&h);
    (void)ali_os_unmap(h.record, bytes);
    if (report != NULL)
        *report = h.report;
    return status;
}

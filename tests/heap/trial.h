/* Trials of harden=: the options are read once, so each runs in a child that sets its own. */
#ifndef ALI_TEST_HEAP_TRIAL_H
#define ALI_TEST_HEAP_TRIAL_H

#include "heap/internal.h"
#include "heap/recorder.h"

#define ALL_OPTIONS ((1U << 9) - 1)

struct trial {
    uint32_t harden;
    void (*body)(void);
};

static inline void run_trial(void *arg)
{
    const struct trial *t = arg;

    ali_options.harden = t->harden;
    (void)recorder_start(NULL);
    t->body();
}

static inline void try_with(uint32_t harden, void (*body)(void))
{
    struct trial t = {harden, body};
    int status = unit_in_child(run_trial, &t);

    if (!unit_succeeded(status))
        fail_msg("harden=%x: status %x", harden, (unsigned)status);
}

static inline void *take(size_t size, enum ali_call call)
{
    void *p;

    if (!ali_heap_alloc_hit(size, &p))
        p = ali_heap_alloc_miss(size, call, __builtin_return_address(0));
    unit_child_require(p != NULL);
    return p;
}

static inline void give(const void *p, enum ali_call call)
{
    void *q = (void *)(uintptr_t)p;

    if (!ali_heap_free_hit(q))
        ali_heap_free_miss(q, call, __builtin_return_address(0));
}

static inline size_t usable(const void *p)
{
    return ali_heap_usable(p, ALI_CALL_USABLE_SIZE, NULL);
}

static inline void require_recorded(enum allot_misuse_kind kind, const void *p)
{
    unit_child_require(recorded_count == 1);
    unit_child_require(recorded.kind == kind && recorded.pointer == p);
    recorded_count = 0;
}

#endif

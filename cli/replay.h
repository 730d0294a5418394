/* What `allot replay` prepares and its workers run: the plan.
 *
 * A plan lies in shared memory that the worker inherits, so that neither it nor the table of
 * pointers counts as memory of the allocator that is measured:
 *
 *   | struct plan | operations of lane 0 | ... of lane n-1 | cells |
 *
 * A lane is a thread of the trace. Operations of a lane run in its order; a lane that needs an
 * object of another lane waits until its pointer is there. Each cell is that of one
 * allocation, or of several of the same lane one after the other, so that a pointer that is there
 * is the right one; what one lane frees of another has a cell of its own. */
#ifndef ALI_CLI_REPLAY_H
#define ALI_CLI_REPLAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

enum { LANES_MAX = 64 };

enum touch { TOUCH_NONE, TOUCH_PAGE, TOUCH_ALL };

struct plan_op {
    uint64_t size;
    uint32_t slot;
    uint32_t before; /* REALLOC: slot it takes its object from */
    uint8_t op;      /* enum allot_trace_op */
    uint8_t align_log2;
    bool zero;
    bool other;  /* FREE, REALLOC: the object may be another lane's */
    uint32_t id; /* number of the allocation, for its pattern */
};

/* What there is at a slot. */
struct plan_cell {
    _Atomic(void *) pointer; /* NULL: not yet */
    uint64_t size;
    uint64_t id;
};

/* What a worker measured. */
struct plan_result {
    uint64_t wall_ns, cpu_ns;
    uint64_t peak_bytes, end_bytes; /* anonymous resident memory */
    uint64_t start_bytes;
    char error[200];    /* empty: none */
    char provider[512]; /* file that malloc was found in */
};

struct plan {
    size_t bytes; /* of all this */
    uint32_t lanes, slots;
    size_t cells_at;
    struct {
        size_t at; /* bytes from the beginning */
        size_t count;
    } lane[LANES_MAX];
    /* of the trace */
    uint64_t allocations, frees, reallocations, lost_frees, unknown_frees;
    uint64_t peak_live_bytes, end_live_bytes, peak_live_objects, threads, ms;
    /* for the worker */
    enum touch touch;
    bool check, memory; /* check contents; sample resident memory instead of taking the time */
    struct plan_result result;
};

static inline struct plan_op *plan_ops(struct plan *plan, uint32_t lane)
{
    return (struct plan_op *)(void *)((char *)plan + plan->lane[lane].at);
}

static inline struct plan_cell *plan_cells(struct plan *plan)
{
    return (struct plan_cell *)(void *)((char *)plan + plan->cells_at);
}

/* Makes a plan of a trace in a new shared file; *fd is its descriptor. NULL, and said why. */
struct plan *plan_make(struct trace_file *file, bool one_lane, int *fd);

#endif

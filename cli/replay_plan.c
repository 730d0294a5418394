/* From a trace to a plan (replay.h). Two passes over operations that are numbered by allocation:
 * the first finds which allocations are freed by another lane than their own, the second gives out
 * the slots. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"
#include "replay.h"

/* --- addresses that are live --------------------------------------------------------------- */

struct live {
    uint64_t address; /* 0: empty, 1: was used */
    uint64_t size;
    uint32_t id;
};

struct table {
    struct live *entries;
    size_t capacity, used; /* used: not empty */
    size_t count;
};

static size_t home_of(const struct table *t, uint64_t address)
{
    return (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (t->capacity - 1);
}

static struct live *table_find(struct table *t, uint64_t address)
{
    if (t->capacity == 0)
        return NULL;
    for (size_t i = home_of(t, address);; i = (i + 1) & (t->capacity - 1)) {
        if (t->entries[i].address == address)
            return &t->entries[i];
        if (t->entries[i].address == 0)
            return NULL;
    }
}

static void place(struct table *t, struct live entry)
{
    size_t i = home_of(t, entry.address);

    while (t->entries[i].address > 1)
        i = (i + 1) & (t->capacity - 1);
    t->used += t->entries[i].address == 0;
    t->entries[i] = entry;
    t->count++;
}

static bool table_put(struct table *t, struct live entry)
{
    if (t->used * 2 >= t->capacity) {
        struct table bigger = {.capacity = 1024};

        while (bigger.capacity < t->count * 4)
            bigger.capacity *= 2;
        bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
        if (bigger.entries == NULL)
            return false;
        for (size_t i = 0; i < t->capacity; i++)
            if (t->entries[i].address > 1)
                place(&bigger, t->entries[i]);
        free(t->entries);
        *t = bigger;
    }
    place(t, entry);
    return true;
}

static void table_remove(struct table *t, struct live *entry)
{
    entry->address = 1;
    t->count--;
}

/* --- first pass ---------------------------------------------------------------------------- */

struct lane_list {
    struct plan_op *ops;
    size_t count, capacity;
};

struct making {
    struct plan totals;
    struct lane_list lanes[LANES_MAX];
    struct table live;
    uint8_t *owner;  /* lane of each allocation */
    bool *shared;    /* whether another lane ends it */
    size_t capacity; /* of both */
    uint32_t ids;
    uint64_t live_bytes;
    bool one_lane;
};

static uint32_t lane_of(const struct making *m, uint32_t thread)
{
    return m->one_lane ? 0 : thread % LANES_MAX;
}

static bool put_op(struct making *m, uint32_t lane, struct plan_op op)
{
    struct lane_list *l = &m->lanes[lane];

    if (l->count == l->capacity) {
        size_t capacity = l->capacity == 0 ? 4096 : l->capacity * 2;
        struct plan_op *ops = realloc(l->ops, capacity * sizeof *ops);

        if (ops == NULL)
            return false;
        l->ops = ops;
        l->capacity = capacity;
    }
    l->ops[l->count++] = op;
    return true;
}

static bool new_id(struct making *m, uint32_t lane, uint32_t *id)
{
    if (m->ids == m->capacity) {
        size_t capacity = m->capacity == 0 ? 65536 : m->capacity * 2;
        uint8_t *owner = realloc(m->owner, capacity);
        bool *shared = owner == NULL ? NULL : realloc(m->shared, capacity);

        m->owner = owner != NULL ? owner : m->owner;
        if (shared == NULL)
            return false;
        m->shared = shared;
        m->capacity = capacity;
    }
    *id = m->ids++;
    m->owner[*id] = (uint8_t)lane;
    m->shared[*id] = false;
    return true;
}

/* The object's end, by this lane; its id. */
static uint32_t end_live(struct making *m, uint32_t lane, struct live *entry)
{
    uint32_t id = entry->id;

    m->live_bytes -= entry->size;
    if (m->owner[id] != lane)
        m->shared[id] = true;
    table_remove(&m->live, entry);
    return id;
}

static bool put_free(struct making *m, uint32_t lane, struct live *entry)
{
    uint32_t id = end_live(m, lane, entry);

    return put_op(m, lane, (struct plan_op){.op = ALLOT_TRACE_FREE, .slot = id, .id = id});
}

static bool put_allocation(struct making *m, uint32_t lane, const struct trace_record *r)
{
    struct plan_op op = {
        .op = ALLOT_TRACE_ALLOC, .size = r->size, .align_log2 = r->align_log2, .zero = r->zero};
    struct live *before = NULL, *stale;

    if (r->op == ALLOT_TRACE_REALLOC)
        before = table_find(&m->live, r->before);
    if (before != NULL) {
        op.op = ALLOT_TRACE_REALLOC;
        op.before = end_live(m, lane, before);
    }
    stale = table_find(&m->live, r->address);
    if (stale != NULL) { /* its free is not in the trace */
        m->totals.lost_frees++;
        if (!put_free(m, lane, stale))
            return false;
    }
    if (!new_id(m, lane, &op.id))
        return false;
    op.slot = op.id;
    m->live_bytes += r->size;
    if (!table_put(&m->live, (struct live){r->address, r->size, op.id}) || !put_op(m, lane, op))
        return false;
    m->totals.allocations += op.op == ALLOT_TRACE_ALLOC;
    m->totals.reallocations += op.op == ALLOT_TRACE_REALLOC;
    if (m->live_bytes > m->totals.peak_live_bytes)
        m->totals.peak_live_bytes = m->live_bytes;
    if (m->live.count > m->totals.peak_live_objects)
        m->totals.peak_live_objects = m->live.count;
    return true;
}

static bool put_record(struct making *m, const struct trace_record *r)
{
    uint32_t lane = lane_of(m, r->thread);
    struct live *entry;

    if (r->thread >= m->totals.threads)
        m->totals.threads = r->thread + 1;
    if (lane >= m->totals.lanes)
        m->totals.lanes = lane + 1;
    if (r->op != ALLOT_TRACE_FREE)
        return put_allocation(m, lane, r);
    entry = table_find(&m->live, r->address);
    if (entry == NULL) {
        m->totals.unknown_frees++;
        return true;
    }
    m->totals.frees++;
    return put_free(m, lane, entry);
}

/* --- second pass --------------------------------------------------------------------------- */

/* Slots of the allocations that begin and end on one lane, free to be used again by it. */
struct free_slots {
    uint32_t *slots;
    size_t count;
};

static bool give_slots(struct making *m, uint32_t lane, uint32_t *slot_of, struct free_slots *spare)
{
    struct lane_list *l = &m->lanes[lane];

    for (size_t i = 0; i < l->count; i++) {
        struct plan_op *op = &l->ops[i];
        uint32_t ended = op->op == ALLOT_TRACE_REALLOC ? op->before : op->id;

        if (op->op != ALLOT_TRACE_FREE && !m->shared[op->id] && m->owner[op->id] == lane) {
            slot_of[op->id] = spare->count > 0 ? spare->slots[--spare->count] : m->totals.slots++;
            op->slot = slot_of[op->id];
        }
        if (op->op == ALLOT_TRACE_ALLOC)
            continue;
        op->other = m->shared[ended];
        if (op->other)
            continue;
        if (op->op == ALLOT_TRACE_REALLOC)
            op->before = slot_of[ended];
        else
            op->slot = slot_of[ended];
        spare->slots[spare->count++] = slot_of[ended];
    }
    return true;
}

static void give_shared_slots(struct making *m, uint32_t *slot_of)
{
    for (uint32_t id = 0; id < m->ids; id++)
        if (m->shared[id])
            slot_of[id] = m->totals.slots++;
    for (uint32_t lane = 0; lane < m->totals.lanes; lane++)
        for (size_t i = 0; i < m->lanes[lane].count; i++) {
            struct plan_op *op = &m->lanes[lane].ops[i];

            if (op->op == ALLOT_TRACE_REALLOC && op->other)
                op->before = slot_of[op->before];
            if (m->shared[op->id])
                op->slot = slot_of[op->id];
        }
}

static bool assign_slots(struct making *m)
{
    uint32_t *slot_of = malloc((m->ids + 1) * sizeof *slot_of);
    struct free_slots spare = {.slots = malloc((m->ids + 1) * sizeof *spare.slots)};
    bool good = slot_of != NULL && spare.slots != NULL;

    for (uint32_t lane = 0; good && lane < m->totals.lanes; lane++) {
        spare.count = 0;
        good = give_slots(m, lane, slot_of, &spare);
    }
    if (good)
        give_shared_slots(m, slot_of);
    free(slot_of);
    free(spare.slots);
    return good;
}

/* --- the shared file ----------------------------------------------------------------------- */

static struct plan *lay_out(struct making *m, int *fd)
{
    struct plan *plan = MAP_FAILED;
    size_t at = (sizeof *plan + 63) / 64 * 64;

    for (uint32_t i = 0; i < m->totals.lanes; i++) {
        m->totals.lane[i].at = at;
        m->totals.lane[i].count = m->lanes[i].count;
        at += m->lanes[i].count * sizeof(struct plan_op);
    }
    m->totals.cells_at = (at + 63) / 64 * 64;
    m->totals.bytes = m->totals.cells_at + (size_t)m->totals.slots * sizeof(struct plan_cell);
    *fd = memfd_create("allot-replay", 0);
    if (*fd >= 0 && ftruncate(*fd, (off_t)m->totals.bytes) == 0)
        plan = mmap(NULL, m->totals.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (plan == MAP_FAILED)
        return NULL;
    *plan = m->totals;
    for (uint32_t i = 0; i < m->totals.lanes; i++)
        if (m->lanes[i].count > 0)
            memcpy(plan_ops(plan, i), m->lanes[i].ops, m->lanes[i].count * sizeof(struct plan_op));
    return plan;
}

static void release(struct making *m)
{
    for (uint32_t i = 0; i < LANES_MAX; i++)
        free(m->lanes[i].ops);
    free(m->live.entries);
    free(m->owner);
    free(m->shared);
    free(m);
}

struct plan *plan_make(struct trace_file *file, bool one_lane, int *fd)
{
    struct making *m = calloc(1, sizeof *m);
    struct plan *plan = NULL;
    struct trace_record r;
    bool good = m != NULL;

    if (m == NULL) {
        complain("replay", "%s", strerror(ENOMEM));
        return NULL;
    }
    m->one_lane = one_lane;
    m->totals.lanes = 1;
    while (good && trace_next(file, &r))
        good = put_record(m, &r);
    m->totals.ms = file->ms;
    m->totals.end_live_bytes = m->live_bytes;
    good = good && assign_slots(m);
    if (good)
        plan = lay_out(m, fd);
    if (plan == NULL)
        complain("replay", "the trace cannot be prepared: %s", strerror(errno));
    release(m);
    return plan;
}

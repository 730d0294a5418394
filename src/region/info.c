/* Questions to an arena: what is in use, what it holds, whose memory this is. */
#include "region/region.h"

/* Called for each range in use of [from, to). */
typedef bool (*ali_range_fn)(char *from, char *to, bool block, void *arg);

/* Where the objects of a chunk end, and where its strings begin. */
static char *at_of(const allot_arena *a, const struct allot_arena_chunk *c)
{
    return c == a->chunk ? a->at : c->at;
}

static char *top_of(const allot_arena *a, const struct allot_arena_chunk *c)
{
    return c == a->chunk ? a->top : c->top;
}

static bool for_chunks(const allot_arena *a, const struct allot_arena_chunk *c, bool individual,
                       ali_range_fn each, void *arg)
{
    for (; c != NULL; c = c->below) {
        char *at = at_of(a, c), *top = top_of(a, c);

        /* with only blocks there are no more than our records in the chunks */
        if (!individual && at != c->start && !each(c->start, at, false, arg))
            return false;
        if (top != c->end && !each(top, c->end, false, arg))
            return false;
    }
    return true;
}

static bool for_dues(const allot_arena *a, ali_range_fn each, void *arg)
{
    for (const struct allot_arena_due *due = a->due; due != NULL; due = due->below) {
        char *p = due->object.object;

        if (due->kind == ALI_DUE_BLOCK || due->kind == ALI_DUE_INDIVIDUAL) {
            if (!each(p, p + due->object.bytes, true, arg))
                return false;
        } else if (due->kind == ALI_DUE_CHUNKS) {
            if (!for_chunks(a, due->chunks.top, false, each, arg))
                return false;
        }
    }
    return true;
}

static bool for_ranges(const allot_arena *a, ali_range_fn each, void *arg)
{
    return for_chunks(a, a->chunk, !(a->flags & ALI_ARENA_MIXED), each, arg) &&
           for_dues(a, each, arg);
}

/* --- owns ---------------------------------------------------------------------------------- */

static bool lies_outside(char *from, char *to, bool block, void *arg)
{
    const char *p = arg;

    (void)block;
    return p < from || p >= to;
}

bool allot_arena_owns(const allot_arena *arena, const void *p)
{
    return !for_ranges(arena, lies_outside, (void *)(uintptr_t)p);
}

/* --- visit --------------------------------------------------------------------------------- */

struct visit {
    allot_visit_fn visit;
    void *arg;
};

static bool visit_range(char *from, char *to, bool block, void *arg)
{
    const struct visit *v = arg;

    (void)block;
    return v->visit(from, (size_t)(to - from), v->arg);
}

bool allot_arena_visit(const allot_arena *arena, allot_visit_fn visit, void *arg)
{
    struct visit v = {visit, arg};

    return for_ranges(arena, visit_range, &v);
}

/* --- stats --------------------------------------------------------------------------------- */

static bool add_range(char *from, char *to, bool block, void *arg)
{
    struct allot_arena_stats *stats = arg;

    stats->used_bytes += (size_t)(to - from);
    stats->blocks += block;
    return true;
}

void allot_arena_stats_get(const allot_arena *arena, struct allot_arena_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    for_ranges(arena, add_range, stats);
    stats->reserved_bytes = arena->taken_bytes;
    stats->peak_bytes = arena->peak_bytes;
    stats->limit_bytes = arena->limit_bytes;
    stats->address_bytes = arena->reserve_bytes;
    stats->individual = ali_arena_is_individual(arena);
    for (const struct allot_arena_chunk *c = arena->chunk; c != NULL; c = c->below)
        stats->chunks++;
    for (const struct allot_arena_chunk *c = arena->spare; c != NULL; c = c->below)
        stats->spare_bytes += c->bytes;
}

const char *allot_arena_name(const allot_arena *arena)
{
    return arena->name != NULL ? arena->name : "";
}

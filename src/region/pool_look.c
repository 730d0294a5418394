/* Looking at a pool: owners, visits, figures, and the check of everything. */
#include "region/pool.h"

int ali_opool_owns(allot_allocator *a, const void *p)
{
    struct ali_opool *o = ((allot_pool *)a)->own;
    bool mine;

    ali_opool_enter(o);
    mine = ali_areas_find(&o->chunks, p) != NULL || ali_areas_find(&o->alone, p) != NULL;
    ali_opool_leave(o);
    return mine;
}

bool ali_opool_is_live(struct ali_opool *o, const void *p)
{
    const struct ali_pool_chunk *c;
    const struct ali_area *alone;
    size_t i;

    ali_opool_enter(o);
    c = ali_pool_chunk_find(o, p);
    alone = ali_areas_find(&o->alone, p);
    ali_opool_leave(o);
    if (c == NULL)
        return alone != NULL && ali_alone_object(alone) == p;
    return ali_pool_chunk_index(o, c, p, &i) && ali_object_is_live(ali_state_read(c->states + i));
}

bool allot_pool_owns(const allot_pool *pool, const void *p)
{
    return ali_opool_owns((allot_allocator *)(uintptr_t)&pool->base, p) == 1;
}

const char *allot_pool_name(const allot_pool *pool)
{
    return pool->own->name;
}

/* --- visiting ----------------------------------------------------------------------------- */

static bool visit_chunk(const struct ali_opool *o, const struct ali_pool_chunk *c,
                        allot_visit_fn visit, void *arg)
{
    for (size_t i = 0; i < c->count; i++)
        if (ali_object_is_live(ali_state_read(c->states + i)) &&
            !visit(ali_pool_chunk_object(o, c, i), o->object_bytes, arg))
            return false;
    return true;
}

bool ali_opool_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    const struct ali_opool *o = ((allot_pool *)a)->own;
    struct ali_area *next;

    for (struct ali_area *area = o->chunks.first; area != NULL; area = area->next)
        if (!visit_chunk(o, (struct ali_pool_chunk *)area, visit, arg))
            return false;
    for (struct ali_area *area = o->alone.first; area != NULL; area = next) {
        next = area->next; /* the visitor may put it */
        if (!visit(ali_alone_object(area), o->object_bytes, arg))
            return false;
    }
    return true;
}

bool allot_pool_visit(allot_pool *pool, allot_visit_fn visit, void *arg)
{
    return ali_opool_visit(&pool->base, visit, arg);
}

/* --- figures ------------------------------------------------------------------------------ */

static size_t count_cached(const struct ali_opool *o)
{
    size_t cached = 0;

    if (!(o->flags & ALLOT_POOL_CACHED))
        return 0;
    for (const struct ali_area *area = o->chunks.first; area != NULL; area = area->next) {
        const struct ali_pool_chunk *c = (const struct ali_pool_chunk *)area;

        for (size_t i = 0; i < c->count; i += ALI_WINDOW)
            cached += ali_bit_count(ali_states_equal(c->states + i, 0xff, ALI_OBJECT_CACHED));
    }
    return cached;
}

void allot_pool_stats_get(allot_pool *pool, struct allot_pool_stats *stats)
{
    struct ali_opool *o = pool->own;
    size_t cached, unused, waiting;

    ali_opool_enter(o);
    ali_opool_fold(o);
    cached = count_cached(o);
    waiting = ali_bit_count(o->parked | pool->bits);
    unused = o->free_objects + waiting + cached;
    *stats = (struct allot_pool_stats){
        .object_bytes = o->object_bytes,
        .stride_bytes = o->stride_bytes,
        .live_objects = o->objects - unused + o->alone.count,
        .peak_live_objects = o->peak_objects,
        .free_objects = unused,
        .cached_objects = cached,
        .max_objects = o->max_objects,
        .chunks = o->chunks.count,
        .reserved_bytes = o->reserved_bytes,
        .gets = o->opened - waiting - o->moved_out + ali_cache_gets(o),
        .failures = atomic_load_explicit(&o->failures, memory_order_relaxed),
    };
    stats->puts = stats->gets - stats->live_objects;
    ali_opool_leave(o);
}

void ali_opool_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_pool_stats s;

    allot_pool_stats_get((allot_pool *)a, &s);
    stats->live_objects = s.live_objects;
    stats->live_bytes = s.live_objects * s.object_bytes;
    stats->peak_live_bytes = s.peak_live_objects * s.object_bytes;
    stats->reserved_bytes = s.reserved_bytes;
    stats->limit_bytes = s.max_objects * s.object_bytes;
    stats->allocations = s.gets;
    stats->frees = s.puts;
    stats->failures = s.failures;
}

/* --- the check ---------------------------------------------------------------------------- */

static size_t audit_states(const struct ali_pool_chunk *c, size_t *unused)
{
    size_t padded = ali_align_up(c->count, ALI_WINDOW);
    size_t wrong = 0;

    *unused = 0;
    for (size_t i = 0; i < c->count; i++) {
        uint8_t state = ali_state_read(c->states + i);

        *unused += ali_object_is_free(state);
        wrong +=
            !ali_object_is_free(state) && !ali_object_is_live(state) && state != ALI_OBJECT_CACHED;
    }
    for (size_t i = c->count; i < padded; i++)
        wrong += c->states[i] != ALI_OBJECT_PAD;
    return wrong;
}

static size_t audit_window(const struct ali_opool *o)
{
    const struct ali_pool_chunk *c = o->window_chunk;
    uint64_t bits = o->parked | o->pool->bits;

    if (bits == 0)
        return 0;
    if (c == NULL || o->window_index >= c->count || (o->parked & o->pool->bits) != 0)
        return 1;
    return ali_bit_count(bits & ~ali_states_equal(c->states + o->window_index, 0xfd, 0));
}

static size_t audit_chunk(const struct ali_opool *o, const struct ali_pool_chunk *c)
{
    size_t unused;
    size_t wrong = audit_states(c, &unused);
    size_t counted = c->free;

    if (c == o->put_chunk)
        counted += o->pool->puts;
    if (c == o->window_chunk)
        counted += ali_bit_count(o->parked | o->pool->bits);
    wrong += counted != unused;
    wrong += (c->list == ALI_POOL_CHUNK_FULL) != (c->free == 0);
    wrong += c->cursor >= c->count || c->cursor % ALI_WINDOW != 0 || c->hint >= c->count;
    wrong += c->area.bytes != c->count * o->stride_bytes;
    return wrong;
}

/* An object in `parked` is never RAW where there is a constructor, except the one that is taken. */
static size_t audit_raw(const struct ali_opool *o, const struct ali_pool_chunk *c)
{
    size_t raw = 0;

    for (size_t i = 0; i < c->count && o->construct != NULL; i++)
        raw += ali_state_read(c->states + i) == ALI_OBJECT_RAW;
    return raw != c->raw;
}

/* Inconsistencies of one list; its free objects are added to *sum. */
static size_t audit_list(const struct ali_opool *o, enum ali_pool_chunk_list list, size_t *sum)
{
    const struct ali_pool_chunk *prev = NULL;
    size_t wrong = 0;
    size_t count = 0;

    for (const struct ali_pool_chunk *c = o->lists[list]; c != NULL; prev = c, c = c->next_free) {
        wrong += c->prev_free != prev || c->list != list;
        *sum += c->free;
        if (++count > o->chunks.count)
            return wrong + 1; /* a ring */
    }
    return wrong;
}

static size_t audit_lists(const struct ali_opool *o)
{
    size_t sum = 0;
    size_t wrong =
        audit_list(o, ALI_POOL_CHUNK_POOR, &sum) + audit_list(o, ALI_POOL_CHUNK_RICH, &sum);

    return wrong + (o->lists[ALI_POOL_CHUNK_FULL] != NULL) + (sum != o->free_objects);
}

size_t allot_pool_audit(const allot_pool *pool)
{
    const struct ali_opool *o = pool->own;
    size_t wrong = ali_areas_audit(&o->chunks) + ali_areas_audit(&o->alone);
    size_t objects = 0;
    size_t raw = 0;

    wrong += audit_window(o) + audit_lists(o);
    for (const struct ali_area *area = o->chunks.first; area != NULL; area = area->next) {
        const struct ali_pool_chunk *c = (const struct ali_pool_chunk *)area;

        wrong += audit_chunk(o, c) + audit_raw(o, c);
        raw += c->raw;
        objects += c->count;
    }
    wrong += objects != o->objects || raw != o->raw_objects;
    wrong += pool->puts != 0 && o->put_chunk == NULL;
    wrong += pool->stride_bytes != o->stride_bytes || pool->reciprocal != o->reciprocal;
    return wrong;
}

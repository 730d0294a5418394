/* Chunks of a pool: their layout, their counts, growing. See pool.h. */
#include <errno.h>

#include "region/pool.h"

enum {
    FIRST_CHUNK_BYTES = 8 << 10,
    CHUNK_BYTES_MAX = 1 << 20, /* of chunks that double */
    CHUNK_OBJECTS_MIN = 8,     /* of large objects, which pass both */
    CHUNK_ALIGN = ALI_LINE_BYTES,
};

/* --- layout ------------------------------------------------------------------------------- */

static size_t states_bytes(size_t objects)
{
    return ali_align_up(objects, ALI_WINDOW);
}

/* Bytes that a chunk takes at most, wherever it starts; 0: more than there can be. */
static size_t chunk_bytes(const struct ali_opool *o, size_t objects)
{
    size_t align = allot_how_align(o->how);
    size_t bytes;

    if (ali_mul_overflows(objects, o->stride_bytes, &bytes) ||
        ali_add_overflows(bytes, sizeof(struct ali_pool_chunk) + ALI_WINDOW + CHUNK_ALIGN,
                          &bytes) ||
        ali_add_overflows(bytes, objects, &bytes) || ali_add_overflows(bytes, align, &bytes) ||
        bytes > PTRDIFF_MAX)
        return 0;
    return bytes;
}

/* Where the objects start, when there are so many. */
static uintptr_t objects_at(const struct ali_opool *o, uintptr_t header, size_t objects)
{
    return ali_align_up(header + sizeof(struct ali_pool_chunk) + states_bytes(objects),
                        allot_how_align(o->how));
}

static bool fits(const struct ali_opool *o, uintptr_t header, uintptr_t end, size_t objects)
{
    uintptr_t at = objects_at(o, header, objects);

    return at <= end && (end - at) / o->stride_bytes >= objects;
}

/* The most objects that fit: each takes its stride and a state byte. */
static size_t count_fitting(const struct ali_opool *o, uintptr_t header, uintptr_t end)
{
    size_t most;

    if (end - header <= sizeof(struct ali_pool_chunk))
        return 0;
    most = (end - header - sizeof(struct ali_pool_chunk)) / (o->stride_bytes + 1) + 1;
    while (most > 0 && !fits(o, header, end, most))
        most--; /* for the padding and the alignment, at most a window and an object */
    return most;
}

struct ali_pool_chunk *ali_pool_chunk_make(const struct ali_opool *o, void *memory, size_t bytes,
                                           size_t least)
{
    uintptr_t header = ali_align_up((uintptr_t)memory, CHUNK_ALIGN);
    uintptr_t end = (uintptr_t)memory + bytes;
    struct ali_pool_chunk *c = (struct ali_pool_chunk *)header;
    size_t count;

    if (header > end)
        return NULL;
    count = count_fitting(o, header, end);
    if (count == 0 || count < least)
        return NULL;
    if (least != 0)
        count = least;
    *c = (struct ali_pool_chunk){.count = count, .states = (uint8_t *)(c + 1), .free = count};
    c->raw = o->construct != NULL ? count : 0;
    c->area.start = objects_at(o, header, count);
    c->area.bytes = count * o->stride_bytes;
    memset(c->states, ALI_OBJECT_RAW, count);
    memset(c->states + count, ALI_OBJECT_PAD, states_bytes(count) - count);
    ali_os_forbid((void *)c->area.start, o->has_checker ? c->area.bytes : 0);
    return c;
}

/* --- lists and counts --------------------------------------------------------------------- */

static enum ali_pool_chunk_list list_of(const struct ali_pool_chunk *c)
{
    if (c->free == 0)
        return ALI_POOL_CHUNK_FULL;
    return c->free >= c->count / 8 ? ALI_POOL_CHUNK_RICH : ALI_POOL_CHUNK_POOR;
}

static void unlist(struct ali_opool *o, struct ali_pool_chunk *c)
{
    if (c->next_free != NULL)
        c->next_free->prev_free = c->prev_free;
    if (c->prev_free != NULL)
        c->prev_free->next_free = c->next_free;
    else
        o->lists[c->list] = c->next_free;
}

static void enlist(struct ali_opool *o, struct ali_pool_chunk *c)
{
    c->prev_free = NULL;
    c->next_free = o->lists[c->list];
    if (c->next_free != NULL)
        c->next_free->prev_free = c;
    o->lists[c->list] = c;
}

void ali_pool_chunk_count_free(struct ali_opool *o, struct ali_pool_chunk *c, ptrdiff_t count)
{
    enum ali_pool_chunk_list list;

    c->free += (size_t)count;
    o->free_objects += (size_t)count;
    ali_require(c->free <= c->count);
    list = list_of(c);
    if (ali_likely(list == c->list))
        return;
    if (c->list != ALI_POOL_CHUNK_FULL)
        unlist(o, c);
    c->list = (uint8_t)list;
    if (list != ALI_POOL_CHUNK_FULL)
        enlist(o, c);
}

struct ali_pool_chunk *ali_pool_chunk_find(struct ali_opool *o, const void *p)
{
    struct ali_pool_chunk **hint = ali_pool_chunk_hint(o, p);
    struct ali_pool_chunk *c = *hint;

    if (ali_likely(c != NULL && (uintptr_t)p - c->area.start < c->area.bytes))
        return c;
    c = (struct ali_pool_chunk *)ali_areas_find(&o->chunks, p);
    if (c != NULL)
        *hint = c;
    return c;
}

void ali_pool_chunk_detach(struct ali_opool *o, struct ali_pool_chunk *c)
{
    ali_areas_remove(&o->chunks, &c->area);
    ali_pool_chunk_count_free(o, c, -(ptrdiff_t)c->free);
    ali_pool_chunk_count_raw(o, c, -(ptrdiff_t)c->raw);
    o->objects -= c->count;
    o->reserved_bytes -= c->memory_bytes;
    for (size_t i = 0; i < ALI_POOL_CHUNK_HINTS; i++)
        if (o->hints[i] == c)
            o->hints[i] = NULL;
    if (o->put_chunk != c)
        return;
    o->put_chunk = NULL;
    if (o->is_hidden)
        return;
    o->pool->chunk = 0;
    o->pool->chunk_bytes = 0;
}

void ali_pool_chunk_add(struct ali_opool *o, struct ali_pool_chunk *c)
{
    size_t count = c->count;

    ali_areas_add(&o->chunks, &c->area);
    o->raw_objects += c->raw;
    o->objects += count;
    o->reserved_bytes += c->memory_bytes;
    c->free = 0;
    ali_pool_chunk_count_free(o, c, (ptrdiff_t)count);
}

/* --- growing ------------------------------------------------------------------------------ */

/* Objects of the next chunk, `least` at least; 0: the cap is reached. */
static size_t plan(struct ali_opool *o, size_t least)
{
    size_t count = o->chunk_objects != 0 ? o->chunk_objects : o->next_objects;
    size_t used = o->objects + o->planned + o->alone.count;
    size_t room = SIZE_MAX;

    if (o->max_objects != 0)
        room = o->max_objects > used ? o->max_objects - used : 0;
    return room < least ? 0 : ali_min(ali_max(count, least), room);
}

/* The next chunk is twice as large, to about a MiB; from there on an eighth of what there is, so
 * that chunks stay few and never much is unused. */
static void plan_next(struct ali_opool *o)
{
    if (2 * o->next_objects * o->stride_bytes <= CHUNK_BYTES_MAX)
        o->next_objects *= 2;
    else
        o->next_objects = ali_max(o->next_objects, o->objects / 8);
}

static allot_status fail(enum allot_cause cause)
{
    ali_error_set(ALLOT_LAYER_REGION, cause, 0);
    errno = ENOMEM;
    return -ENOMEM;
}

static struct ali_pool_chunk *make_chunk(struct ali_opool *o, size_t count, const void *caller)
{
    size_t bytes = chunk_bytes(o, count);
    struct ali_pool_chunk *c;
    void *memory;

    if (bytes == 0) {
        (void)fail(ALLOT_CAUSE_TOO_LARGE);
        return NULL;
    }
    memory = ali_seam_alloc(o->source, bytes, ALLOT_ALIGN_DEFAULT, caller);
    if (memory == NULL)
        return NULL;
    c = ali_pool_chunk_make(o, memory, bytes, count);
    ali_require(c != NULL);
    c->memory = memory;
    c->memory_bytes = bytes;
    return c;
}

/* The first chunk fills about a quarter of what it doubles to. */
static void plan_first(struct ali_opool *o)
{
    if (o->next_objects == 0)
        o->next_objects =
            ali_max(FIRST_CHUNK_BYTES / (o->stride_bytes + 1), (size_t)CHUNK_OBJECTS_MIN);
}

/* Pools that this thread is making a chunk of, for which it must not wait: the source may use the
 * pool. */
struct growth {
    const struct ali_opool *pool;
    const struct growth *outer;
};
static _Thread_local const struct growth *growths __attribute__((tls_model("initial-exec")));

static bool is_growing_here(const struct ali_opool *o)
{
    const struct growth *g = growths;

    while (g != NULL && g->pool != o)
        g = g->outer;
    return g != NULL;
}

static struct ali_pool_chunk *make_chunk_here(struct ali_opool *o, size_t count, const void *caller)
{
    const struct growth here = {o, growths};
    struct ali_pool_chunk *c;

    growths = &here;
    c = make_chunk(o, count, caller);
    growths = here.outer;
    return c;
}

/* Until another thread has made its chunk, or could not. The lock is given up meanwhile. Who is
 * woken wakes the next. */
static void wait_for_chunk(struct ali_opool *o)
{
    uint32_t made = atomic_load_explicit(&o->made, memory_order_relaxed);

    o->waiting++;
    ali_opool_leave(o);
    ali_os_wait(&o->made, made);
    ali_os_wake_one(&o->made);
    ali_opool_enter(o);
    o->waiting--;
}

/* Where all that the cap allows is in a chunk to come, there is something as soon as that has come:
 * objects that nobody has do not make a get fail. The lock is held. */
static size_t plan_or_wait(struct ali_opool *o, size_t least, bool unless_free)
{
    for (;;) {
        size_t count;

        if (unless_free && (o->free_objects != 0 || o->parked != 0))
            return 0;
        count = plan(o, least);
        if (count != 0 || o->making == 0 || is_growing_here(o))
            return count;
        wait_for_chunk(o);
    }
}

static void add_made(struct ali_opool *o, struct ali_pool_chunk *c, size_t planned)
{
    o->planned -= planned;
    o->making--;
    if (c != NULL) {
        ali_pool_chunk_add(o, c);
        plan_next(o);
    }
    atomic_fetch_add_explicit(&o->made, 1, memory_order_relaxed);
    if (o->waiting != 0)
        ali_os_wake_one(&o->made);
}

static allot_status grow(struct ali_opool *o, size_t least, bool unless_free, const void *caller)
{
    struct ali_pool_chunk *c;
    bool is_free;
    size_t count;

    if (o->source == NULL)
        return fail(ALLOT_CAUSE_EXHAUSTED);
    ali_opool_enter(o);
    plan_first(o);
    count = plan_or_wait(o, least, unless_free);
    is_free = unless_free && (o->free_objects != 0 || o->parked != 0);
    o->planned += count;
    o->making += count != 0;
    ali_opool_leave(o);
    if (count == 0)
        return is_free ? 0 : fail(ALLOT_CAUSE_EXHAUSTED);
    c = make_chunk_here(o, count, caller);
    ali_opool_enter(o);
    add_made(o, c, count);
    ali_opool_leave(o);
    return c != NULL ? 0 : -ENOMEM;
}

allot_status ali_opool_grow(struct ali_opool *o, size_t objects, const void *caller)
{
    return grow(o, objects, false, caller);
}

allot_status ali_opool_provide(struct ali_opool *o, const void *caller)
{
    return grow(o, 1, true, caller);
}

void ali_pool_chunk_end(struct ali_opool *o, struct ali_pool_chunk *c)
{
    if (o->has_checker)
        ali_os_allow((void *)c->area.start, c->area.bytes, true);
    for (size_t i = 0; o->destroy != NULL && i < c->count; i++)
        if (ali_state_read(c->states + i) != ALI_OBJECT_RAW)
            o->destroy(ali_pool_chunk_object(o, c, i), o->arg);
    if (c->memory != NULL)
        ali_seam_free(o->source, c->memory, c->memory_bytes, ALLOT_ALIGN_DEFAULT);
}

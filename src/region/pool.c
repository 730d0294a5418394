/* The public calls of a pool. See pool.h for its structure. */
#include "region/pool.h"

#include <errno.h>

enum { WINDOW_BYTES = 32 << 10, WINDOW_OBJECTS_MIN = 4, STRIDE_MIN = 2 };

/* --- making ------------------------------------------------------------------------------- */

static allot_status refuse(enum allot_cause cause, allot_status status)
{
    ali_error_set(ALLOT_LAYER_PROGRAM, cause, 0);
    errno = -status;
    return status;
}

static allot_status check(const struct allot_pool_options *options)
{
    if (options->object_bytes == 0 || options->object_bytes > PTRDIFF_MAX - ALLOT_ALIGN_MAX)
        return refuse(ALLOT_CAUSE_TOO_LARGE, -EINVAL);
    if (options->align != 0 && (!ali_is_pow2(options->align) || options->align > ALLOT_ALIGN_MAX))
        return refuse(ALLOT_CAUSE_BAD_ALIGNMENT, -EINVAL);
    return 0;
}

static size_t window_objects(size_t stride_bytes)
{
    size_t n = ali_max(WINDOW_BYTES / stride_bytes, (size_t)WINDOW_OBJECTS_MIN);

    return n >= ALI_WINDOW ? ALI_WINDOW : (size_t)1 << ali_high_bit(n);
}

static void copy_name(char *to, size_t bytes, const char *name)
{
    struct ali_text t;

    ali_text_init(&t, to, bytes);
    ali_text_str(&t, name != NULL ? name : "");
}

static void fill_in(struct ali_opool *o, allot_pool *pool, const struct allot_pool_options *options)
{
    size_t align = options->align != 0 ? options->align : (size_t)1 << ALLOT_ALIGN_DEFAULT;

    *o = (struct ali_opool){
        .pool = pool,
        .object_bytes = options->object_bytes,
        .stride_bytes = ali_max(ali_align_up(options->object_bytes, align), (size_t)STRIDE_MIN),
        .chunk_objects = options->chunk_objects,
        .max_objects = options->max_objects,
        .flags = options->flags,
        .how = ALLOT_ALIGN(align),
        .construct = options->construct,
        .destroy = options->destroy,
        .reclaim = options->reclaim,
        .arg = options->arg,
        .lock = ALI_LOCK_INIT(ALI_RANK_POOL),
        .has_checker = ali_os_has_checker(),
    };
    if (o->flags & ALLOT_POOL_CACHED)
        o->flags |= ALLOT_POOL_SHARED;
    if (!(o->flags & ALLOT_POOL_FIXED))
        o->source = options->source != NULL ? options->source : allot_allocator_default();
    o->reciprocal = UINT64_MAX / o->stride_bytes + 1;
    o->window_objects = window_objects(o->stride_bytes);
    o->is_hidden = o->has_checker || (o->flags & ALLOT_POOL_SHARED) != 0;
    copy_name(o->name, sizeof o->name, options->name);
}

static void show(allot_pool *pool, struct ali_opool *o)
{
    *pool = (allot_pool){
        .base = {o->flags & ALLOT_POOL_SHARED ? &ali_shared_pool_ops : &ali_pool_ops},
        .stride_bytes = o->stride_bytes,
        .reciprocal = o->reciprocal,
        .own = o,
    };
}

/* The buffer's part behind our own struct, when that is there. */
static bool add_buffer(struct ali_opool *o, const struct allot_pool_options *options)
{
    char *at = options->buffer;
    size_t bytes = options->buffer_bytes;
    struct ali_pool_chunk *c;

    if (o->in_buffer) {
        bytes -= (size_t)((char *)(o + 1) - at);
        at = (char *)(o + 1);
    }
    c = at == NULL ? NULL : ali_pool_chunk_make(o, at, bytes, 0);
    if (c == NULL)
        return false;
    if (o->max_objects != 0 && c->count > o->max_objects)
        c = ali_pool_chunk_make(o, at, bytes, o->max_objects);
    o->reserved_bytes += bytes;
    ali_pool_chunk_add(o, c);
    return true;
}

static struct ali_opool *place_in_buffer(const struct allot_pool_options *options)
{
    uintptr_t at = ali_align_up((uintptr_t)options->buffer, ALI_LINE_BYTES);
    uintptr_t end = (uintptr_t)options->buffer + options->buffer_bytes;

    if (options->buffer == NULL || at > end || end - at < sizeof(struct ali_opool))
        return NULL;
    return (struct ali_opool *)at;
}

static allot_status init_fixed(allot_pool *pool, const struct allot_pool_options *options)
{
    struct ali_opool *o = place_in_buffer(options);

    if (o == NULL)
        return refuse(ALLOT_CAUSE_EXHAUSTED, -EINVAL);
    fill_in(o, pool, options);
    o->in_buffer = true;
    if (!add_buffer(o, options))
        return refuse(ALLOT_CAUSE_EXHAUSTED, -EINVAL);
    show(pool, o);
    return 0;
}

static allot_status init_growing(allot_pool *pool, const struct allot_pool_options *options)
{
    struct ali_opool local;
    struct ali_opool *o;

    fill_in(&local, pool, options);
    o = ali_seam_alloc(local.source, sizeof *o, ALLOT_ALIGN_DEFAULT, __builtin_return_address(0));
    if (o == NULL)
        return -ENOMEM;
    fill_in(o, pool, options);
    o->reserved_bytes = sizeof *o;
    (void)add_buffer(o, options); /* one too small for an object is left alone */
    show(pool, o);
    return 0;
}

allot_status allot_pool_init(allot_pool *pool, const struct allot_pool_options *options)
{
    allot_status s = check(options);

    ali_os_init();
    *pool = (allot_pool){.own = NULL};
    if (s == 0)
        s = options->flags & ALLOT_POOL_FIXED ? init_fixed(pool, options)
                                              : init_growing(pool, options);
    if (s == 0 && (pool->own->flags & ALLOT_POOL_SHARED))
        ali_shared_pools_add(pool->own);
    return s;
}

void allot_pool_release(allot_pool *pool)
{
    struct ali_opool *o = pool->own;

    if (o == NULL)
        return;
    if (o->flags & ALLOT_POOL_SHARED)
        ali_shared_pools_remove(o);
    ali_alone_end_all(o, __builtin_return_address(0));
    while (o->chunks.first != NULL) {
        struct ali_pool_chunk *c = (struct ali_pool_chunk *)o->chunks.first;

        ali_areas_remove(&o->chunks, &c->area);
        ali_pool_chunk_end(o, c);
    }
    *pool = (allot_pool){.own = NULL};
    if (!o->in_buffer)
        ali_seam_free(o->source, o, sizeof *o, ALLOT_ALIGN_DEFAULT);
}

/* --- get and put -------------------------------------------------------------------------- */

void *ali_opool_get(allot_pool *pool, const struct ali_site *site)
{
    void *object = pool->own->flags & ALLOT_POOL_CACHED ? ali_cache_get(pool->own) : NULL;

    return object != NULL ? object : ali_opool_take(pool->own, site);
}

/* Without what the inlined path would do. */
static void put_missed(allot_pool *pool, void *object, const struct ali_site *site)
{
    if (object == NULL)
        return;
    if ((pool->own->flags & ALLOT_POOL_CACHED) && ali_cache_put(pool->own, object))
        return;
    ali_opool_give(pool->own, object, site);
}

ALI_NOINLINE static void *take(struct ali_opool *o, const void *caller)
{
    const struct ali_site site = {"allot_pool_get", caller};

    return ali_opool_take(o, &site);
}

ALI_NOINLINE static void give(struct ali_opool *o, void *object, const void *caller)
{
    const struct ali_site site = {"allot_pool_put", caller};

    ali_opool_give(o, object, &site);
}

/* What a cache serves needs no site. */
void *allot_pool_get_slow(allot_pool *pool)
{
    void *object = pool->own->flags & ALLOT_POOL_CACHED ? ali_cache_get(pool->own) : NULL;

    return object != NULL ? object : take(pool->own, __builtin_return_address(0));
}

void allot_pool_put_slow(allot_pool *pool, void *object)
{
    if (object == NULL)
        return;
    if ((pool->own->flags & ALLOT_POOL_CACHED) && ali_cache_put(pool->own, object))
        return;
    give(pool->own, object, __builtin_return_address(0));
}

/* What the inlined path would hit, or the slow path. */
static void *get_one(allot_pool *pool, const struct ali_site *site)
{
    return pool->bits != 0 ? allot_pool_get(pool) : ali_opool_get(pool, site);
}

void ali_opool_put(allot_pool *pool, void *object, const struct ali_site *site)
{
    size_t offset = (uintptr_t)object - pool->chunk;
    unsigned __int128 product = (unsigned __int128)offset * pool->reciprocal;

    if (offset < pool->chunk_bytes && (uint64_t)product < pool->reciprocal &&
        pool->chunk_states[(size_t)(product >> 64)] == ALI_OBJECT_LIVE)
        allot_pool_put(pool, object);
    else
        put_missed(pool, object, site);
}

/* Whether each call would take the lock. */
static bool is_locked(const allot_pool *pool)
{
    return (pool->own->flags & (ALLOT_POOL_SHARED | ALLOT_POOL_CACHED)) == ALLOT_POOL_SHARED;
}

allot_status allot_pool_get_bulk(allot_pool *pool, void **objects, size_t count)
{
    const struct ali_site site = {"allot_pool_get_bulk", __builtin_return_address(0)};
    size_t i = 0;

    while (i < count) {
        if (is_locked(pool))
            i += ali_opool_take_many(pool->own, objects + i, count - i, &site);
        if (i == count)
            break;
        objects[i] = get_one(pool, &site);
        if (objects[i] == NULL) {
            allot_pool_put_bulk(pool, objects, i);
            return -ENOMEM;
        }
        i++;
    }
    return 0;
}

void allot_pool_put_bulk(allot_pool *pool, void *const *objects, size_t count)
{
    const struct ali_site site = {"allot_pool_put_bulk", __builtin_return_address(0)};

    if (is_locked(pool)) {
        ali_opool_give_many(pool->own, objects, count, &site);
        return;
    }
    for (size_t i = 0; i < count; i++)
        ali_opool_put(pool, objects[i], &site);
}

/* --- everything at once ------------------------------------------------------------------- */

/* Free objects that are constructed, where there is a constructor. */
static size_t count_ready(struct ali_opool *o)
{
    size_t ready;

    ali_opool_enter(o);
    ali_opool_fold(o);
    ali_opool_close_window(o);
    ready = o->free_objects - o->raw_objects;
    ali_opool_leave(o);
    return ready;
}

struct batch {
    struct ali_pool_chunk *chunk;
    size_t index;
    uint64_t bits;
};

/* Neighbours that were never constructed become MAKING, at most `limit`. The lock is held. */
static bool claim_raw(struct ali_opool *o, struct ali_pool_chunk *c, size_t limit, struct batch *b)
{
    for (size_t i = 0; i < c->count; i += ALI_WINDOW) {
        b->index = c->cursor;
        b->bits = ali_states_equal(c->states + b->index, 0xff, ALI_OBJECT_RAW);
        if (b->bits != 0)
            break;
        c->cursor = b->index + ALI_WINDOW < c->count ? b->index + ALI_WINDOW : 0;
    }
    while (ali_bit_count(b->bits) > limit)
        b->bits &= ~(UINT64_C(1) << ali_high_bit(b->bits));
    for (uint64_t bits = b->bits; bits != 0; bits &= bits - 1)
        ali_state_write(c->states + b->index + ali_low_bit(bits), ALI_OBJECT_MAKING);
    ali_pool_chunk_count_free(o, c, -(ptrdiff_t)ali_bit_count(b->bits));
    ali_pool_chunk_count_raw(o, c, -(ptrdiff_t)ali_bit_count(b->bits));
    b->chunk = c;
    return b->bits != 0;
}

static bool claim_some_raw(struct ali_opool *o, size_t limit, struct batch *b)
{
    bool good = false;

    ali_opool_enter(o);
    for (struct ali_area *a = o->chunks.first; a != NULL && !good; a = a->next)
        if (((struct ali_pool_chunk *)a)->raw != 0)
            good = claim_raw(o, (struct ali_pool_chunk *)a, limit, b);
    ali_opool_leave(o);
    return good;
}

static allot_status construct_one(struct ali_opool *o, char *object)
{
    allot_status s;

    if (o->has_checker)
        ali_os_allow(object, o->object_bytes, false);
    s = o->construct(object, o->arg);
    if (o->has_checker)
        ali_os_forbid(object, o->object_bytes);
    return s;
}

/* How many were constructed; fewer than claimed when the constructor fails. */
static size_t construct_batch(struct ali_opool *o, const struct batch *b)
{
    uint64_t made = 0;
    uint64_t bits = b->bits;

    for (; bits != 0; bits &= bits - 1) {
        size_t i = b->index + ali_low_bit(bits);

        if (construct_one(o, ali_pool_chunk_object(o, b->chunk, i)) != 0)
            break;
        made |= bits & -bits;
    }
    ali_opool_enter(o);
    for (bits = b->bits; bits != 0; bits &= bits - 1)
        ali_state_write(b->chunk->states + b->index + ali_low_bit(bits),
                        made & bits & -bits ? ALI_OBJECT_FREE : ALI_OBJECT_RAW);
    ali_pool_chunk_count_free(o, b->chunk, (ptrdiff_t)ali_bit_count(b->bits));
    ali_pool_chunk_count_raw(o, b->chunk, (ptrdiff_t)ali_bit_count(b->bits & ~made));
    ali_opool_leave(o);
    return ali_bit_count(made);
}

static allot_status construct_more(struct ali_opool *o, size_t count, const void *caller)
{
    struct batch b = {NULL, 0, 0};

    while (count > 0) {
        size_t made;

        if (!claim_some_raw(o, count, &b)) {
            if (ali_opool_grow(o, count, caller) != 0)
                return -ENOMEM;
            continue;
        }
        made = construct_batch(o, &b);
        if (made < ali_bit_count(b.bits))
            return refuse(ALLOT_CAUSE_OS, -ENOMEM);
        count -= made;
    }
    return 0;
}

allot_status allot_pool_preheat(allot_pool *pool, size_t count)
{
    struct ali_opool *o = pool->own;
    size_t ready = count_ready(o);

    if (ready < count && o->construct == NULL)
        return ali_opool_grow(o, count - ready, __builtin_return_address(0));
    if (ready < count)
        return construct_more(o, count - ready, __builtin_return_address(0));
    return 0;
}

/* Every object FREE that was ever handed out. */
static void free_states(struct ali_opool *o, struct ali_pool_chunk *c, const void *caller)
{
    for (size_t i = 0; i < c->count; i++) {
        uint8_t state = ali_state_read(c->states + i);

        if (state >= ALI_OBJECT_WATCHED && ali_object_is_live(state))
            ali_seam_tell_freed(state - ALI_OBJECT_WATCHED + 1U, ali_pool_chunk_object(o, c, i),
                                o->object_bytes, caller);
        if (state != ALI_OBJECT_RAW)
            ali_state_write(c->states + i, ALI_OBJECT_FREE);
    }
    if (o->has_checker)
        ali_os_forbid((void *)c->area.start, c->area.bytes);
    ali_pool_chunk_count_free(o, c, (ptrdiff_t)(c->count - c->free));
}

allot_status ali_opool_reset(allot_allocator *a, const void *caller)
{
    struct ali_opool *o = ((allot_pool *)a)->own;

    ali_cache_empty_all(o);
    ali_opool_fold(o);
    ali_opool_close_window(o);
    for (struct ali_area *area = o->chunks.first; area != NULL; area = area->next)
        free_states(o, (struct ali_pool_chunk *)area, caller);
    ali_alone_end_all(o, caller);
    return 0;
}

void allot_pool_reset(allot_pool *pool)
{
    (void)ali_opool_reset(&pool->base, __builtin_return_address(0));
}

size_t ali_opool_trim(allot_allocator *a)
{
    struct ali_opool *o = ((allot_pool *)a)->own;
    struct ali_pool_chunk *gone = NULL;
    size_t bytes = 0;

    if (o->flags & ALLOT_POOL_CACHED)
        (void)ali_cache_flush(o);
    ali_opool_enter(o);
    ali_opool_fold(o);
    ali_opool_close_window(o);
    for (struct ali_pool_chunk *next, *c = o->lists[ALI_POOL_CHUNK_RICH]; c != NULL; c = next) {
        next = c->next_free;
        if (c->memory == NULL || c->free != c->count)
            continue;
        ali_pool_chunk_detach(o, c);
        c->next_free = gone;
        gone = c;
    }
    /* release: a thread that gets an object of memory that is used again sees it (pool_cache.c) */
    if (gone != NULL)
        atomic_fetch_add_explicit(&o->trims, 1, memory_order_release);
    ali_opool_leave(o);
    while (gone != NULL) {
        struct ali_pool_chunk *c = gone;

        gone = c->next_free;
        bytes += c->memory_bytes;
        ali_pool_chunk_end(o, c);
    }
    return bytes;
}

size_t allot_pool_trim(allot_pool *pool)
{
    return ali_opool_trim(&pool->base);
}

/* Taking objects out of a pool and putting them back: what the inlined paths fall back to. */
#include <errno.h>

#include "region/pool.h"

/* --- the window --------------------------------------------------------------------------- */

void ali_opool_fold(struct ali_opool *o)
{
    allot_pool *pool = o->pool;

    if (pool->puts == 0)
        return;
    o->put_chunk->hint = pool->last_put;
    ali_pool_chunk_count_free(o, o->put_chunk, (ptrdiff_t)pool->puts);
    pool->puts = 0;
}

void ali_opool_close_window(struct ali_opool *o)
{
    uint64_t bits = o->parked | o->pool->bits;

    if (bits == 0)
        return; /* nothing of the public struct is written to in a shared pool */
    o->parked = 0;
    if (!o->is_hidden)
        o->pool->bits = 0;
    o->opened -= ali_bit_count(bits);
    ali_pool_chunk_count_free(o, o->window_chunk, (ptrdiff_t)ali_bit_count(bits));
}

/* Constructors are dear: none is called while there is a constructed object. */
static bool is_used_up(const struct ali_opool *o)
{
    return o->free_objects == o->raw_objects && o->raw_objects != 0;
}

static bool has_some(const struct ali_opool *o, const struct ali_pool_chunk *c)
{
    return is_used_up(o) ? c->raw != 0 : c->free != c->raw;
}

/* Those of a window that can be taken. */
static uint64_t free_bits(const struct ali_opool *o, const struct ali_pool_chunk *c, size_t index)
{
    uint64_t bits;

    if (o->construct == NULL)
        return ali_states_equal(c->states + index, 0xfd, 0);
    if (!is_used_up(o))
        return ali_states_equal(c->states + index, 0xff, ALI_OBJECT_FREE);
    bits = ali_states_equal(c->states + index, 0xff, ALI_OBJECT_RAW);
    return bits & -bits;
}

/* Of large objects a window gives few, so that a program that gets and puts one at a time keeps
 * getting memory that is in the cache: those around `near`, or else around the lowest. */
static uint64_t narrow(const struct ali_opool *o, uint64_t bits, size_t near)
{
    size_t width = o->window_objects;
    uint64_t group;

    if (width == ALI_WINDOW)
        return bits;
    group = ((UINT64_C(1) << width) - 1) << ali_align_down(near, width);
    if ((bits & group) == 0)
        group = ((UINT64_C(1) << width) - 1) << ali_align_down(ali_low_bit(bits), width);
    return bits & group;
}

static void open_window(struct ali_opool *o, struct ali_pool_chunk *c, size_t index, uint64_t bits,
                        size_t near)
{
    uint64_t some = narrow(o, bits, near);
    size_t count = ali_bit_count(some);

    if (is_used_up(o))
        ali_pool_chunk_count_raw(o, c, -1);
    o->window_chunk = c;
    o->window_index = index;
    o->parked = some;
    o->opened += count;
    ali_pool_chunk_count_free(o, c, -(ptrdiff_t)count);
    o->peak_objects = ali_max(o->peak_objects, o->objects - o->free_objects + o->alone.count);
}

/* The next window of the chunk with something in it, from the cursor on. The chunk has some. */
static void search(struct ali_opool *o, struct ali_pool_chunk *c)
{
    size_t windows = (c->count + ALI_WINDOW - 1) / ALI_WINDOW;

    for (size_t i = 0; i < windows; i++) {
        size_t index = c->cursor;
        uint64_t bits = free_bits(o, c, index);

        if (bits != 0) {
            open_window(o, c, index, bits, ali_low_bit(bits));
            return;
        }
        c->cursor = index + ALI_WINDOW < c->count ? index + ALI_WINDOW : 0;
    }
    __builtin_trap(); /* the count is wrong: somebody wrote into our memory */
}

/* The window of what was put last, which is warm, when `least` of it is free. */
static bool open_warm(struct ali_opool *o, struct ali_pool_chunk *c, unsigned least)
{
    size_t index = ali_align_down(c->hint, ALI_WINDOW);
    uint64_t bits = free_bits(o, c, index);

    if (ali_bit_count(bits) < least)
        return false;
    open_window(o, c, index, bits, c->hint % ALI_WINDOW);
    return true;
}

static struct ali_pool_chunk *first_of(const struct ali_opool *o, enum ali_pool_chunk_list list)
{
    struct ali_pool_chunk *c = o->lists[list];

    while (c != NULL && !has_some(o, c))
        c = c->next_free;
    return c;
}

/* First choice is the chunk that was put to last, as long as it is rich: a window of few objects
 * is soon used up. The search goes on where it was, and never begins anew at the lowest address. */
static bool refill(struct ali_opool *o)
{
    struct ali_pool_chunk *put = o->put_chunk;
    struct ali_pool_chunk *c = put;

    if (c == NULL || c->list != ALI_POOL_CHUNK_RICH || !has_some(o, c))
        c = first_of(o, ALI_POOL_CHUNK_RICH);
    if (c != NULL) {
        if (!open_warm(o, c, ALI_WINDOW / 8))
            search(o, c);
        return true;
    }
    if (put != NULL && put->free != 0 && open_warm(o, put, 1))
        return true;
    c = first_of(o, ALI_POOL_CHUNK_POOR);
    if (c != NULL)
        search(o, c);
    return c != NULL;
}

/* Those of the window before the sample. */
static uint64_t unwatched(struct ali_opool *o, uint64_t bits)
{
    size_t count = ali_bit_count(bits);
    size_t skipped = ali_sampler_skip(&o->sampler, o->object_bytes, count);
    uint64_t rest = bits;

    if (ali_likely(skipped == count))
        return bits;
    while (skipped-- > 0)
        rest &= rest - 1;
    return bits & ~rest;
}

/* Shows the inlined path what nobody needs to see. */
static void show(struct ali_opool *o)
{
    struct ali_pool_chunk *c = o->window_chunk;
    allot_pool *pool = o->pool;

    pool->bits = unwatched(o, o->parked);
    o->parked &= ~pool->bits;
    pool->bit_states = c->states + o->window_index;
    pool->bit_objects = ali_pool_chunk_object(o, c, o->window_index);
}

/* --- taking ------------------------------------------------------------------------------- */

struct taken {
    char *object;
    uint8_t *state;
    struct ali_pool_chunk *chunk;
    bool is_raw;
};

static bool take_parked(struct ali_opool *o, struct taken *t)
{
    size_t i;

    if (o->parked == 0 && !refill(o))
        return false;
    t->chunk = o->window_chunk;
    i = o->window_index + ali_low_bit(o->parked);
    o->parked &= o->parked - 1;
    t->state = t->chunk->states + i;
    t->object = ali_pool_chunk_object(o, t->chunk, i);
    t->is_raw = ali_state_read(t->state) == ALI_OBJECT_RAW;
    return true;
}

static bool wants_alone(const struct ali_opool *o)
{
    return ali_seam_wants_individual(o->source);
}

/* *turn is that of the observer to be told. */
static bool take_locked(struct ali_opool *o, struct taken *t, uint32_t *turn)
{
    bool good;

    ali_opool_enter(o);
    ali_opool_fold(o);
    good = take_parked(o, t);
    if (good) {
        *turn = ali_sampler_due(&o->sampler, o->object_bytes);
        ali_state_write(t->state,
                        (uint8_t)(*turn != 0 ? ALI_OBJECT_WATCHED + *turn - 1 : ALI_OBJECT_LIVE));
        if (!o->is_hidden && (o->construct == NULL || !t->is_raw) && !wants_alone(o))
            show(o);
    }
    ali_opool_leave(o);
    return good;
}

/* What the callback does leaves no trace in the error that the get fails with. */
static bool reclaim(struct ali_opool *o)
{
    struct allot_error error = allot_last_error();
    int number = errno;
    bool more = o->reclaim(o->pool, o->arg);

    ali_error_set(error.layer, error.cause, error.os_error);
    errno = number;
    return more;
}

/* Nothing is left: grows, or has the program put something. */
static bool recover(struct ali_opool *o, bool *asked, const struct ali_site *site)
{
    if ((o->flags & ALLOT_POOL_CACHED) && ali_cache_flush(o) != 0)
        return true;
    if (ali_opool_provide(o, site->caller) == 0)
        return true;
    if (o->reclaim == NULL || *asked)
        return false;
    *asked = true;
    return reclaim(o);
}

/* It was not constructed after all. */
static void put_back_raw(struct ali_opool *o, const struct taken *t)
{
    o->opened--;
    ali_pool_chunk_count_free(o, t->chunk, 1);
    ali_pool_chunk_count_raw(o, t->chunk, 1);
}

static void untake(struct ali_opool *o, const struct taken *t)
{
    ali_opool_enter(o);
    ali_state_write(t->state, ALI_OBJECT_RAW);
    put_back_raw(o, t);
    ali_opool_leave(o);
}

static bool make_ready(struct ali_opool *o, const struct taken *t)
{
    allot_status s;

    if (o->has_checker)
        ali_os_allow(t->object, o->object_bytes, o->construct != NULL && !t->is_raw);
    if (!t->is_raw || o->construct == NULL)
        return true;
    s = o->construct(t->object, o->arg);
    if (s == 0)
        return true;
    if (o->has_checker)
        ali_os_forbid(t->object, o->object_bytes);
    untake(o, t);
    ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_OS, s);
    errno = ENOMEM;
    return false;
}

static void *no_object(struct ali_opool *o)
{
    atomic_fetch_add_explicit(&o->failures, 1, memory_order_relaxed);
    return NULL;
}

static void *take_alone(struct ali_opool *o, const struct ali_site *site)
{
    void *p = ali_alone_take(o, site);

    if (p == NULL && o->reclaim != NULL && reclaim(o))
        p = ali_alone_take(o, site);
    return p != NULL ? p : no_object(o);
}

void *ali_opool_take(struct ali_opool *o, const struct ali_site *site)
{
    struct taken t;
    bool asked = false;
    uint32_t turn = 0;

    if (ali_unlikely(wants_alone(o)))
        return take_alone(o, site);
    while (!take_locked(o, &t, &turn))
        if (!recover(o, &asked, site))
            return no_object(o);
    if (!make_ready(o, &t))
        return no_object(o);
    ali_seam_tell_allocated(turn, t.object, o->object_bytes, o->object_bytes, site->caller);
    return t.object;
}

/* One that must be constructed first stays. */
static bool take_ready(struct ali_opool *o, struct taken *t)
{
    if (!take_parked(o, t))
        return false;
    if (!t->is_raw || o->construct == NULL)
        return true;
    put_back_raw(o, t);
    return false;
}

size_t ali_opool_take_many(struct ali_opool *o, void **objects, size_t count,
                           const struct ali_site *site)
{
    struct taken t;
    uint32_t turn = 0;
    size_t n = 0;

    if (ali_unlikely(wants_alone(o)))
        return 0;
    ali_opool_enter(o);
    ali_opool_fold(o);
    while (n < count && turn == 0 && take_ready(o, &t)) {
        turn = ali_sampler_due(&o->sampler, o->object_bytes);
        ali_state_write(t.state,
                        (uint8_t)(turn != 0 ? ALI_OBJECT_WATCHED + turn - 1 : ALI_OBJECT_LIVE));
        objects[n++] = t.object;
    }
    ali_opool_leave(o);
    for (size_t i = 0; i < n && o->has_checker; i++)
        ali_os_allow(objects[i], o->object_bytes, o->construct != NULL);
    if (turn != 0)
        ali_seam_tell_allocated(turn, objects[n - 1], o->object_bytes, o->object_bytes,
                                site->caller);
    return n;
}

/* --- giving ------------------------------------------------------------------------------- */

/* The inlined put goes to this chunk now. */
ALI_INLINE void put_to(struct ali_opool *o, struct ali_pool_chunk *c)
{
    allot_pool *pool = o->pool;

    if (o->put_chunk == c)
        return;
    o->put_chunk = c;
    if (o->is_hidden)
        return;
    pool->chunk = c->area.start;
    pool->chunk_bytes = c->area.bytes;
    pool->chunk_states = c->states;
}

/* Of threads that put the same object, one succeeds: where no state changes without the lock, which
 * is held, there is no other. */
ALI_INLINE bool claim(const struct ali_opool *o, uint8_t *state, uint8_t *was)
{
    *was = ali_state_read(state);
    if (ali_likely(!(o->flags & ALLOT_POOL_CACHED))) {
        if (ali_likely(*was == ALI_OBJECT_LIVE && !o->has_checker))
            return true; /* who holds the lock makes it free next */
        if (ali_object_is_live(*was))
            ali_state_write(state, ALI_OBJECT_HELD);
        return ali_object_is_live(*was);
    }
    while (ali_object_is_live(*was))
        if (__atomic_compare_exchange_n(state, was, ALI_OBJECT_HELD, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return true;
    return false;
}

/* What is to be done with a put that was looked at with the lock. */
struct given {
    struct ali_pool_chunk *chunk; /* NULL: p is in none */
    size_t index;
    uint8_t was;
    bool is_good;
};

ALI_INLINE void give_held(struct ali_opool *o, const struct given *g)
{
    ali_state_write(g->chunk->states + g->index, ALI_OBJECT_FREE);
    g->chunk->hint = g->index;
    ali_pool_chunk_count_free(o, g->chunk, 1);
    put_to(o, g->chunk);
}

/* True: it is done. False: somebody is to be told, without the lock. The lock is held. */
ALI_INLINE bool give_locked(struct ali_opool *o, const void *p, struct given *g)
{
    g->chunk = ali_pool_chunk_find(o, p);
    g->is_good = false;
    if (ali_unlikely(g->chunk == NULL))
        return false;
    g->is_good = ali_pool_chunk_index(o, g->chunk, p, &g->index) &&
                 claim(o, g->chunk->states + g->index, &g->was);
    if (ali_unlikely(!g->is_good || g->was != ALI_OBJECT_LIVE || o->has_checker))
        return false;
    give_held(o, g);
    return true;
}

/* A chunk stays as long as an object in it is held. */
ALI_NOINLINE static void give_told(struct ali_opool *o, void *p, const struct given *g,
                                   const struct ali_site *site)
{
    if (!g->is_good) {
        if (g->chunk != NULL || !ali_alone_give(o, p, site->caller))
            ali_opool_blame(o, p, site);
        return;
    }
    if (g->was != ALI_OBJECT_LIVE)
        ali_seam_tell_freed(g->was - ALI_OBJECT_WATCHED + 1U, p, o->object_bytes, site->caller);
    if (o->has_checker)
        ali_os_forbid(p, o->object_bytes);
    ali_opool_enter(o);
    give_held(o, g);
    ali_opool_leave(o);
}

void ali_opool_give(struct ali_opool *o, void *p, const struct ali_site *site)
{
    struct given g;
    bool is_done;

    ali_opool_enter(o);
    ali_opool_fold(o);
    is_done = give_locked(o, p, &g);
    ali_opool_leave(o);
    if (!is_done)
        give_told(o, p, &g, site);
}

void ali_opool_give_many(struct ali_opool *o, void *const *objects, size_t count,
                         const struct ali_site *site)
{
    size_t i = 0;

    while (i < count) {
        struct given g;
        bool is_done = true;

        ali_opool_enter(o);
        ali_opool_fold(o);
        while (i < count && is_done) {
            is_done = objects[i] == NULL || give_locked(o, objects[i], &g);
            i++;
        }
        ali_opool_leave(o);
        if (!is_done)
            give_told(o, objects[i - 1], &g, site);
    }
}

/* --- for caches --------------------------------------------------------------------------- */

void ali_opool_move_out(struct ali_opool *o, struct ali_magazine *m)
{
    struct taken t;

    while (m->count < ALLOT_POOL_MAGAZINE && take_ready(o, &t)) {
        ali_state_write(t.state, ALI_OBJECT_CACHED);
        m->entries[m->count].object = t.object;
        m->entries[m->count].state = t.state;
        m->count++;
        o->moved_out++;
    }
}

size_t ali_opool_move_in(struct ali_opool *o, struct ali_magazine *m)
{
    size_t count = m->count;

    while (m->count != 0) {
        struct ali_pool_chunk *c = ali_pool_chunk_find(o, m->entries[--m->count].object);
        uint8_t *state = m->entries[m->count].state;

        ali_state_write(state, ALI_OBJECT_FREE);
        c->hint = (size_t)(state - c->states);
        o->put_chunk = c;
        ali_pool_chunk_count_free(o, c, 1);
    }
    return count;
}

/* --- misuse ------------------------------------------------------------------------------- */

static void describe(struct ali_opool *o, struct allot_misuse *m)
{
    struct ali_pool_chunk *c = ali_pool_chunk_find(o, m->pointer);
    const struct ali_area *alone = ali_areas_find(&o->alone, m->pointer);
    uint8_t state = ALI_OBJECT_LIVE;
    size_t i;

    if (c == NULL && alone == NULL)
        return; /* the report looks it up */
    m->block_bytes = o->object_bytes;
    if (c == NULL) {
        m->block = ali_alone_object(alone);
    } else {
        (void)ali_pool_chunk_index(o, c, m->pointer, &i);
        m->block = ali_pool_chunk_object(o, c, i);
        state = ali_state_read(c->states + i);
    }
    m->place = state == ALI_OBJECT_RAW     ? ALLOT_PLACE_UNISSUED_BLOCK
               : ali_object_is_live(state) ? ALLOT_PLACE_LIVE_BLOCK
                                           : ALLOT_PLACE_FREED_BLOCK;
}

void ali_opool_blame(struct ali_opool *o, const void *p, const struct ali_site *site)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_FREE,
                             .call = site->call,
                             .pointer = p,
                             .heap = o->name[0] != '\0' ? o->name : NULL};

    ali_opool_enter(o);
    describe(o, &m);
    ali_opool_leave(o);
    if (m.block == p && m.place == ALLOT_PLACE_FREED_BLOCK)
        m.kind = ALLOT_MISUSE_DOUBLE_FREE;
    ali_report_misuse(&m, site->caller);
}

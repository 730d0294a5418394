/* What a thread keeps of shared pools: two magazines for each pool that it uses.
 *
 *     thread: slots -> ali_cache -> loaded, previous       get and put: no lock
 *     pool:   depot -> full magazine -> full magazine      a whole magazine at a time, with the
 * lock
 *
 * A thread that only gets or only puts goes to the pool once in ALLOT_POOL_MAGAZINE calls, and one
 * that does both by turns never does. Objects go from thread to thread in whole magazines.
 *
 * A put is checked without the lock: the state byte goes from LIVE to CACHED by compare-and-swap,
 * so that one of two threads that put the same object fails. Where the byte is, the cache remembers
 * for the last few chunks by values, not by pointers: a chunk may go while it is looked for.
 *
 * Caches and magazines are metadata: never unmapped. A cache belongs to its thread; its pool may
 * end before, and then only zeroes `pool_id`, holding the list of pools. A thread that ends gives
 * back what it has; one that goes on afterwards, in destructors, has no cache.
 *
 * Source: J. Bonwick, J. Adams, "Magazines and Vmem", USENIX 2001. */
#include "region/pool.h"

enum { SLOTS = 8, CHUNKS = 8, CHUNK_SHIFT = 16 };

struct known_chunk {
    uintptr_t start;
    size_t bytes;
    uint8_t *states;
};

struct ali_cache {
    struct ali_cache *next_of_thread;
    struct ali_cache *next_of_pool; /* the pool's lock */
    _Atomic(uint64_t) pool_id;      /* 0: the pool is gone */
    struct ali_magazine *loaded;
    struct ali_magazine *previous; /* full or empty, but for the first moments */
    _Atomic(size_t) gets;          /* written by the thread */
    uint32_t trims;                /* of the pool, when the chunks were learnt */
    struct known_chunk chunks[CHUNKS];
};

static struct ali_pool cache_pieces = ALI_POOL_INIT(sizeof(struct ali_cache));
static struct ali_pool magazine_pieces = ALI_POOL_INIT(sizeof(struct ali_magazine));

static _Thread_local struct {
    struct ali_cache *slots[SLOTS];
    struct ali_cache *all;
    bool is_ending;
} mine __attribute__((tls_model("initial-exec")));

/* --- the end of a thread ------------------------------------------------------------------ */

enum { KEY_NONE, KEY_MAKING, KEY_READY, KEY_REFUSED };
static _Atomic(int) key_state;
static uint32_t key;

static size_t empty_into_pool(struct ali_opool *o, struct ali_cache *c)
{
    return ali_opool_move_in(o, c->loaded) + ali_opool_move_in(o, c->previous);
}

static void unlink_from_pool(struct ali_opool *o, struct ali_cache *c)
{
    struct ali_cache **at = &o->caches;

    while (*at != c)
        at = &(*at)->next_of_pool;
    __atomic_store_n(at, c->next_of_pool, __ATOMIC_RELEASE);
    o->cache_gets += atomic_load_explicit(&c->gets, memory_order_relaxed);
}

static void free_cache(struct ali_cache *c)
{
    ali_pool_give(&magazine_pieces, c->loaded);
    ali_pool_give(&magazine_pieces, c->previous);
    ali_pool_give(&cache_pieces, c);
}

static void end_cache(struct ali_cache *c)
{
    struct ali_opool *o =
        ali_shared_pools_enter(atomic_load_explicit(&c->pool_id, memory_order_acquire));

    if (o != NULL) {
        ali_lock(&o->lock);
        (void)empty_into_pool(o, c);
        unlink_from_pool(o, c);
        ali_unlock(&o->lock);
    }
    ali_shared_pools_leave();
    free_cache(c);
}

static void end_thread(void *value)
{
    (void)value;
    mine.is_ending = true;
    memset(mine.slots, 0, sizeof mine.slots);
    while (mine.all != NULL) {
        struct ali_cache *c = mine.all;

        mine.all = c->next_of_thread;
        end_cache(c);
    }
}

/* Without it, what a thread keeps would be lost with the thread. */
static bool have_key(void)
{
    int state = atomic_load_explicit(&key_state, memory_order_acquire);
    int none = KEY_NONE;

    if (ali_likely(state == KEY_READY))
        return true;
    if (state != KEY_NONE || !atomic_compare_exchange_strong(&key_state, &none, KEY_MAKING))
        return false;
    state = ali_os_exit_key_make(&key, end_thread) == 0 ? KEY_READY : KEY_REFUSED;
    atomic_store_explicit(&key_state, state, memory_order_release);
    return state == KEY_READY;
}

/* --- this thread's cache of a pool -------------------------------------------------------- */

static struct ali_cache *make_cache(void)
{
    struct ali_magazine *one = ali_pool_take(&magazine_pieces);
    struct ali_magazine *two = ali_pool_take(&magazine_pieces);
    struct ali_cache *c = ali_pool_take(&cache_pieces);

    if (one != NULL && two != NULL && c != NULL) {
        *c = (struct ali_cache){.loaded = one, .previous = two};
        one->count = two->count = 0;
        return c;
    }
    if (one != NULL)
        ali_pool_give(&magazine_pieces, one);
    if (two != NULL)
        ali_pool_give(&magazine_pieces, two);
    if (c != NULL)
        ali_pool_give(&cache_pieces, c);
    return NULL;
}

static struct ali_cache *add_cache(struct ali_opool *o)
{
    struct ali_cache *c;

    if (mine.is_ending || !have_key())
        return NULL;
    c = make_cache();
    if (c == NULL)
        return NULL;
    ali_os_exit_key_arm(key, &mine);
    atomic_store_explicit(&c->pool_id, o->id, memory_order_relaxed);
    c->trims = atomic_load_explicit(&o->trims, memory_order_relaxed);
    c->next_of_thread = mine.all;
    mine.all = c;
    ali_lock(&o->lock);
    c->next_of_pool = o->caches;
    __atomic_store_n(&o->caches, c, __ATOMIC_RELEASE);
    ali_unlock(&o->lock);
    return c;
}

/* On the way, those of pools that are gone are given up. */
static struct ali_cache *search_mine(const struct ali_opool *o)
{
    struct ali_cache **at = &mine.all;

    while (*at != NULL) {
        struct ali_cache *c = *at;
        uint64_t id = atomic_load_explicit(&c->pool_id, memory_order_acquire);

        if (id == o->id)
            return c;
        if (id != 0) {
            at = &c->next_of_thread;
            continue;
        }
        *at = c->next_of_thread;
        for (unsigned i = 0; i < SLOTS; i++)
            if (mine.slots[i] == c)
                mine.slots[i] = NULL;
        free_cache(c);
    }
    return NULL;
}

/* NULL: not in its slot. */
ALI_INLINE struct ali_cache *cache_in_slot(const struct ali_opool *o)
{
    struct ali_cache *c = mine.slots[o->id % SLOTS];

    return c != NULL && atomic_load_explicit(&c->pool_id, memory_order_relaxed) == o->id ? c : NULL;
}

static struct ali_cache *cache_of(struct ali_opool *o)
{
    struct ali_cache *c = cache_in_slot(o);

    if (c != NULL)
        return c;
    c = search_mine(o);
    if (c == NULL)
        c = add_cache(o);
    mine.slots[o->id % SLOTS] = c;
    return c;
}

/* Where each object is to be seen, nothing is kept. */
static bool may_cache(const struct ali_opool *o)
{
    return !o->has_checker && ali_observer_turn_now() == 0 &&
           ali_options.regions != ALI_REGIONS_INDIVIDUAL;
}

/* --- get ---------------------------------------------------------------------------------- */

static void swap_magazines(struct ali_cache *c)
{
    struct ali_magazine *m = c->loaded;

    c->loaded = c->previous;
    c->previous = m;
}

/* Both are empty: a full one from the depot, or a filled one. */
static bool refill_cache(struct ali_opool *o, struct ali_cache *c)
{
    struct ali_magazine *full;

    ali_lock(&o->lock);
    full = o->depot;
    if (full != NULL)
        o->depot = full->next;
    else
        ali_opool_move_out(o, c->loaded);
    ali_unlock(&o->lock);
    if (full != NULL) {
        ali_pool_give(&magazine_pieces, c->loaded);
        c->loaded = full;
    }
    return c->loaded->count != 0;
}

ALI_INLINE void *pop(struct ali_cache *c)
{
    struct ali_magazine *m = c->loaded;

    m->count--;
    ali_state_write(m->entries[m->count].state, ALI_OBJECT_LIVE);
    atomic_store_explicit(&c->gets, atomic_load_explicit(&c->gets, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return m->entries[m->count].object;
}

ALI_NOINLINE static void *get_missed(struct ali_opool *o)
{
    struct ali_cache *c = cache_of(o);

    if (c == NULL || !may_cache(o))
        return NULL;
    if (c->loaded->count == 0) {
        if (c->previous->count != 0)
            swap_magazines(c);
        else if (!refill_cache(o, c))
            return NULL;
    }
    return pop(c);
}

/* Calls nothing on the way that hits, and so saves no registers; as in put. */
void *ali_cache_get(struct ali_opool *o)
{
    struct ali_cache *c = cache_in_slot(o);

    if (ali_likely(c != NULL && may_cache(o) && c->loaded->count != 0))
        return pop(c);
    return get_missed(o);
}

/* --- put ---------------------------------------------------------------------------------- */

static bool learn_chunk(struct ali_opool *o, const void *p, struct known_chunk *known)
{
    const struct ali_pool_chunk *c;

    ali_lock(&o->lock);
    c = ali_pool_chunk_find(o, p);
    if (c != NULL)
        *known = (struct known_chunk){c->area.start, c->area.bytes, c->states};
    ali_unlock(&o->lock);
    return c != NULL;
}

ALI_INLINE struct known_chunk *known_at(struct ali_cache *c, const void *p)
{
    return &c->chunks[((uintptr_t)p >> CHUNK_SHIFT) % CHUNKS];
}

/* The state byte of the object at p, NULL when there is none at p. An entry that has become wrong
 * is never used: who has an object of memory that became a chunk again has seen `trims` change. */
static uint8_t *find_state(struct ali_opool *o, struct ali_cache *c, const void *p)
{
    struct known_chunk *known = known_at(c, p);
    uint32_t trims = atomic_load_explicit(&o->trims, memory_order_acquire);
    unsigned __int128 product;

    if (ali_unlikely(c->trims != trims)) {
        memset(c->chunks, 0, sizeof c->chunks);
        c->trims = trims;
    }
    if (ali_unlikely((uintptr_t)p - known->start >= known->bytes) && !learn_chunk(o, p, known))
        return NULL;
    product = (unsigned __int128)((uintptr_t)p - known->start) * o->reciprocal;
    return (uint64_t)product < o->reciprocal ? known->states + (size_t)(product >> 64) : NULL;
}

/* Both are full: one goes to the depot; when there is no other for it, its objects to the pool. */
static void make_room(struct ali_opool *o, struct ali_cache *c)
{
    struct ali_magazine *empty = ali_pool_take(&magazine_pieces);

    if (empty != NULL)
        empty->count = 0;
    ali_lock(&o->lock);
    if (empty != NULL) {
        c->previous->next = o->depot;
        o->depot = c->previous;
    } else {
        (void)ali_opool_move_in(o, c->previous);
        empty = c->previous;
    }
    ali_unlock(&o->lock);
    c->previous = c->loaded;
    c->loaded = empty;
}

static bool claim(uint8_t *state)
{
    uint8_t live = ALI_OBJECT_LIVE;

    return __atomic_compare_exchange_n(state, &live, ALI_OBJECT_CACHED, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

ALI_INLINE void push(struct ali_magazine *m, void *object, uint8_t *state)
{
    m->entries[m->count].object = object;
    m->entries[m->count].state = state;
    m->count++;
}

ALI_NOINLINE static bool put_missed(struct ali_opool *o, void *object)
{
    struct ali_cache *c = cache_of(o);
    uint8_t *state;

    if (c == NULL || !may_cache(o))
        return false;
    state = find_state(o, c, object);
    if (state == NULL || !claim(state))
        return false;
    if (c->loaded->count == ALLOT_POOL_MAGAZINE) {
        if (c->previous->count == 0)
            swap_magazines(c);
        else
            make_room(o, c);
    }
    push(c->loaded, object, state);
    return true;
}

bool ali_cache_put(struct ali_opool *o, void *object)
{
    struct ali_cache *c = cache_in_slot(o);
    const struct known_chunk *known;
    unsigned __int128 product;
    uint8_t *state;

    if (ali_unlikely(c == NULL || !may_cache(o) || c->loaded->count == ALLOT_POOL_MAGAZINE ||
                     c->trims != atomic_load_explicit(&o->trims, memory_order_acquire)))
        return put_missed(o, object);
    known = known_at(c, object);
    product = (unsigned __int128)((uintptr_t)object - known->start) * o->reciprocal;
    if (ali_unlikely((uintptr_t)object - known->start >= known->bytes ||
                     (uint64_t)product >= o->reciprocal))
        return put_missed(o, object);
    state = known->states + (size_t)(product >> 64);
    if (!claim(state))
        return false;
    push(c->loaded, object, state);
    return true;
}

/* --- all of it ---------------------------------------------------------------------------- */

static struct ali_magazine *empty_depot(struct ali_opool *o, size_t *count)
{
    struct ali_magazine *all = o->depot;

    o->depot = NULL;
    for (struct ali_magazine *m = all; m != NULL; m = m->next)
        *count += ali_opool_move_in(o, m);
    return all;
}

static void free_magazines(struct ali_magazine *m)
{
    while (m != NULL) {
        struct ali_magazine *next = m->next;

        ali_pool_give(&magazine_pieces, m);
        m = next;
    }
}

size_t ali_cache_flush(struct ali_opool *o)
{
    struct ali_cache *c = search_mine(o);
    struct ali_magazine *full;
    size_t count = 0;

    ali_lock(&o->lock);
    full = empty_depot(o, &count);
    if (c != NULL)
        count += empty_into_pool(o, c);
    ali_unlock(&o->lock);
    free_magazines(full);
    return count;
}

void ali_cache_free_depot(struct ali_opool *o)
{
    free_magazines(o->depot);
    o->depot = NULL;
}

void ali_cache_empty_all(struct ali_opool *o)
{
    ali_cache_free_depot(o);
    for (struct ali_cache *c = o->caches; c != NULL; c = c->next_of_pool)
        c->loaded->count = c->previous->count = 0;
}

void ali_cache_forget_all(struct ali_opool *o)
{
    struct ali_cache *next;

    for (struct ali_cache *c = o->caches; c != NULL; c = next) {
        next = c->next_of_pool;
        c->loaded->count = c->previous->count = 0;
        /* release: pairs with the acquire in search_mine, after which the thread frees it */
        atomic_store_explicit(&c->pool_id, 0, memory_order_release);
    }
    o->caches = NULL;
}

size_t ali_cache_gets(const struct ali_opool *o)
{
    size_t gets = o->cache_gets;

    for (const struct ali_cache *c = o->caches; c != NULL; c = c->next_of_pool)
        gets += atomic_load_explicit(&c->gets, memory_order_relaxed);
    return gets;
}

/* --- fork --------------------------------------------------------------------------------- */

static void keep(struct ali_opool *o, const struct ali_magazine *m)
{
    for (size_t i = 0; i < m->count; i++) {
        ali_state_write(m->entries[i].state, ALI_OBJECT_CACHED);
        ali_pool_chunk_count_free(o, ali_pool_chunk_find(o, m->entries[i].object), -1);
    }
}

void ali_cache_fork_child(struct ali_opool *o)
{
    struct ali_cache *c;

    o->depot = NULL;
    o->caches = NULL;
    for (c = mine.all; c != NULL; c = c->next_of_thread) {
        if (atomic_load_explicit(&c->pool_id, memory_order_relaxed) != o->id)
            continue;
        c->next_of_pool = NULL;
        o->caches = c;
        keep(o, c->loaded);
        keep(o, c->previous);
    }
}

void ali_cache_pieces_fork_child(void)
{
    ali_pool_fork_child(&cache_pieces);
    ali_pool_fork_child(&magazine_pieces);
}

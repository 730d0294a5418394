/* Pools of our own structures.
 *
 *     pool: free list -> bump .. bump_end, a chunk taken from
 *     the store: at .. end, first a static array, then mappings of 64 KiB to 1 MiB
 *
 * The static array makes the first structures cost no system call; the store is shared, so that a
 * dozen small pools do not hold a dozen half-empty mappings. A pool takes chunks in proportion to
 * what it handed out. Nothing is ever unmapped.
 *
 * Locks: a pool's lock and the store's have the same rank and are never held together; no system
 * call is made under either. A forked child may find any pool in the middle of a change: every
 * change is a sequence of single stores after each of which the pool is usable, at worst with a
 * piece or a chunk lost. */
#include "core/metadata.h"
#include "plat/plat.h"

enum {
    FIRST_BYTES = 16 << 10,
    CHUNK_MIN_BYTES = 512,
    CHUNK_MAX_BYTES = 64 << 10,
    MAP_MIN_BYTES = 64 << 10,
    MAP_MAX_BYTES = 1 << 20,
};

struct range {
    char *at;
    char *end; /* below `at` or NULL: empty */
};

static _Alignas(ALI_LINE_BYTES) char first[FIRST_BYTES];

static struct {
    struct ali_lock lock;
    struct range rest;
    _Atomic(size_t) mapped_bytes;
} store = {ALI_LOCK_INIT(ALI_RANK_METADATA), {first, first + FIRST_BYTES}, FIRST_BYTES};

/* Stores whose order a forked child relies on. */
static void set_pointer(char **field, char *value)
{
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

static void set_range(char **at, char **end, struct range r)
{
    set_pointer(end, NULL);
    set_pointer(at, r.at);
    set_pointer(end, r.end);
}

static size_t range_bytes(struct range r)
{
    return r.at < r.end ? (size_t)(r.end - r.at) : 0;
}

static size_t piece_align(size_t piece_bytes)
{
    return ali_min(piece_bytes & (0 - piece_bytes), ali_os_page_bytes);
}

/* Cuts as many pieces as fit, `bytes` at most, off the front of *rest; empty when none does. */
static struct range cut(struct range *rest, size_t piece_bytes, size_t bytes)
{
    size_t gap = (0 - (uintptr_t)rest->at) & (piece_align(piece_bytes) - 1);
    size_t room = range_bytes(*rest);
    struct range got = {NULL, NULL};

    if (room < gap + piece_bytes)
        return got;
    got.at = rest->at + gap;
    got.end = got.at + ali_min(bytes, (room - gap) / piece_bytes * piece_bytes);
    rest->at = got.end;
    return got;
}

static struct range store_cut(size_t piece_bytes, size_t bytes)
{
    struct range rest;
    struct range got;

    ali_lock(&store.lock);
    rest = store.rest;
    got = cut(&rest, piece_bytes, bytes);
    set_pointer(&store.rest.at, rest.at);
    ali_unlock(&store.lock);
    return got;
}

/* Keeps the larger of two rests; the other one is lost, which takes two threads that grow the
 * store at the same time. */
static void store_offer(struct range rest)
{
    ali_lock(&store.lock);
    if (range_bytes(rest) > range_bytes(store.rest))
        set_range(&store.rest.at, &store.rest.end, rest);
    ali_unlock(&store.lock);
}

void ali_metadata_offer(void *at, size_t bytes)
{
    struct range rest = {at, (char *)at + bytes};

    memset(at, 0, bytes); /* pieces are zero when new */
    atomic_fetch_add_explicit(&store.mapped_bytes, bytes, memory_order_relaxed);
    store_offer(rest);
}

static struct range store_grow(size_t piece_bytes, size_t bytes)
{
    struct range none = {NULL, NULL};
    struct range rest;
    struct range got;
    size_t mapped = atomic_load_explicit(&store.mapped_bytes, memory_order_relaxed);
    size_t map_bytes =
        ali_align_up(ali_max(bytes, ali_min(ali_max(mapped / 4, MAP_MIN_BYTES), MAP_MAX_BYTES)),
                     ali_max(ali_os_page_bytes, MAP_MIN_BYTES));

    rest.at = ali_os_map(map_bytes, ALI_OS_READ_WRITE, NULL);
    if (rest.at == NULL)
        return none;
    rest.end = rest.at + map_bytes;
    atomic_fetch_add_explicit(&store.mapped_bytes, map_bytes, memory_order_relaxed);
    got = cut(&rest, piece_bytes, bytes);
    store_offer(rest);
    return got;
}

static struct range chunk_take(size_t piece_bytes, size_t pieces)
{
    size_t want = ali_min(ali_max(pieces * piece_bytes / 2, CHUNK_MIN_BYTES), CHUNK_MAX_BYTES);
    size_t bytes = ali_max(want / piece_bytes, 1) * piece_bytes;
    struct range got = store_cut(piece_bytes, bytes);

    return got.at != NULL ? got : store_grow(piece_bytes, bytes);
}

/* Not plainly: a late reader may look at what the piece was. */
static void link_set(void **piece, void *next)
{
    __atomic_store_n(piece, next, __ATOMIC_RELAXED);
}

/* A piece from what the pool has; NULL when it has none. Under the pool's lock. */
static void *take_held(struct ali_pool *pool)
{
    void **piece = pool->free;

    if (piece != NULL) {
        __atomic_store_n(&pool->free, *piece, __ATOMIC_RELEASE);
        link_set(piece, NULL);
    } else if (range_bytes((struct range){pool->bump, pool->bump_end}) >= pool->piece_bytes) {
        piece = (void **)(void *)pool->bump;
        set_pointer(&pool->bump, pool->bump + pool->piece_bytes);
    } else {
        return NULL;
    }
    pool->pieces++;
    return piece;
}

static void give_held(struct ali_pool *pool, void *piece)
{
    link_set(piece, pool->free);
    __atomic_store_n(&pool->free, piece, __ATOMIC_RELEASE);
}

/* Another thread may have brought a chunk at the same time: the smaller one goes to the list. */
static void add_held(struct ali_pool *pool, struct range chunk)
{
    struct range other = {pool->bump, pool->bump_end};

    if (range_bytes(chunk) > range_bytes(other))
        set_range(&pool->bump, &pool->bump_end, chunk);
    else
        other = chunk;
    for (; range_bytes(other) >= pool->piece_bytes; other.at += pool->piece_bytes)
        give_held(pool, other.at);
}

ALI_COLD static void *take_from_new_chunk(struct ali_pool *pool, size_t pieces)
{
    struct range chunk = chunk_take(pool->piece_bytes, pieces);
    void *piece;

    if (chunk.at == NULL)
        return NULL;
    ali_lock(&pool->lock);
    add_held(pool, chunk);
    piece = take_held(pool);
    ali_unlock(&pool->lock);
    return piece;
}

void *ali_pool_take(struct ali_pool *pool)
{
    void *piece;
    size_t pieces;

    ali_assert(pool->piece_bytes >= sizeof(void *) && pool->piece_bytes % sizeof(void *) == 0);
    ali_lock(&pool->lock);
    piece = take_held(pool);
    pieces = pool->pieces;
    ali_unlock(&pool->lock);
    return piece != NULL ? piece : take_from_new_chunk(pool, pieces);
}

void ali_pool_give(struct ali_pool *pool, void *piece)
{
    ali_lock(&pool->lock);
    give_held(pool, piece);
    ali_assert(pool->pieces > 0);
    pool->pieces--;
    ali_unlock(&pool->lock);
}

void ali_pool_fork_child(struct ali_pool *pool)
{
    ali_lock_reset(&pool->lock);
    ali_lock_reset(&store.lock);
}

size_t ali_metadata_bytes(void)
{
    return atomic_load_explicit(&store.mapped_bytes, memory_order_relaxed);
}

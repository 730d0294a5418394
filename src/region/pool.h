/* What the files of the pool share.
 *
 *     allot_pool   what the inlined paths need: the window that gets come from, the chunk that puts
 *                  go to. In a shared pool, and wherever a checker or an observer must see each
 *                  call, both are empty, so that every call misses.
 *     ali_opool    the rest, one allocation of the source (or the front of the buffer)
 *     ali_pool_chunk  | ali_pool_chunk | state bytes, padded to 64 | objects ... |
 *
 * One state byte an object is the truth about it; lists, counts and the window are derived from the
 * state bytes, and made anew from them in a forked child.
 *
 *     RAW --get--> LIVE --put--> FREE --get--> LIVE         RAW: never handed out
 *     FREE --a thread's cache fills--> CACHED --get--> LIVE --put--> CACHED --flush--> FREE
 *     WATCHED + turn - 1: live, and told to the observer of that turn
 *
 * A window is 64 neighbours. The objects of it that were free when it was opened are its bits (in
 * allot_pool.bits those that the inlined get may take, in `parked` the others), and are no longer
 * counted in the chunk's `free`. Where there is a constructor they are constructed; only when no
 * such object is left anywhere, one that is RAW is the window. Puts into the chunk of the inlined
 * path are counted there when somebody needs to know (ali_opool_fold).
 *
 * Locks: `lock` (rank POOL) in shared pools only. Never held while the source, a constructor, a
 * callback or an observer is called. */
#ifndef ALI_REGION_POOL_H
#define ALI_REGION_POOL_H

#include "allot/pool.h"
#include "region/area.h"
#include "region/mask.h"
#include "region/seam.h"

enum {
    ALI_OBJECT_RAW = 0,
    ALI_OBJECT_LIVE = ALLOT_POOL_LIVE,
    ALI_OBJECT_FREE = ALLOT_POOL_FREE,
    ALI_OBJECT_CACHED = 3,
    ALI_OBJECT_WATCHED = 4,
    ALI_OBJECT_MAKING = 253, /* being constructed, in the pool */
    ALI_OBJECT_HELD = 254,   /* being put, by one thread */
    ALI_OBJECT_PAD = 255,    /* behind the last object of a chunk */
};

/* Which list a chunk is in. A window of a rich chunk is worth opening: an eighth of it is free. */
enum ali_pool_chunk_list { ALI_POOL_CHUNK_FULL, ALI_POOL_CHUNK_POOR, ALI_POOL_CHUNK_RICH };
#define ALI_POOL_CHUNK_HINTS 32

struct ali_pool_chunk {
    /* Of the objects; first: an area of `chunks` is its chunk. The state bytes behind the struct
     * start a cache line, so that threads with windows of their own share none. */
    _Alignas(ALI_LINE_BYTES) struct ali_area area;
    struct ali_pool_chunk *next_free; /* in its list */
    struct ali_pool_chunk *prev_free;
    uint8_t *states;
    size_t count;
    size_t free;   /* FREE or RAW, and not in the window */
    size_t raw;    /* of these, RAW; counted where there is a constructor, otherwise 0 */
    size_t hint;   /* index of the object that was put last */
    size_t cursor; /* where the search for a window goes on: a multiple of ALI_WINDOW */
    uint8_t list;  /* of those with free objects: enum ali_pool_chunk_list */
    void *memory;  /* of the source; NULL: of the buffer */
    size_t memory_bytes;
};

struct ali_magazine {
    struct ali_magazine *next;
    size_t count;
    struct {
        void *object;
        uint8_t *state;
    } entries[ALLOT_POOL_MAGAZINE];
};

struct ali_cache;

struct ali_opool {
    allot_pool *pool;
    allot_allocator *source; /* NULL: FIXED */
    size_t object_bytes;
    size_t stride_bytes;
    uint64_t reciprocal;
    size_t chunk_objects;
    size_t max_objects;
    uint32_t flags;
    allot_how how;         /* of the objects */
    size_t window_objects; /* most objects that one window gives */
    allot_status (*construct)(void *object, void *arg);
    void (*destroy)(void *object, void *arg);
    bool (*reclaim)(allot_pool *pool, void *arg);
    void *arg;
    char name[32];
    bool in_buffer;   /* this struct is */
    bool has_checker; /* forbids and allows memory */
    bool is_hidden;   /* nothing for the inlined paths */
    uint64_t id;      /* never used again by another pool */

    struct ali_lock lock; /* SHARED: of all below */
    struct ali_areas chunks;
    struct ali_pool_chunk *lists[3];  /* by enum ali_pool_chunk_list; that of full ones is empty */
    struct ali_pool_chunk *put_chunk; /* of the inlined path */
    struct ali_pool_chunk *window_chunk;
    size_t window_index; /* of its first object */
    uint64_t parked;
    size_t objects;         /* in all chunks */
    size_t planned;         /* in chunks that are being made */
    size_t making;          /* chunks that are being made */
    size_t waiting;         /* threads that wait for one */
    _Atomic(uint32_t) made; /* how often one was, or could not be: what they wait on */
    size_t free_objects;    /* the sum of `free` of all chunks */
    size_t raw_objects;     /* likewise of `raw` */
    size_t opened;          /* objects in all windows so far, and individual ones */
    size_t peak_objects;
    size_t next_objects; /* of the chunk to come, when they grow */
    size_t reserved_bytes;
    _Atomic(size_t) failures;
    struct ali_pool_chunk *hints[ALI_POOL_CHUNK_HINTS]; /* by address: where to look first */
    struct ali_areas alone; /* objects that are allocations of their own */
    struct ali_sampler sampler;

    struct ali_magazine *depot; /* full ones */
    struct ali_cache *caches;
    size_t cache_gets;             /* of caches that are gone */
    size_t moved_out;              /* objects taken for caches: no gets */
    _Atomic(uint32_t) trims;       /* that gave chunks back */
    struct ali_opool *next_shared; /* of all shared pools */
};

/* Of a public call: what it is named in a report, and who called it. */
struct ali_site {
    const char *call;
    const void *caller;
};

ALI_INLINE uint8_t ali_state_read(const uint8_t *state)
{
    return __atomic_load_n(state, __ATOMIC_ACQUIRE);
}

ALI_INLINE void ali_state_write(uint8_t *state, uint8_t value)
{
    __atomic_store_n(state, value, __ATOMIC_RELEASE);
}

ALI_INLINE bool ali_object_is_live(uint8_t state)
{
    return state == ALI_OBJECT_LIVE ||
           (state >= ALI_OBJECT_WATCHED && state < ALI_OBJECT_WATCHED + ALI_OBSERVER_TURNS);
}

ALI_INLINE bool ali_object_is_free(uint8_t state)
{
    return (state & 0xfd) == 0;
}

ALI_INLINE void ali_opool_enter(struct ali_opool *o)
{
    if (o->flags & ALLOT_POOL_SHARED)
        ali_lock(&o->lock);
}

ALI_INLINE void ali_opool_leave(struct ali_opool *o)
{
    if (o->flags & ALLOT_POOL_SHARED)
        ali_unlock(&o->lock);
}

ALI_INLINE char *ali_pool_chunk_object(const struct ali_opool *o, const struct ali_pool_chunk *c,
                                       size_t i)
{
    return (char *)c->area.start + i * o->stride_bytes;
}

/* Whether p is the start of an object of the chunk that it is in; its index, or that of the object
 * around it. */
ALI_INLINE bool ali_pool_chunk_index(const struct ali_opool *o, const struct ali_pool_chunk *c,
                                     const void *p, size_t *index)
{
    unsigned __int128 product = (unsigned __int128)((uintptr_t)p - c->area.start) * o->reciprocal;

    *index = (size_t)(product >> 64);
    return (uint64_t)product < o->reciprocal;
}

ALI_INLINE struct ali_pool_chunk **ali_pool_chunk_hint(struct ali_opool *o, const void *p)
{
    return &o->hints[((uintptr_t)p >> 18) % ALI_POOL_CHUNK_HINTS];
}

/* `count` more objects of the chunk are RAW; where constructors do not matter, none ever is. */
ALI_INLINE void ali_pool_chunk_count_raw(struct ali_opool *o, struct ali_pool_chunk *c,
                                         ptrdiff_t count)
{
    c->raw += (size_t)count;
    o->raw_objects += (size_t)count;
}

/* --- pool_chunk.c: chunks. The lock is held, unless told otherwise. */

/* A chunk of what fits in the memory; NULL when that is not one object, or not `least`. */
struct ali_pool_chunk *ali_pool_chunk_make(const struct ali_opool *o, void *memory, size_t bytes,
                                           size_t least);
void ali_pool_chunk_add(struct ali_opool *o, struct ali_pool_chunk *c);
/* Out of everything but memory. */
void ali_pool_chunk_detach(struct ali_opool *o, struct ali_pool_chunk *c);
/* The chunk that p is in an object of, or NULL. */
struct ali_pool_chunk *ali_pool_chunk_find(struct ali_opool *o, const void *p);
/* `count` more objects of the chunk are free; less when negative. */
void ali_pool_chunk_count_free(struct ali_opool *o, struct ali_pool_chunk *c, ptrdiff_t count);
/* Grows the pool: enters and leaves the lock, which is not held. 0, or the cause is set. */
allot_status ali_opool_grow(struct ali_opool *o, size_t objects, const void *caller);
/* The same by one object at least, unless there is a free one again, or another thread's chunk
 * brings one. */
allot_status ali_opool_provide(struct ali_opool *o, const void *caller);
/* Destroys what is constructed and gives the memory back; no lock held, not in the list. */
void ali_pool_chunk_end(struct ali_opool *o, struct ali_pool_chunk *c);

/* --- pool_core.c: taking and giving */

/* What the inlined path did, into the counts. */
void ali_opool_fold(struct ali_opool *o);
/* The objects of the window back into its chunk. */
void ali_opool_close_window(struct ali_opool *o);
/* An object in state LIVE or WATCHED, or NULL with the cause set. No lock held. */
void *ali_opool_take(struct ali_opool *o, const struct ali_site *site);
/* Puts an object, or reports what it is. No lock held. */
void ali_opool_give(struct ali_opool *o, void *p, const struct ali_site *site);
/* So many objects of a shared pool with the lock taken once; fewer when the next one needs memory,
 * its constructor or an allocation of its own, as ali_opool_take gives it. No lock held. */
size_t ali_opool_take_many(struct ali_opool *o, void **objects, size_t count,
                           const struct ali_site *site);
/* As ali_opool_give each, with the lock taken once as long as nobody is to be told. */
void ali_opool_give_many(struct ali_opool *o, void *const *objects, size_t count,
                         const struct ali_site *site);
/* Fills the magazine as far as there are objects, and constructed ones where there is a
 * constructor; marks them CACHED. The lock is held. */
void ali_opool_move_out(struct ali_opool *o, struct ali_magazine *m);
/* How many there were. */
size_t ali_opool_move_in(struct ali_opool *o, struct ali_magazine *m);
void ali_opool_blame(struct ali_opool *o, const void *p, const struct ali_site *site);

/* --- pool_alone.c: objects that are allocations of their own */

struct ali_alone; /* in front of the object */

void *ali_alone_take(struct ali_opool *o, const struct ali_site *site);
/* False: p is none. */
bool ali_alone_give(struct ali_opool *o, void *p, const void *caller);
void *ali_alone_object(const struct ali_area *area);
void ali_alone_end_all(struct ali_opool *o, const void *caller);

/* --- pool_cache.c: what a thread keeps */

/* NULL: the pool itself must look. */
void *ali_cache_get(struct ali_opool *o);
/* True: it is cached now. False: the pool itself must look. */
bool ali_cache_put(struct ali_opool *o, void *object);
/* The calling thread's objects, and the full magazines, back to the pool; how many. */
size_t ali_cache_flush(struct ali_opool *o);
/* Everything in the pool is reset: what threads keep is forgotten. Nobody uses the pool. */
void ali_cache_empty_all(struct ali_opool *o);
/* The pool ends. The list of pools is locked. */
void ali_cache_forget_all(struct ali_opool *o);
void ali_cache_free_depot(struct ali_opool *o);
size_t ali_cache_gets(const struct ali_opool *o);
void ali_cache_fork_child(struct ali_opool *o);
void ali_cache_pieces_fork_child(void);

/* --- pool.c and pool_look.c, for the table */

void *ali_opool_get(allot_pool *pool, const struct ali_site *site);
void ali_opool_put(allot_pool *pool, void *object, const struct ali_site *site);
int ali_opool_owns(allot_allocator *a, const void *p);
bool ali_opool_visit(allot_allocator *a, allot_visit_fn visit, void *arg);
/* Whether an object that is in use starts at p. */
bool ali_opool_is_live(struct ali_opool *o, const void *p);
void ali_opool_stats(allot_allocator *a, struct allot_allocator_stats *stats);
allot_status ali_opool_reset(allot_allocator *a, const void *caller);
size_t ali_opool_trim(allot_allocator *a);

/* --- pool_fork.c: all shared pools */

void ali_shared_pools_add(struct ali_opool *o);
void ali_shared_pools_remove(struct ali_opool *o);
/* The pool with that id, the list being locked until ali_shared_pools_leave; NULL: it is gone. */
struct ali_opool *ali_shared_pools_enter(uint64_t id);
void ali_shared_pools_leave(void);

extern const struct allot_allocator_ops ali_pool_ops;
extern const struct allot_allocator_ops ali_shared_pool_ops;

#endif

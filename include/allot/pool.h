/* allot/pool.h - objects of one size, and pools of several sizes.
 * Part of Allot. MIT licence.
 *
 * A pool hands out objects of one size. What it knows about them stands apart from them: one byte
 * an object is the truth about its state, so that a double put, a put of a foreign pointer and one
 * into the middle of an object are found exactly, always.
 *
 *     allot_pool pool;
 *     if (allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = sizeof(struct
 * node)}))
 *         ...
 *     struct node *n = allot_pool_get(&pool);
 *     allot_pool_put(&pool, n);
 *     allot_pool_release(&pool);
 *
 * &pool.base is an allocator (allot/alloc.h) that serves every size up to that of an object. */
#ifndef ALLOT_POOL_H
#define ALLOT_POOL_H

#include <allot/alloc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct allot_pool allot_pool;

enum allot_pool_flag {
    ALLOT_POOL_FIXED = 1 << 0,  /* only what fits into the buffer; nothing is ever allocated */
    ALLOT_POOL_SHARED = 1 << 1, /* any thread may use the pool at any time */
    /* Shared, and each thread keeps a few objects that were put, for its next gets: up to
     * 2 * ALLOT_POOL_MAGAZINE that no other thread can have, also when the pool is at its cap. They
     * come back when the thread ends. */
    ALLOT_POOL_CACHED = 1 << 2
};

#define ALLOT_POOL_MAGAZINE 64

/* All zero but object_bytes is a good pool: it grows, for one thread, from the default allocator.
 */
struct allot_pool_options {
    size_t object_bytes;     /* 1 or more */
    size_t align;            /* a power of two; 0: what fits the size, 16 at most */
    allot_allocator *source; /* where chunks come from; NULL: the default allocator */
    /* Used before the source is. Owned by the caller until the pool is released. */
    void *buffer;
    size_t buffer_bytes;
    size_t chunk_objects; /* objects in each chunk; 0: chunks grow with the pool */
    size_t max_objects;   /* the cap; 0: none */
    uint32_t flags;       /* enum allot_pool_flag */
    /* Makes an object out of raw memory, when it is handed out for the first time, which none is
     * while the pool has a constructed one; it stays constructed while it is in the pool. Anything
     * but 0 makes the get fail. May be NULL. */
    allot_status (*construct)(void *object, void *arg);
    /* The opposite, before the memory goes back to the source. May be NULL. */
    void (*destroy)(void *object, void *arg);
    /* Called when the cap is reached or there is no memory. True: something was put (or the source
     * can give more), so try once more. In a shared pool another thread may be faster, and the get
     * fail: who waits for a put asks again. Called without a lock; may use the pool. May be NULL.
     */
    bool (*reclaim)(allot_pool *pool, void *arg);
    void *arg;        /* for the three of them */
    const char *name; /* for reports; copied, cut to 31 bytes */
};

struct ali_opool;

/* The caller's storage. The fields are what the inlined functions need; nobody else's. Must not be
 * moved or copied between init and release. */
struct allot_pool {
    allot_allocator base;
    uint64_t bits;             /* of the objects of the window: those to be handed out */
    unsigned char *bit_states; /* of the first object of the window */
    char *bit_objects;         /* the first object of the window */
    size_t stride_bytes;       /* from one object to the next */
    uintptr_t chunk;           /* the chunk that was put to last: its first object */
    size_t chunk_bytes;        /* of its objects; 0: every put takes the slow path */
    uint64_t reciprocal;       /* 2^64 / stride_bytes, rounded up */
    unsigned char *chunk_states;
    size_t puts;     /* to that chunk, since it became the one */
    size_t last_put; /* index of the object */
    struct ali_opool *own;
};

/* What the state byte of an object says. Other values take the slow path. */
#define ALLOT_POOL_LIVE 1
#define ALLOT_POOL_FREE 2

/* Makes a pool in the caller's storage.
 *
 * Returns: 0; -EINVAL for a size of 0, an alignment that is none, or a buffer too small for the
 *          pool and one object; -ENOMEM.
 * Threads: nobody else knows the pool yet.   Signals: not safe.
 * Failure: as told; allot_last_error() has the cause, and there is nothing to release.
 * Cost:    one allocation of the source, or none with ALLOT_POOL_FIXED. */
ALLOT_API ALLOT_MUST_USE allot_status allot_pool_init(allot_pool *pool,
                                                      const struct allot_pool_options *options);

/* Ends the pool: destroys the objects that are constructed, live or not, and gives all memory
 * back. A pool that is all zero, or was released, is left alone.
 *
 * Returns: nothing.
 * Require: nobody uses the pool or its objects.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks); O(objects) with destroy. */
ALLOT_API void allot_pool_release(allot_pool *pool);

/* The slow paths of get and put; not to be called.
 *
 * Returns: as allot_pool_get.
 * Threads: as the pool.   Signals: not safe.
 * Failure: as allot_pool_get.
 * Cost:    as allot_pool_get. */
ALLOT_API void *allot_pool_get_slow(allot_pool *pool);
/* See above.
 *
 * Threads: as the pool.   Signals: not safe.
 * Failure: none.
 * Cost:    as allot_pool_put. */
ALLOT_API void allot_pool_put_slow(allot_pool *pool, void *object);

/* Takes an object.
 *
 * Returns: an object, owned by the caller until it is put: constructed, or uninitialised memory (of
 *          an object that was put, its content as it was). NULL on failure.
 * Threads: the caller owns the pool, or any with ALLOT_POOL_SHARED.   Signals: not safe.
 * Failure: NULL, errno ENOMEM, allot_last_error(): the cap, the buffer, the source, or what the
 *          constructor returned.
 * Cost:    O(1), inlined; one allocation of the source when the pool grows. */
static inline ALLOT_MUST_USE void *allot_pool_get(allot_pool *pool)
{
    uint64_t bits = pool->bits;
    size_t i;

    if (__builtin_expect(bits == 0, 0))
        return allot_pool_get_slow(pool);
    i = (size_t)__builtin_ctzll(bits);
    pool->bits = bits & (bits - 1);
    pool->bit_states[i] = ALLOT_POOL_LIVE;
    return pool->bit_objects + i * pool->stride_bytes;
}

/* Puts an object back. NULL is fine. An object that is in the pool already is reported as a double
 * free, whatever is no object of the pool as an invalid one, and nothing is changed.
 *
 * Returns: nothing.
 * Threads: as allot_pool_get.   Signals: not safe.
 * Failure: misuse is reported, exactly. (Two threads that put one object at the same instant are
 *          told apart, too.)
 * Cost:    O(1), inlined. */
static inline void allot_pool_put(allot_pool *pool, void *object)
{
    size_t offset = (uintptr_t)object - pool->chunk;
    __extension__ unsigned __int128 product = (unsigned __int128)offset * pool->reciprocal;
    size_t i = (size_t)(product >> 64);

    /* The low half tells whether the offset is a multiple of the stride. */
    if (__builtin_expect(offset >= pool->chunk_bytes, 0) ||
        __builtin_expect((uint64_t)product >= pool->reciprocal, 0) ||
        __builtin_expect(pool->chunk_states[i] != ALLOT_POOL_LIVE, 0)) {
        allot_pool_put_slow(pool, object);
        return;
    }
    pool->chunk_states[i] = ALLOT_POOL_FREE;
    pool->last_put = i;
    pool->puts++;
}

/* Takes `count` objects at once, all or none.
 *
 * Returns: 0, or -ENOMEM and no object was taken.
 * Threads: as allot_pool_get.   Signals: not safe.
 * Failure: as told; as allot_pool_get.
 * Cost:    O(count); in a shared pool one lock for all, unless it grows or constructs; with
 *          ALLOT_POOL_CACHED one for ALLOT_POOL_MAGAZINE of them at most, and as a rule none. */
ALLOT_API ALLOT_MUST_USE allot_status allot_pool_get_bulk(allot_pool *pool, void **objects,
                                                          size_t count);

/* Puts `count` objects back. Each is checked as by allot_pool_put.
 *
 * Returns: nothing.
 * Threads: as allot_pool_get.   Signals: not safe.
 * Failure: misuse is reported, and the others are put.
 * Cost:    O(count); one lock for all in a shared pool, or as in allot_pool_get_bulk. */
ALLOT_API void allot_pool_put_bulk(allot_pool *pool, void *const *objects, size_t count);

/* Makes sure that the next `count` gets need no memory of the source and call no constructor.
 *
 * Returns: 0; -ENOMEM: there are fewer, which stay prepared.
 * Threads: as allot_pool_get; with ALLOT_POOL_CACHED what other threads keep does not count.
 *          Signals: not safe.
 * Failure: as told.
 * Cost:    O(count). */
ALLOT_API ALLOT_MUST_USE allot_status allot_pool_preheat(allot_pool *pool, size_t count);

/* Puts every object back at once.
 *
 * Returns: nothing.
 * Require: nobody uses an object, or is in a call.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API void allot_pool_reset(allot_pool *pool);

/* Gives chunks in which no object is live back to the source (objects are destroyed first). What
 * threads keep counts as live, but for the calling one's.
 *
 * Returns: bytes given back.
 * Threads: as allot_pool_get.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks); O(objects given back) with destroy. */
ALLOT_API size_t allot_pool_trim(allot_pool *pool);

/* Whether p lies in an object of the pool, live or not.
 *
 * Returns: the answer.
 * Threads: as allot_pool_get.   Signals: not safe.
 * Failure: none.
 * Cost:    O(log chunks). */
ALLOT_API bool allot_pool_owns(const allot_pool *pool, const void *p);

/* Calls `visit` for each live object, in order of their addresses within a chunk; ends early when
 * it returns false. The visitor may put the object that it is called for, and use nothing else of
 * the pool.
 *
 * Returns: true when every object was visited.
 * Threads: one thread, and nobody else gets or puts meanwhile.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API bool allot_pool_visit(allot_pool *pool, allot_visit_fn visit, void *arg);

/* Checks the whole structure: every count against the state bytes, every list, every bound.
 *
 * Returns: the number of inconsistencies; 0 unless something overwrote the pool.
 * Threads: as allot_pool_visit.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API size_t allot_pool_audit(const allot_pool *pool);

struct allot_pool_stats {
    size_t object_bytes;
    size_t stride_bytes;
    size_t live_objects;
    size_t peak_live_objects; /* seen when a window of objects was opened: up to 64 too high */
    size_t free_objects;      /* in the pool, also those that threads keep */
    size_t cached_objects;    /* of these, those that threads keep */
    size_t max_objects;       /* 0: no cap */
    size_t chunks;
    size_t reserved_bytes; /* taken from the source, and the buffer */
    size_t gets;           /* successful ones so far */
    size_t puts;
    size_t failures;
};

/* Takes stock.
 *
 * Returns: nothing.
 * Threads: as allot_pool_get; with ALLOT_POOL_CACHED gets and puts that a thread's cache served
 *          are counted when it next goes to the pool.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks); O(objects) with ALLOT_POOL_CACHED. */
ALLOT_API void allot_pool_stats_get(allot_pool *pool, struct allot_pool_stats *stats);

/* Name given at init.
 *
 * Returns: a string owned by the pool, "" when there was none; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
ALLOT_API const char *allot_pool_name(const allot_pool *pool);

/* --- pools of several sizes ---------------------------------------------------------------- */

#define ALLOT_MULTIPOOL_CLASSES 32

struct allot_multipool_options {
    /* Sizes of the classes, ascending multiples of 16; none (0): 16, 32, 64 ... 8192. */
    const size_t *class_bytes;
    size_t class_count;      /* at most ALLOT_MULTIPOOL_CLASSES */
    allot_allocator *source; /* of chunks, and of what is larger than the largest class */
    uint32_t flags;          /* ALLOT_POOL_SHARED or ALLOT_POOL_CACHED */
    const char *name;
};

/* A pool for each class. &multipool.base is the allocator; sizes are served by the smallest class
 * that fits, larger ones (and alignments that no class has) by the source. */
typedef struct allot_multipool {
    allot_allocator base;
    allot_allocator *source;
    size_t class_count;
    size_t largest_bytes;
    unsigned char class_of[256]; /* of sizes to 4096, by 16 bytes; larger ones are searched */
    allot_pool pools[ALLOT_MULTIPOOL_CLASSES];
} allot_multipool;

/* Makes the pools. NULL options: all zero.
 *
 * Returns: 0; -EINVAL for classes that do not ascend, or are no multiples of 16; -ENOMEM.
 * Threads: nobody else knows it yet.   Signals: not safe.
 * Failure: as told, and there is nothing to release.
 * Cost:    one allocation of the source a class. */
ALLOT_API ALLOT_MUST_USE allot_status
allot_multipool_init(allot_multipool *multipool, const struct allot_multipool_options *options);

/* Ends all pools. What the source served directly stays, and is the caller's to free before.
 *
 * Returns: nothing.
 * Require: nobody uses an object.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API void allot_multipool_release(allot_multipool *multipool);

/* Allocates `size` bytes, aligned to 16; size 0 counts as 1.
 *
 * Returns: uninitialised memory, owned by the caller until allot_multipool_free; NULL on failure.
 * Threads: the caller owns it, or any with ALLOT_POOL_SHARED.   Signals: not safe.
 * Failure: as allot_pool_get, or as the source.
 * Cost:    O(1); O(log classes) above 4096 bytes. */
ALLOT_API ALLOT_MUST_USE void *allot_multipool_alloc(allot_multipool *multipool, size_t size);

/* Frees an object. NULL is fine.
 *
 * Returns: nothing.
 * Require: size is what it was allocated with.
 * Threads: as allot_multipool_alloc.   Signals: not safe.
 * Failure: as allot_pool_put; a wrong size is found when it is of another class.
 * Cost:    as allot_multipool_alloc. */
ALLOT_API void allot_multipool_free(allot_multipool *multipool, void *object, size_t size);

#ifdef __cplusplus
}
#endif
#endif

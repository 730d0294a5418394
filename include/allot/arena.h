/* allot/arena.h - memory that is given back all at once.
 * Part of Allot. MIT licence.
 *
 * An arena hands out memory by moving a pointer through chunks that it takes from another
 * allocator, and frees everything in one go: by release, by reset, or down to a mark.
 *
 *     chunk  | header | objects, upwards -->  at |   free   | top  <-- strings, downwards |
 *
 * The struct belongs to the caller; it must not be copied or moved once it is in use. Its first
 * field is an allocator (allot/alloc.h): pass &arena.base to whatever takes one. There, delete and
 * resize in place work for the object allocated last, and elsewhere do nothing.
 *
 * A pointer into an arena is valid until the arena is rewound past it, reset or released. */
#ifndef ALLOT_ARENA_H
#define ALLOT_ARENA_H

#include <allot/alloc.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct allot_arena allot_arena;

typedef void (*allot_cleanup_fn)(void *arg);

/* Flags of struct allot_arena_options. */
enum allot_arena_flag {
    ALLOT_ARENA_BUFFER_ONLY = 1 << 0,   /* nothing beyond the caller's buffer */
    ALLOT_ARENA_BUFFER_IS_ZERO = 1 << 1 /* which reads zero now */
};

/* Everything is optional: NULL and 0 stand for what is said there. */
struct allot_arena_options {
    const char *name;         /* for reports; not copied. "" */
    allot_allocator *source;  /* where chunks come from. The default of the process */
    void *buffer;             /* the first chunk: memory of the caller, never freed. None */
    size_t buffer_bytes;      /* its size */
    size_t reserve_bytes;     /* address space to be reserved now and committed as needed; then
                               * nothing is taken from `source`. None */
    size_t chunk_bytes;       /* the first chunk, or first commitment. 16 KiB */
    size_t chunk_max_bytes;   /* chunks double up to this. 1 MiB */
    size_t limit_bytes;       /* most bytes to be held beyond the buffer. No limit */
    uint32_t flags;           /* enum allot_arena_flag */
    allot_cleanup_fn cleanup; /* called last in release */
    void *cleanup_arg;
};

struct allot_arena_chunk;
struct allot_arena_due;
struct allot_arena_group;

struct allot_arena_step {
    size_t position;
    uint64_t epoch;
};

enum { ALLOT_ARENA_STEPS = 4 };

struct allot_arena {
    allot_allocator base;
    /* Read and written by the inlined functions. Where somebody wants to see allocations, `end` is
     * drawn in front of `top`, down to `at`. */
    char *at;
    char *end;
    char *dirty; /* what lies between here and `top` reads zero */
    char *top;
    /* The library's own; first what each rewind and reset looks at. */
    struct allot_arena_chunk *chunk; /* the current one, with those below it */
    struct allot_arena_due *due;     /* what falls due when the arena is rewound past it */
    uint32_t flags;
    uint32_t step_count;
    struct allot_arena_group *group; /* of fused arenas; atomic */
    const void *sampled_for;         /* the observer that the countdown is for */
    size_t marked, mark_count;
    struct allot_arena_chunk *marked_chunk; /* the newest mark that is valid */
    char *marked_at;
    uint64_t epoch, reset_epoch;
    struct allot_arena_chunk *lowest; /* of the chunks in use, that is not the buffer */
    struct allot_arena_chunk *buffer;
    struct allot_arena_chunk *spare; /* chunks kept by reset and rewind */
    char *reserve;
    struct allot_arena_due *first_due;
    struct allot_arena_due *own_due; /* this arena as something due in its parent */
    allot_allocator *source;
    const char *name;
    allot_cleanup_fn cleanup;
    void *cleanup_arg;
    size_t chunk_bytes, chunk_max_bytes, next_bytes;
    size_t limit_bytes, taken_bytes, peak_bytes;
    size_t chunk_count; /* so far */
    size_t reserve_bytes, reserve_used, reserve_committed, reserve_dirty;
    struct allot_arena_step steps[ALLOT_ARENA_STEPS]; /* which marks are stale: mark.c */
    struct allot_arena_step *more_steps;
    size_t steps_bytes;
    uint32_t step_room;
    int64_t sample_left;
    char *shown_at, *shown_top; /* `at` and `top` when `end` was set last */
    uint64_t random;
};

/* The table of operations of every arena. */
ALLOT_API extern const struct allot_allocator_ops allot_arena_ops;

/* An arena with all the defaults, without a call: static allot_arena a = ALLOT_ARENA_INIT; */
#define ALLOT_ARENA_INIT                                                                           \
    {                                                                                              \
        .base = { &allot_arena_ops }                                                               \
    }

/* Makes an arena; `options` NULL: all the defaults.
 *
 * Returns: 0; -EINVAL for options that contradict each other or a buffer that is too small;
 *          -ENOMEM when the address space cannot be reserved, as under RLIMIT_AS (ulimit -v):
 *          nothing smaller is reserved instead, and chunks are not taken, because what is asked
 *          for is one range. The arena is then unusable.
 * Require: what the options point to, but for the struct itself, outlives the arena.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as told; allot_last_error() has the cause.
 * Cost:    O(1); a system call only with reserve_bytes. */
ALLOT_API ALLOT_MUST_USE allot_status allot_arena_init(allot_arena *arena,
                                                       const struct allot_arena_options *options);

/* Runs the cleanups, frees everything and ends the arena. Of fused arenas the last one to be
 * released frees the memory of all. Releasing twice is fine.
 *
 * Returns: nothing.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks + cleanups). */
ALLOT_API void allot_arena_release(allot_arena *arena);

/* How much a reset keeps for what comes next: so many bytes, or */
#define ALLOT_KEEP_NONE ((size_t)0)
#define ALLOT_KEEP_ALL SIZE_MAX
#define ALLOT_KEEP_LARGEST (SIZE_MAX - 1) /* the largest chunk */

/* Runs the cleanups and empties the arena. Marks taken before become stale.
 *
 * Returns: 0; -EBUSY for an arena that was fused, -EINVAL for one that was released: both are
 *          reported as misuse, and nothing happens.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(cleanups + oversize blocks), and O(chunks) unless all are kept. */
ALLOT_API allot_status allot_arena_reset(allot_arena *arena, size_t keep_bytes);

/* A place to come back to. */
typedef struct allot_arena_mark {
    const allot_arena *arena;
    struct allot_arena_chunk *chunk;
    struct allot_arena_due *due;
    char *at;
    size_t packed; /* bytes at the other end */
    size_t position;
    uint64_t epoch;
} allot_arena_mark;

/* The state of the arena now. Objects that are older than a mark are no longer resized in place.
 *
 * Returns: a mark, valid until the arena is rewound to an earlier one, reset or released. It never
 *          fails and needs no end.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API ALLOT_MUST_USE allot_arena_mark allot_arena_mark_get(allot_arena *arena);

/* Frees what was allocated since the mark, running cleanups in reverse order. The mark stays valid.
 *
 * Returns: 0; -EINVAL for a stale mark or one of another arena, -EBUSY for an arena that was fused:
 *          both are reported as misuse, and nothing happens.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as told. Where more than ALLOT_ARENA_STEPS rewinds are to be remembered and the source
 *          has no memory for them, a mark that might be stale counts as stale.
 * Cost:    O(1 + chunks and marks dropped + cleanups run). */
ALLOT_API allot_status allot_arena_rewind(allot_arena *arena, const allot_arena_mark *mark);

/* Gives chunks that are kept but not in use back to the source.
 *
 * Returns: bytes given back.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API size_t allot_arena_trim(allot_arena *arena);

/* --- allocating ---------------------------------------------------------------------------- */

/* Where the functions below go when the chunk has not enough left, or somebody watches. The second
 * takes any alignment and ALLOT_ZERO, and may be called by itself.
 *
 * Returns: as allot_arena_push.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push.
 * Cost:    O(1); may take a chunk from the source. */
ALLOT_API ALLOT_MUST_USE void *allot_arena_push_slow(allot_arena *arena, size_t size);
ALLOT_API ALLOT_MUST_USE void *allot_arena_push_how(allot_arena *arena, size_t size, allot_how how)
    __attribute__((alloc_size(2)));
ALLOT_API ALLOT_MUST_USE void *allot_arena_push_bytes_slow(allot_arena *arena, size_t size);

/* `size` bytes aligned to 16. Size 0 counts as 1.
 *
 * Returns: uninitialised memory of the arena; NULL if the limit is reached or the source has no
 *          more: the arena is then as it was.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: NULL, errno, allot_last_error().
 * Cost:    O(1), inlined: 7 instructions when the size is constant. */
static inline ALLOT_MUST_USE void *allot_arena_push(allot_arena *arena, size_t size)
{
    char *at = arena->at;
    size_t space = (size_t)((uintptr_t)arena->end - (uintptr_t)at);
    size_t last = (size - 1) | 15; /* the index of the last byte: cannot overflow */

    if (__builtin_expect(space <= last, 0))
        return allot_arena_push_slow(arena, size);
    arena->at = at + last + 1;
    return at;
}

/* As allot_arena_push, the memory reading zero; what is known to be zero is not cleared.
 *
 * Returns: zeroed memory of the arena, or NULL.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push.
 * Cost:    O(size) at most, inlined. */
static inline ALLOT_MUST_USE void *allot_arena_push_zero(allot_arena *arena, size_t size)
{
    char *at = arena->at;
    size_t space = (size_t)((uintptr_t)arena->end - (uintptr_t)at);
    size_t last = (size - 1) | 15;

    if (__builtin_expect(space <= last, 0))
        return allot_arena_push_how(arena, size, ALLOT_ALIGN_DEFAULT | ALLOT_ZERO);
    arena->at = at + last + 1;
    if ((uintptr_t)at < (uintptr_t)arena->dirty)
        __builtin_memset(at, 0, size);
    return at;
}

/* As allot_arena_push, the address a multiple of `align`.
 *
 * Returns: uninitialised memory of the arena, or NULL.
 * Require: align is a power of two, at most ALLOT_ALIGN_MAX.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push; EINVAL for a bad alignment.
 * Cost:    O(1), inlined. */
static inline ALLOT_MUST_USE void *allot_arena_push_aligned(allot_arena *arena, size_t size,
                                                            size_t align)
{
    char *at = arena->at;
    size_t space = (size_t)((uintptr_t)arena->end - (uintptr_t)at);
    size_t last = (size - 1) | 15;
    size_t gap = (0 - (uintptr_t)at) & (align - 1);

    if (align == 0 || (align & (align - 1)) != 0)
        return allot_arena_push_how(arena, size, ALLOT_HOW_ALIGN_BITS);
    if (__builtin_expect(space <= last || space - last <= gap, 0))
        return allot_arena_push_how(arena, size, ALLOT_ALIGN(align));
    arena->at = at + gap + last + 1;
    return at + gap;
}

/* `size` bytes with no alignment and nothing lost to rounding: for strings. They are packed at the
 * other end of the chunk, so that objects stay aligned.
 *
 * Returns: uninitialised memory of the arena, or NULL.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push.
 * Cost:    O(1), inlined. */
static inline ALLOT_MUST_USE void *allot_arena_push_bytes(allot_arena *arena, size_t size)
{
    char *end = arena->end;
    size_t space = (size_t)((uintptr_t)end - (uintptr_t)arena->at);

    if (__builtin_expect(size - 1 >= space || end != arena->top, 0))
        return allot_arena_push_bytes_slow(arena, size);
    arena->top = arena->end = end - size;
    return end - size;
}

/* An array of `count` times `size` bytes; a product that overflows fails.
 *
 * Returns: uninitialised memory of the arena, or NULL.
 * Require: align is a power of two, at most ALLOT_ALIGN_MAX.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push; ALLOT_CAUSE_TOO_LARGE on overflow.
 * Cost:    O(1), inlined. */
static inline ALLOT_MUST_USE void *allot_arena_push_array(allot_arena *arena, size_t count,
                                                          size_t size, size_t align)
{
    size_t bytes;

    if (!allot_mul(count, size, &bytes))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    return align <= 16 ? allot_arena_push(arena, bytes)
                       : allot_arena_push_aligned(arena, bytes, align);
}

/* The same, reading zero.
 *
 * Returns: zeroed memory of the arena, or NULL.
 * Require: align is a power of two, at most ALLOT_ALIGN_MAX.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push_array.
 * Cost:    O(bytes) at most. */
static inline ALLOT_MUST_USE void *allot_arena_push_array_zero(allot_arena *arena, size_t count,
                                                               size_t size, size_t align)
{
    size_t bytes;

    if (!allot_mul(count, size, &bytes))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    return align <= 16 ? allot_arena_push_zero(arena, bytes)
                       : allot_arena_push_how(arena, bytes, ALLOT_ALIGN(align) | ALLOT_ZERO);
}

/* Typed: T *x = ALLOT_PUSH(arena, T); an array of n: ALLOT_PUSH_ARRAY(arena, T, n). */
#define ALLOT_PUSH(arena, T) ((T *)allot_arena_push_array((arena), 1, sizeof(T), __alignof__(T)))
#define ALLOT_PUSH_ZERO(arena, T)                                                                  \
    ((T *)allot_arena_push_array_zero((arena), 1, sizeof(T), __alignof__(T)))
#define ALLOT_PUSH_ARRAY(arena, T, n)                                                              \
    ((T *)allot_arena_push_array((arena), (n), sizeof(T), __alignof__(T)))
#define ALLOT_PUSH_ARRAY_ZERO(arena, T, n)                                                         \
    ((T *)allot_arena_push_array_zero((arena), (n), sizeof(T), __alignof__(T)))

/* Extends or shrinks the object allocated last, or an oversize block, where it is. Objects of
 * allot_arena_push_bytes only shrink, and nothing is won by that.
 *
 * Returns: true: it has new_size bytes now; false: nothing has changed.
 * Require: old_size is its size.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: none: false is an answer.
 * Cost:    O(1). */
ALLOT_API ALLOT_MUST_USE bool allot_arena_resize_last(allot_arena *arena, void *p, size_t old_size,
                                                      size_t new_size);

/* A formatted string, as printf; from a va_list.
 *
 * Returns: a string of the arena; NULL on failure.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push, or the errno of vsnprintf.
 * Cost:    that of vsnprintf, twice for more than 255 characters. */
ALLOT_API ALLOT_MUST_USE char *allot_arena_printf(allot_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
ALLOT_API ALLOT_MUST_USE char *allot_arena_vprintf(allot_arena *arena, const char *format,
                                                   va_list args)
    __attribute__((format(printf, 2, 0)));

/* A copy of a string; of at most `length` characters of it; of `size` bytes, aligned to 16.
 *
 * Returns: memory of the arena; NULL on failure, and for NULL.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as allot_arena_push.
 * Cost:    O(bytes). */
ALLOT_API ALLOT_MUST_USE char *allot_arena_strdup(allot_arena *arena, const char *s);
ALLOT_API ALLOT_MUST_USE char *allot_arena_strndup(allot_arena *arena, const char *s,
                                                   size_t length);
ALLOT_API ALLOT_MUST_USE void *allot_arena_memdup(allot_arena *arena, const void *p, size_t size);

/* --- lifetimes ----------------------------------------------------------------------------- */

/* Has `function(arg)` called when the arena is rewound past this point, reset or released: the
 * latest registered first.
 *
 * Returns: 0; -ENOMEM, nothing being registered.
 * Require: the function neither rewinds, resets nor releases the arena.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(1). */
ALLOT_API ALLOT_MUST_USE allot_status allot_arena_cleanup(allot_arena *arena,
                                                          allot_cleanup_fn function, void *arg);

/* An arena in an arena: it is released when the parent is rewound past this point, reset or
 * released, if it was not before. `options` as for allot_arena_init; its source is the parent's
 * when none is given.
 *
 * Returns: the child, in memory of the parent; NULL on failure.
 * Threads: the caller owns both; afterwards child and parent are to be used by one thread at a
 *          time, the child's release included.   Signals: not safe.
 * Failure: as allot_arena_push and allot_arena_init.
 * Cost:    O(1). */
ALLOT_API ALLOT_MUST_USE allot_arena *allot_arena_child(allot_arena *parent,
                                                        const struct allot_arena_options *options);

/* Takes over everything that `from` has allocated, with its cleanups, as if it had been allocated
 * here now. `from` is empty afterwards, and usable; its marks are stale.
 *
 * Returns: 0; -EINVAL when the two have different sources, are one, or memory of `from` lies in its
 *          buffer or reservation; -EBUSY when one of them is fused; -ENOMEM. Nothing has changed
 *          then.
 * Threads: the caller owns both.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(1). */
ALLOT_API ALLOT_MUST_USE allot_status allot_arena_adopt(allot_arena *arena, allot_arena *from);

/* Adopts and then releases `from`.
 *
 * Returns: as allot_arena_adopt.
 * Threads: the caller owns both.   Signals: not safe.
 * Failure: as allot_arena_adopt.
 * Cost:    O(1 + chunks kept). */
ALLOT_API ALLOT_MUST_USE allot_status allot_arena_merge(allot_arena *arena, allot_arena *from);

/* Gives two arenas, and all that either is fused with, one lifetime: their memory is freed, and
 * their cleanups run, when the last of them is released. They go on being used one by one, but can
 * no longer be reset, rewound or adopted. For objects of one that point into another.
 *
 * Returns: 0, also when they share a lifetime already; -ENOMEM, nothing has changed; -EINVAL for
 *          an arena that was released.
 * Require: what both were made with (source, buffer) outlives the last of them, and the sources
 *          may be used by the thread that releases it. Neither is released meanwhile.
 * Threads: safe: any thread may fuse arenas that others are using, and several may fuse at once.
 *          Signals: not safe.
 * Failure: as told.
 * Cost:    O(1) amortised; one lock for all arenas of the process. */
ALLOT_API ALLOT_MUST_USE allot_status allot_arena_fuse(allot_arena *a, allot_arena *b);

/* Whether two arenas share a lifetime: they are one, or were fused, if through others.
 *
 * Returns: the answer, which other threads may make true.
 * Require: neither is released meanwhile.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1) amortised. */
ALLOT_API bool allot_arena_is_fused(allot_arena *a, allot_arena *b);

/* --- asking an arena ----------------------------------------------------------------------- */

struct allot_arena_stats {
    size_t used_bytes;     /* allocated, with what alignment costs */
    size_t reserved_bytes; /* held: from the source, or committed */
    size_t peak_bytes;     /* most that was ever held */
    size_t spare_bytes;    /* of what is held, chunks that wait */
    size_t limit_bytes;    /* 0: none */
    size_t chunks;         /* in use */
    size_t blocks;         /* oversize objects, and objects that are blocks of their own */
    size_t address_bytes;  /* reserved address space */
    bool individual;       /* every object is a block of its own now */
};

/* Takes stock.
 *
 * Returns: nothing.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks + cleanups). */
ALLOT_API void allot_arena_stats_get(const allot_arena *arena, struct allot_arena_stats *stats);

/* Whether p lies in memory that the arena has handed out and not taken back.
 *
 * Returns: the answer.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks + cleanups). */
ALLOT_API bool allot_arena_owns(const allot_arena *arena, const void *p);

/* Calls `visit` for each range of memory in use: a chunk's objects, a chunk's strings, an oversize
 * block; an object only where it is a block of its own. Ends early when it returns false.
 *
 * Returns: true when all were visited.
 * Threads: the caller owns the arena; the visitor must not use it.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks + cleanups). */
ALLOT_API bool allot_arena_visit(const allot_arena *arena, allot_visit_fn visit, void *arg);

/* Its name, "" when none.
 *
 * Returns: the string of the options.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API const char *allot_arena_name(const allot_arena *arena);

#ifdef __cplusplus
}
#endif
#endif

/* allot/alloc.h - one interface for every allocator, and the checked family of calls.
 * Part of Allot. MIT licence.
 *
 * An allocator is an object whose first field points to a table of operations:
 *
 *     struct my_allocator { allot_allocator base; ...own fields... };
 *
 * so that a pointer to it is a pointer to `allot_allocator`, and any code that takes an
 * `allot_allocator *` runs on heaps, arenas, pools, mappings and their decorators alike. NULL
 * stands for the default of the process (allot_allocator_default).
 *
 * Callers use the functions below; implementers write a table and may rely on what these functions
 * guarantee (see struct allot_allocator_ops). */
#ifndef ALLOT_ALLOC_H
#define ALLOT_ALLOC_H

#include <allot/base.h>
#include <allot/heap.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- how an object is to be allocated ------------------------------------------------------ */

/* A word of flags. Bits 0 to 5: log2 of the alignment; above: ALLOT_ZERO. One word says the same in
 * alloc, resize, remap and free of one object, except for ALLOT_ZERO, which free ignores. */
typedef uint32_t allot_how;

#define ALLOT_HOW_ALIGN_BITS 63u
/* The memory must read zero; in resize and remap, what is added must. */
#define ALLOT_ZERO 64u
/* The alignment, a power of two up to ALLOT_ALIGN_MAX, as a how-word. */
#define ALLOT_ALIGN(align) ((allot_how)__builtin_ctzll((unsigned long long)(align)))
/* 16 bytes: enough for every type that asks for no more. */
#define ALLOT_ALIGN_DEFAULT 4u
#define ALLOT_ALIGN_MAX ((size_t)1 << 30)

/* The alignment of a how-word, in bytes.
 *
 * Returns: a power of two; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
static inline size_t allot_how_align(allot_how how)
{
    return (size_t)1 << (how & ALLOT_HOW_ALIGN_BITS);
}

/* --- the interface ------------------------------------------------------------------------- */

typedef struct allot_allocator allot_allocator;

/* What an allocator can do, so that code can choose instead of fail. */
enum allot_cap {
    ALLOT_CAP_THREADS = 1 << 0, /* any thread may call it at any time */
    ALLOT_CAP_FREE = 1 << 1,    /* free makes the memory of one object usable again, in any order */
    ALLOT_CAP_LIFO_FREE = 1 << 2, /* the object allocated last can be freed and resized */
    ALLOT_CAP_ANY_SIZE = 1 << 3,  /* every size; without it: one size, or up to a limit */
    ALLOT_CAP_ANY_ALIGN = 1 << 4, /* every alignment to ALLOT_ALIGN_MAX */
    ALLOT_CAP_OWNS = 1 << 5,      /* owns answers 1 or 0, never -1 */
    ALLOT_CAP_UNSIZED = 1 << 6, /* free takes ALLOT_SIZE_UNKNOWN for the size, usable works then */
    ALLOT_CAP_RESET = 1 << 7,   /* reset frees everything at once */
    ALLOT_CAP_CHECKED = 1 << 8, /* a wrong free is reported, not obeyed */
    ALLOT_CAP_PAGES = 1 << 9,   /* serves whole pages: the table is struct allot_pages_ops */
    ALLOT_CAP_INDIVIDUAL = 1 << 10 /* every object can be visited, with its size */
};

/* For free and usable of allocators with ALLOT_CAP_UNSIZED. */
#define ALLOT_SIZE_UNKNOWN SIZE_MAX

/* For figures that an allocator does not keep. */
#define ALLOT_STAT_UNKNOWN SIZE_MAX

struct allot_allocator_stats {
    size_t live_bytes; /* of objects, as asked for or as given, as the allocator can tell */
    size_t live_objects;
    size_t peak_live_bytes;
    size_t reserved_bytes; /* taken from the OS or the allocator underneath */
    size_t limit_bytes;    /* 0: none */
    size_t allocations;    /* successful ones so far */
    size_t frees;
    size_t failures;
};

/* Called for one live object; false ends the visit. */
typedef bool (*allot_visit_fn)(void *object, size_t bytes, void *arg);

#define ALLOT_ALLOCATOR_ABI 1u

/* The table of an allocator. Fields marked optional may be NULL.
 *
 * The functions of this header guarantee to an implementation, and who calls a table directly (a
 * decorator) must: 1 <= size <= PTRDIFF_MAX, log2 of the alignment at most 30, no unknown flag, p
 * not NULL, and `size` of a free and `old_size` to be what the object was allocated or last resized
 * with (or ALLOT_SIZE_UNKNOWN, see above). `caller` is the return address of the program's call:
 * hand it down.
 *
 * An implementation that fails leaves everything as it was and returns allot_fail(...). */
struct allot_allocator_ops {
    uint32_t abi;     /* ALLOT_ALLOCATOR_ABI */
    uint32_t caps;    /* enum allot_cap */
    const char *kind; /* "heap", "arena", "limit" ... */
    /* Memory of `size` bytes; NULL: failed. */
    void *(*alloc)(allot_allocator *a, size_t size, allot_how how, const void *caller);
    /* In place only: true, or false and nothing has changed; a false is no failure, it sets no
     * error. Optional: never. */
    bool (*resize)(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                   const void *caller);
    /* May move, and then frees the old place; NULL: nothing has changed, and the caller copies
     * into a new object (and fails if there is none). Optional: always NULL. */
    void *(*remap)(allot_allocator *a, void *p, size_t old_size, size_t new_size, allot_how how,
                   const void *caller);
    void (*free)(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller);
    /* Bytes that may be used of a live object, at least its size. With ALLOT_CAP_CHECKED 0 for
     * what is no such object, and no report. Optional: its size. */
    size_t (*usable)(allot_allocator *a, const void *p, size_t size, allot_how how);
    /* Whether p lies in memory of this allocator: 1, 0, or -1 for not known. Optional: -1. */
    int (*owns)(allot_allocator *a, const void *p);
    /* Gives back what is not in use; bytes given back. Optional: 0. */
    size_t (*trim)(allot_allocator *a);
    /* Frees every object. Optional: -ENOTSUP. */
    allot_status (*reset)(allot_allocator *a, const void *caller);
    /* Fills in what it knows; the struct comes with every field ALLOT_STAT_UNKNOWN. Optional. */
    void (*stats)(allot_allocator *a, struct allot_allocator_stats *stats);
    /* Calls visit for every live object; false: the visitor ended it, or visiting is not possible.
     * Optional: not possible. */
    bool (*visit)(allot_allocator *a, allot_visit_fn visit, void *arg);
};

struct allot_allocator {
    const struct allot_allocator_ops *ops;
};

/* For implementations: records the cause of a failure, sets errno (EINVAL for a bad alignment,
 * ENOMEM else).
 *
 * Returns: NULL, to be returned.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1), no system call. */
ALLOT_API void *allot_fail(enum allot_layer layer, enum allot_cause cause, int os_error);

/* --- allocators that are there ------------------------------------------------------------- */

/* What NULL stands for: the default heap until allot_allocator_set_default.
 *
 * Returns: an allocator, never NULL.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API allot_allocator *allot_allocator_default(void);

/* Makes `a` the default of the process; NULL: the default heap again. Objects remember no
 * allocator: those allocated with NULL before are to be freed with the allocator returned.
 *
 * Returns: the default until now.
 * Require: a can be used by any thread that passes NULL, for as long as it is the default.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API allot_allocator *allot_allocator_set_default(allot_allocator *a);

/* A heap (allot/heap.h) as an allocator; NULL: the default heap. Valid as long as the heap.
 *
 * Returns: an allocator, never NULL. Thread-safe, sized and unsized frees, every free checked.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API allot_allocator *allot_heap_allocator(allot_heap *heap);

/* malloc, realloc and free of the C library of this process, whoever provides them.
 *
 * Returns: an allocator, never NULL. Thread-safe, sized and unsized frees.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API allot_allocator *allot_libc_allocator(void);

/* --- allocating ---------------------------------------------------------------------------- */

/* Attributes by which compilers and analyzers know what a call does. A destructor is only told to
 * gcc (11 on): clang takes no argument here. Its analyzer believes attributes of ownership when
 * told to (unix.DynamicMemoryModeling:Optimistic=true), but takes what they give for uninitialised,
 * so that only plain memory has them. allot_new has none, because what an arena
 * allocates need not be freed, and gcc -fanalyzer would call it a leak. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define ALLOT_FREED_BY(function, argument) __attribute__((malloc(function, argument)))
#else
#define ALLOT_FREED_BY(function, argument)
#endif
#if defined(__clang__)
#define ALLOT_GIVES __attribute__((ownership_returns(malloc)))
#define ALLOT_FREES __attribute__((ownership_takes(malloc, 1)))
#else
#define ALLOT_GIVES
#define ALLOT_FREES
#endif
#define ALLOT_NEW_LIKE __attribute__((malloc)) ALLOT_MUST_USE
#define ALLOT_SIZE_IS(...) __attribute__((alloc_size(__VA_ARGS__)))

/* Frees an object. NULL is fine.
 *
 * Returns: nothing.
 * Require: size is what the object was allocated, or last resized, with.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none; misuse is reported by allocators with ALLOT_CAP_CHECKED.
 * Cost:    that of the allocator. */
ALLOT_API void allot_delete(allot_allocator *a, void *p, size_t size);
/* The same for an object allocated with a how-word.
 *
 * Returns: nothing.
 * Require: as allot_delete; how is what the object was allocated with.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none.
 * Cost:    that of the allocator. */
ALLOT_API void allot_delete_how(allot_allocator *a, void *p, size_t size, allot_how how);

/* Allocates `size` bytes aligned to 16; size 0 counts as 1.
 *
 * Returns: uninitialised memory owned by the caller until allot_delete or the end of the
 *          allocator; NULL on failure.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: NULL, errno, allot_last_error(); nothing has changed.
 * Cost:    that of the allocator, and one indirect call. */
ALLOT_API void *allot_new(allot_allocator *a, size_t size) ALLOT_NEW_LIKE ALLOT_SIZE_IS(2);

/* As allot_new, the memory reading zero. What is known to be zero is not cleared again.
 *
 * Returns: zeroed memory, or NULL.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_new.
 * Cost:    O(size) at most. */
ALLOT_API void *allot_new_zero(allot_allocator *a, size_t size) ALLOT_NEW_LIKE ALLOT_SIZE_IS(2);

/* As allot_new, with any alignment and flags.
 *
 * Returns: memory as asked for, or NULL.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_new; EINVAL and ALLOT_CAUSE_BAD_ALIGNMENT for a how-word that is none.
 * Cost:    that of the allocator. */
ALLOT_API void *allot_new_how(allot_allocator *a, size_t size, allot_how how) ALLOT_NEW_LIKE
    ALLOT_SIZE_IS(2);

/* An array of `count` times `size` bytes; a product that overflows fails.
 *
 * Returns: uninitialised memory of count * size bytes, or NULL.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_new; ALLOT_CAUSE_TOO_LARGE on overflow.
 * Cost:    that of the allocator. */
ALLOT_API void *allot_new_array(allot_allocator *a, size_t count, size_t size) ALLOT_NEW_LIKE
    ALLOT_SIZE_IS(2, 3);
/* The same with any alignment and flags.
 *
 * Returns: memory as asked for, or NULL.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_new_array and allot_new_how.
 * Cost:    that of the allocator. */
ALLOT_API void *allot_new_array_how(allot_allocator *a, size_t count, size_t size,
                                    allot_how how) ALLOT_NEW_LIKE ALLOT_SIZE_IS(2, 3);

/* At least `size` bytes, and how many there really are: for buffers that grow.
 *
 * Returns: memory of *given bytes, or NULL (*given is then 0). It is *given bytes large for every
 *          later call.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_new.
 * Cost:    that of the allocator. */
ALLOT_API void *allot_new_atleast(allot_allocator *a, size_t size, size_t *given) ALLOT_NEW_LIKE;

/* Changes the size of an object, in place or by moving it. *p NULL (and old_size ignored)
 * allocates.
 *
 * Returns: 0, *p being the object of new_size bytes with its content; else -ENOMEM or -EINVAL, and
 *          *p and the object are as they were.
 * Require: old_size is its size.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as told; allot_last_error() has the cause.
 * Cost:    O(old_size) when it moves and the allocator cannot remap. */
ALLOT_API ALLOT_MUST_USE allot_status allot_resize(allot_allocator *a, void **p, size_t old_size,
                                                   size_t new_size);
/* The same for an object allocated with a how-word; with ALLOT_ZERO what is added reads zero.
 *
 * Returns: as allot_resize.
 * Require: as allot_resize; the alignment is that of the object.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_resize.
 * Cost:    as allot_resize. */
ALLOT_API ALLOT_MUST_USE allot_status allot_resize_how(allot_allocator *a, void **p,
                                                       size_t old_size, size_t new_size,
                                                       allot_how how);

/* Changes the size of an object if that can be done where it is.
 *
 * Returns: true: it has new_size bytes now; false: nothing has changed.
 * Require: old_size is its size.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none: false is an answer.
 * Cost:    that of the allocator. */
ALLOT_API ALLOT_MUST_USE bool allot_try_resize(allot_allocator *a, void *p, size_t old_size,
                                               size_t new_size);

/* Typed: T *x = ALLOT_NEW(a, T); an array of n: ALLOT_ARRAY(a, T, n), all zero: ALLOT_ARRAY_ZERO; a
 * struct that ends in an array `member` of n elements: ALLOT_FLEX(a, T, member, n). */
#define ALLOT_ALIGN_OF(T) ALLOT_ALIGN(__alignof__(T) > 16 ? __alignof__(T) : 16)
#define ALLOT_NEW(a, T) ((T *)allot_new_how((a), sizeof(T), ALLOT_ALIGN_OF(T)))
#define ALLOT_NEW_ZERO(a, T) ((T *)allot_new_how((a), sizeof(T), ALLOT_ALIGN_OF(T) | ALLOT_ZERO))
#define ALLOT_ARRAY(a, T, n) ((T *)allot_new_array_how((a), (n), sizeof(T), ALLOT_ALIGN_OF(T)))
#define ALLOT_ARRAY_ZERO(a, T, n)                                                                  \
    ((T *)allot_new_array_how((a), (n), sizeof(T), ALLOT_ALIGN_OF(T) | ALLOT_ZERO))
#define ALLOT_FLEX_BYTES(T, member, n)                                                             \
    allot_flex_bytes(offsetof(T, member), sizeof(((T *)0)->member[0]), (n), sizeof(T))
#define ALLOT_FLEX(a, T, member, n)                                                                \
    ((T *)allot_new_how((a), ALLOT_FLEX_BYTES(T, member, n), ALLOT_ALIGN_OF(T)))
/* Frees what ALLOT_NEW gave and sets p to NULL. */
#define ALLOT_DELETE(a, p)                                                                         \
    do {                                                                                           \
        allot_delete_how((a), (p), sizeof *(p), ALLOT_ALIGN_OF(__typeof__(*(p))));                 \
        (p) = NULL;                                                                                \
    } while (0)

/* --- asking an allocator ------------------------------------------------------------------- */

/* What an allocator can do, as enum allot_cap.
 *
 * Returns: the flags.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API uint32_t allot_allocator_caps(allot_allocator *a);

/* Its kind: "heap", "libc", "arena", "limit" ...
 *
 * Returns: a static string.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API const char *allot_allocator_kind(allot_allocator *a);

/* Bytes that may be used of a live object.
 *
 * Returns: at least size; 0 for NULL, and where frees are checked (ALLOT_CAP_CHECKED) for what is
 *          no live object of this size.
 * Require: size is its size, or ALLOT_SIZE_UNKNOWN with ALLOT_CAP_UNSIZED.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1) as a rule. */
ALLOT_API size_t allot_allocator_usable(allot_allocator *a, const void *p, size_t size,
                                        allot_how how);

/* Whether p lies in memory of the allocator.
 *
 * Returns: 1 yes, 0 no, -1 the allocator cannot tell.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none.
 * Cost:    that of the allocator. */
ALLOT_API int allot_allocator_owns(allot_allocator *a, const void *p);

/* Gives back to the OS, or the allocator underneath, what is not in use.
 *
 * Returns: bytes given back.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none.
 * Cost:    that of the allocator. */
ALLOT_API size_t allot_allocator_trim(allot_allocator *a);

/* Frees every object at once.
 *
 * Returns: 0; -ENOTSUP from an allocator that cannot (no ALLOT_CAP_RESET).
 * Threads: as the allocator; nobody uses its objects.   Signals: not safe.
 * Failure: as told.
 * Cost:    that of the allocator. */
ALLOT_API ALLOT_MUST_USE allot_status allot_allocator_reset(allot_allocator *a);

/* Figures of an allocator; what it does not keep is ALLOT_STAT_UNKNOWN.
 *
 * Returns: nothing.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: none.
 * Cost:    that of the allocator. */
ALLOT_API void allot_allocator_stats_get(allot_allocator *a, struct allot_allocator_stats *stats);

/* Calls `visit` for every live object; ends early when it returns false. The visitor must not use
 * the allocator.
 *
 * Returns: true when every object was visited; false else, or when the allocator cannot.
 * Threads: one thread, and nobody else allocates or frees meanwhile.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API bool allot_allocator_visit(allot_allocator *a, allot_visit_fn visit, void *arg);

/* --- the checked family: from the default heap, without sizes at free ---------------------- */

/* Frees a block of the family. NULL is fine. Keeps errno.
 *
 * Returns: nothing.
 * Threads: safe.   Signals: not safe.
 * Failure: whatever is no live block is reported as misuse, exactly.
 * Cost:    O(1). */
ALLOT_API void allot_free(void *p) ALLOT_FREES;

/* Allocates `size` bytes aligned to 16; size 0 gives a unique pointer.
 *
 * Returns: uninitialised memory, owned by the caller until allot_free; NULL on failure.
 * Threads: safe.   Signals: not safe.
 * Failure: NULL, errno ENOMEM, allot_last_error().
 * Cost:    O(1); a system call only when the heap grows. */
ALLOT_API void *allot_malloc(size_t size) ALLOT_NEW_LIKE ALLOT_GIVES ALLOT_SIZE_IS(1)
    ALLOT_FREED_BY(allot_free, 1);

/* `count` times `size` bytes that read zero.
 *
 * Returns: zeroed memory, or NULL.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_malloc; ALLOT_CAUSE_TOO_LARGE when the product overflows.
 * Cost:    O(bytes) at most. */
ALLOT_API void *allot_calloc(size_t count, size_t size) ALLOT_NEW_LIKE ALLOT_SIZE_IS(1, 2)
    ALLOT_FREED_BY(allot_free, 1);

/* Aligned to `align`.
 *
 * Returns: uninitialised memory, or NULL.
 * Require: align is a power of two up to ALLOT_ALIGN_MAX.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_malloc; EINVAL for a bad alignment.
 * Cost:    O(1). */
ALLOT_API void *allot_malloc_aligned(size_t size, size_t align) ALLOT_NEW_LIKE ALLOT_GIVES
    ALLOT_SIZE_IS(1) ALLOT_FREED_BY(allot_free, 1);

/* Changes the size of *p, which may move; *p NULL allocates. Unlike realloc it cannot lose the old
 * block, and size 0 frees nothing.
 *
 * Returns: 0; -ENOMEM, *p being untouched; -EINVAL for a pointer that is no live block, which is
 *          reported.
 * Threads: safe; the block is the caller's.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(size) when it moves; large blocks move by remapping. */
ALLOT_API ALLOT_MUST_USE allot_status allot_realloc(void **p, size_t size);

/* The same for `count` times `size` bytes; an overflow is -ENOMEM.
 *
 * Returns: as allot_realloc.
 * Threads: safe; the block is the caller's.   Signals: not safe.
 * Failure: as allot_realloc.
 * Cost:    as allot_realloc. */
ALLOT_API ALLOT_MUST_USE allot_status allot_reallocarray(void **p, size_t count, size_t size);

/* Usable bytes of a live block; 0 for NULL.
 *
 * Returns: bytes.
 * Threads: safe.   Signals: not safe.
 * Failure: a bad pointer is reported as misuse, and 0.
 * Cost:    O(1). */
ALLOT_API size_t allot_usable(const void *p);

/* A copy of a string; of at most `length` characters of it; of `size` bytes.
 *
 * Returns: memory owned by the caller until allot_free; NULL on failure, and for NULL.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_malloc.
 * Cost:    O(bytes). */
ALLOT_API char *allot_strdup(const char *s) ALLOT_NEW_LIKE ALLOT_FREED_BY(allot_free, 1);
/* See allot_strdup.
 *
 * Returns: as allot_strdup.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_malloc.
 * Cost:    O(length). */
ALLOT_API char *allot_strndup(const char *s, size_t length) ALLOT_NEW_LIKE
    ALLOT_FREED_BY(allot_free, 1);
/* See allot_strdup.
 *
 * Returns: as allot_strdup.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_malloc.
 * Cost:    O(size). */
ALLOT_API void *allot_memdup(const void *p, size_t size) ALLOT_NEW_LIKE ALLOT_SIZE_IS(2)
    ALLOT_FREED_BY(allot_free, 1);

/* Frees p and sets it to NULL. */
#define ALLOT_FREE(p)                                                                              \
    do {                                                                                           \
        allot_free(p);                                                                             \
        (p) = NULL;                                                                                \
    } while (0)

/* --- arithmetic that cannot overflow silently ---------------------------------------------- */

/* *product = a * b.
 *
 * Returns: true; false, and *product SIZE_MAX, when it overflows.
 * Threads: safe.   Signals: safe.
 * Failure: as told.
 * Cost:    O(1). */
static inline ALLOT_MUST_USE bool allot_mul(size_t a, size_t b, size_t *product)
{
    if (!__builtin_mul_overflow(a, b, product))
        return true;
    *product = SIZE_MAX;
    return false;
}

/* *sum = a + b.
 *
 * Returns: true; false, and *sum SIZE_MAX, when it overflows.
 * Threads: safe.   Signals: safe.
 * Failure: as told.
 * Cost:    O(1). */
static inline ALLOT_MUST_USE bool allot_add(size_t a, size_t b, size_t *sum)
{
    if (!__builtin_add_overflow(a, b, sum))
        return true;
    *sum = SIZE_MAX;
    return false;
}

/* Bytes of a struct with n elements of element_bytes from offset on.
 *
 * Returns: at least struct_bytes; SIZE_MAX, which no allocator serves, on overflow.
 * Threads: safe.   Signals: safe.
 * Failure: as told.
 * Cost:    O(1). */
static inline size_t allot_flex_bytes(size_t offset, size_t element_bytes, size_t n,
                                      size_t struct_bytes)
{
    size_t bytes;

    if (!allot_mul(element_bytes, n, &bytes) || !allot_add(bytes, offset, &bytes))
        return SIZE_MAX;
    return bytes < struct_bytes ? struct_bytes : bytes;
}

#ifdef __cplusplus
}
#endif
#endif

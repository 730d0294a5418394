/* allot/heap.h - heap objects: separate general-purpose heaps that any thread may use.
 * Part of Allot. MIT licence. */
#ifndef ALLOT_HEAP_H
#define ALLOT_HEAP_H

#include <allot/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In every call but allot_heap_destroy, NULL stands for the default heap. A heap that was destroyed
 * is reported as misuse (invalid-heap), and nothing else happens; but its handle may be that of a
 * heap created later. */
typedef struct allot_heap allot_heap;

/* Asked when a heap's limit would be passed. Returning true retries once (after freeing something
 * or raising the limit); false makes the allocation fail. Runs on the allocating thread with no
 * lock held. */
typedef bool (*allot_heap_limit_fn)(allot_heap *heap, size_t wanted_bytes, void *arg);

struct allot_heap_options {
    const char *name;   /* copied, cut to 31 bytes; NULL: none */
    size_t limit_bytes; /* of spans, charged a slab or large block at a time; 0: none */
    allot_heap_limit_fn on_limit;
    void *arg;
};

/* Creates a heap. NULL options: defaults.
 *
 * Returns: a heap owned by the caller until allot_heap_destroy; NULL when memory is short.
 * Threads: safe; any thread may use the heap.   Signals: not safe.
 * Failure: NULL and allot_last_error().
 * Cost:    O(1), no system call as a rule. */
ALLOT_API ALLOT_MUST_USE allot_heap *allot_heap_create(const struct allot_heap_options *options);

/* Returns every block of the heap at once, live or not. Pointers into it are invalid afterwards; a
 * later free of one is reported.
 *
 * Returns: nothing. NULL is fine.
 * Require: no other thread is inside a call on this heap or frees its blocks meanwhile.
 * Threads: any one thread.   Signals: not safe.
 * Failure: a heap that was destroyed already is reported as misuse.
 * Cost:    O(slabs and large blocks of the heap). */
ALLOT_API void allot_heap_destroy(allot_heap *heap);

/* Allocates `size` bytes, aligned to 16.
 *
 * Returns: uninitialised memory owned by the caller until allot_heap_free or the end of the heap;
 *          NULL on failure. size 0 gives a unique pointer.
 * Threads: safe.   Signals: not safe.
 * Failure: NULL, errno ENOMEM, allot_last_error().
 * Cost:    O(1); a system call only when the heap grows. */
ALLOT_API ALLOT_MUST_USE void *allot_heap_alloc(allot_heap *heap, size_t size)
    __attribute__((malloc, alloc_size(2)));

/* As allot_heap_alloc, the memory being zero. Memory known to be zero is not cleared again.
 *
 * Returns: zeroed memory, NULL on failure.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_heap_alloc.
 * Cost:    O(size) at most. */
ALLOT_API ALLOT_MUST_USE void *allot_heap_zalloc(allot_heap *heap, size_t size)
    __attribute__((malloc, alloc_size(2)));

/* As allot_heap_alloc, aligned to `align`.
 *
 * Returns: memory aligned to `align`, NULL on failure.
 * Require: align is a power of two, at most 1 GiB.
 * Threads: safe.   Signals: not safe.
 * Failure: as allot_heap_alloc; a bad alignment is EINVAL.
 * Cost:    O(1). */
ALLOT_API ALLOT_MUST_USE void *allot_heap_aligned(allot_heap *heap, size_t size, size_t align)
    __attribute__((malloc, alloc_size(2)));

/* Changes the size of a block of this heap; *block is updated. *block NULL allocates.
 *
 * Returns: 0 and the block at its new place; -ENOMEM, or -EINVAL for a heap that was destroyed or a
 *          bad pointer, which is reported; *block then being as it was.
 * Threads: safe; the block is the caller's.   Signals: not safe.
 * Failure: as told; nothing is lost.
 * Cost:    O(size) when it moves; large blocks move by remapping. */
ALLOT_API ALLOT_MUST_USE allot_status allot_heap_realloc(allot_heap *heap, void **block,
                                                         size_t size);

/* Frees a block of this heap. NULL is fine.
 *
 * Returns: nothing.
 * Threads: safe, from any thread.   Signals: not safe.
 * Failure: a pointer that is no live block of any heap is reported as misuse.
 * Cost:    O(1). */
ALLOT_API void allot_heap_free(allot_heap *heap, void *block);

/* Usable bytes of a live block (at least what was asked for).
 *
 * Returns: bytes; 0 for NULL.
 * Threads: safe.   Signals: not safe.
 * Failure: a bad pointer is reported as misuse, and 0.
 * Cost:    O(1). */
ALLOT_API size_t allot_heap_usable(allot_heap *heap, const void *block);

struct allot_heap_stats {
    size_t live_bytes;
    size_t live_blocks;
    size_t spans_bytes;
    size_t peak_spans_bytes;
    size_t limit_bytes;
};

/* Takes stock of one heap.
 *
 * Returns: 0; -EINVAL for a heap that was destroyed, *stats being all zero.
 * Threads: safe.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(blocks of the heap). */
ALLOT_API allot_status allot_heap_stats_get(allot_heap *heap, struct allot_heap_stats *stats);

/* Changes the limit; 0 takes it away. What is in use already stays. The limit of the default heap
 * is that of the process (option limit=), which all heaps together are held to.
 *
 * Returns: nothing.
 * Threads: safe.   Signals: not safe.
 * Failure: a heap that was destroyed is reported as misuse.
 * Cost:    O(1). */
ALLOT_API void allot_heap_set_limit(allot_heap *heap, size_t limit_bytes);

/* Name given at creation, "" when none.
 *
 * Returns: a string owned by the heap; "" for a heap that was destroyed.
 * Threads: safe.   Signals: safe.
 * Failure: a heap that was destroyed is reported as misuse.
 * Cost:    O(1). */
ALLOT_API const char *allot_heap_name(const allot_heap *heap);

typedef bool (*allot_heap_visit_fn)(void *block, size_t usable_bytes, void *arg);

/* Calls `visit` for every live block; ends early when it returns false. The visitor must not
 * allocate from or free to the heap.
 *
 * Returns: true when every block was visited; false for a heap that was destroyed.
 * Require: no other thread allocates from or frees to the heap meanwhile.
 * Threads: one thread at a time.   Signals: not safe.
 * Failure: a heap that was destroyed is reported as misuse.
 * Cost:    O(blocks). */
ALLOT_API bool allot_heap_walk(allot_heap *heap, allot_heap_visit_fn visit, void *arg);

/* The heap a live block belongs to.
 *
 * Returns: the heap; NULL for a block of the default heap or no block at all.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API allot_heap *allot_heap_of(const void *block);

/* The heap that malloc serves from in programs that run on the drop-in.
 *
 * Returns: the default heap; it cannot be destroyed.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API allot_heap *allot_heap_default(void);

#ifdef __cplusplus
}
#endif
#endif

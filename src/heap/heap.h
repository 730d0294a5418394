/* Layer 4: the general-purpose heap. This header is what the layers above may use; the hit paths
 * are in heap/fast.h and inlined into their callers, so that malloc is one straight piece of code.
 *
 * All functions here take the return address of the public call (`caller`) and which call it was,
 * for reports; none sets errno. A NULL result has its cause in allot_last_error(). */
#ifndef ALI_HEAP_H
#define ALI_HEAP_H

#include "core/core.h"

/* The public call, for reports; also tells the family for harden=family. */
enum ali_call {
    ALI_CALL_MALLOC,
    ALI_CALL_CALLOC,
    ALI_CALL_REALLOC,
    ALI_CALL_REALLOCARRAY,
    ALI_CALL_ALIGNED_ALLOC,
    ALI_CALL_MEMALIGN,
    ALI_CALL_POSIX_MEMALIGN,
    ALI_CALL_VALLOC,
    ALI_CALL_PVALLOC,
    ALI_CALL_FREE,
    ALI_CALL_CFREE,
    ALI_CALL_FREE_SIZED,
    ALI_CALL_FREE_ALIGNED_SIZED,
    ALI_CALL_USABLE_SIZE,
    ALI_CALL_NEW,
    ALI_CALL_NEW_ARRAY,
    ALI_CALL_DELETE,
    ALI_CALL_DELETE_ARRAY,
    ALI_CALL_HEAP_ALLOC,
    ALI_CALL_HEAP_REALLOC,
    ALI_CALL_HEAP_FREE,
    ALI_CALL_HEAP_USABLE,
    ALI_CALL_HEAP_DESTROY,
    ALI_CALL_HEAP_STATS,
    ALI_CALL_HEAP_SET_LIMIT,
    ALI_CALL_HEAP_NAME,
    ALI_CALL_HEAP_WALK,
    ALI_CALL_NEW_OBJECT, /* of allot/alloc.h from here on */
    ALI_CALL_RESIZE_OBJECT,
    ALI_CALL_DELETE_OBJECT,
    ALI_CALL_ALLOCATOR_STATS,
    ALI_CALL_ALLOCATOR_VISIT,
    ALI_CALL_ALLOT_MALLOC,
    ALI_CALL_ALLOT_CALLOC,
    ALI_CALL_ALLOT_MALLOC_ALIGNED,
    ALI_CALL_ALLOT_REALLOC,
    ALI_CALL_ALLOT_REALLOCARRAY,
    ALI_CALL_ALLOT_FREE,
    ALI_CALL_ALLOT_USABLE,
    ALI_CALL_ALLOT_STRDUP,
    ALI_CALL_ALLOT_STRNDUP,
    ALI_CALL_ALLOT_MEMDUP,
    ALI_CALL_COUNT
};

const char *ali_call_name(enum ali_call call); /* "free", "operator delete[]" ... */

#include "heap/fast.h"
/* fast.h gives, inlined:
 *   bool  ali_heap_alloc_hit(size_t size, void **p);
 *                                            a block, or false: take ali_heap_alloc_miss
 *   bool  ali_heap_free_hit(void *p);        done, or false: take ali_heap_free_miss (also for
 * NULL) bool  ali_heap_free_sized_hit(void *p, size_t size); done, or false: take
 * ali_heap_free_claimed */

void *ali_heap_alloc_miss(size_t size, enum ali_call call, const void *caller);
void ali_heap_free_miss(void *p, enum ali_call call, const void *caller);

/* free with what the caller claims: size_bytes SIZE_MAX when not told, align 0 when not told. A
 * claim that does not fit the block is a mismatched free. */
void ali_heap_free_claimed(void *p, size_t size_bytes, size_t align, enum ali_call call,
                           const void *caller);

void *ali_heap_zalloc(size_t size, enum ali_call call, const void *caller);

/* align is a power of two. */
void *ali_heap_aligned(size_t size, size_t align, enum ali_call call, const void *caller);

/* p not NULL and size not 0 have been dealt with by the caller as its own standard says; here size
 * 0 is like 1. NULL leaves the block as it was. */
void *ali_heap_realloc(void *p, size_t size, enum ali_call call, const void *caller);

/* The same for *p: 0, or -ENOMEM, or -EINVAL for a bad pointer, which is reported. */
int ali_heap_renew(void **p, size_t size, enum ali_call call, const void *caller);

/* Usable bytes of a live block; a bad pointer is reported and gives 0. */
size_t ali_heap_usable(const void *p, enum ali_call call, const void *caller);

/* count times size did not fit: records the cause, tells a misuse handler. */
void ali_heap_refuse_overflow(size_t count, size_t size, enum ali_call call, const void *caller);

/* mallopt(M_PERTURB): from now on blocks are filled with the complement of `byte` when they are
 * handed out and with `byte` when they are freed, as with harden=junk; 0 ends it. */
void ali_heap_perturb(uint8_t byte);
/* Large blocks of at least so many bytes go back to the system when they are freed. */
void ali_heap_return_at_once(size_t bytes);

/* Starts the heap if nothing has yet; for constructors. Installs the fork and thread hooks. */
void ali_heap_start(void);

#endif

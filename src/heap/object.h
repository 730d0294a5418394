/* Heap objects: what all thread blocks of one heap share. The default heap is one of them. */
#ifndef ALI_HEAP_OBJECT_H
#define ALI_HEAP_OBJECT_H

#include "allot/alloc.h"
#include "heap/block.h"

struct allot_heap {
    allot_allocator base; /* must be first; constant */
    struct ali_lock lock; /* rank HEAP: parked, spans */
    _Atomic(uint32_t)
        generation; /* odd while the heap lives; the memory is never reused for else */
    _Atomic(struct ali_block *) blocks; /* all, by next_all; only pushed */
    struct ali_block *parked;           /* by next_parked */
    _Atomic(uint32_t) parked_count;
    uint32_t spans; /* first of all spans of the heap, 0 none; not for the default heap */
    _Atomic(size_t) used_bytes; /* bytes of spans */
    _Atomic(size_t) peak_bytes;
    _Atomic(size_t) limit_bytes;
    allot_heap_limit_fn on_limit;
    void *limit_arg;
    char name[32];
    struct allot_heap *next;      /* list of all heaps; only pushed */
    struct allot_heap *next_free; /* destroyed ones, to be used again */
};

extern struct allot_heap ali_default_heap;

extern const struct allot_allocator_ops ali_heap_ops; /* allocator.c */

ALI_INLINE bool ali_heap_is_default(const struct allot_heap *h)
{
    return h == &ali_default_heap;
}

ALI_INLINE bool ali_heap_is_alive(const struct allot_heap *h)
{
    return (atomic_load_explicit(&h->generation, memory_order_acquire) & 1) != 0;
}

/* The heap that a caller means: NULL is the default one. NULL: it was destroyed, which has been
 * reported. */
struct allot_heap *ali_heap_meant(allot_heap *h, enum ali_call call, const void *caller);

/* All heaps ever made, the default one first. */
struct allot_heap *ali_heap_first(void);

/* Charges spans to a heap with a limit; false when it stays over, after what `b` (the caller's
 * block of the heap; NULL: the one of this thread) and the blocks that no thread has keep unused
 * was given back, and the callback was asked. That may use b. */
bool ali_heap_charge(struct allot_heap *h, struct ali_block *b, size_t bytes);
/* The same without giving back or asking anything; sets no error. */
bool ali_heap_try_charge(struct allot_heap *h, size_t bytes);
void ali_heap_uncharge(struct allot_heap *h, size_t bytes);

/* Enters a span into, takes it out of, the list of a heap object. No-ops for the default heap. */
void ali_heap_enlist(struct allot_heap *h, struct ali_span *s);
void ali_heap_delist(struct allot_heap *h, struct ali_span *s);

/* Calls `each` for every slab and large block of the heap, as long as it returns true. Spans that
 * other threads take or give back meanwhile may be missed. */
bool ali_heap_each_span(struct allot_heap *h, bool (*each)(struct ali_span *span, void *arg),
                        void *arg);

#endif

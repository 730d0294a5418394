/* Thread blocks: what one thread keeps of one heap.
 *
 *   TLS ali_self -> block -> slot[class] -> mask of eligible blocks of one slab word
 *                         -> partial[class]: slabs with free blocks
 *                         <- slab.owner      (the fast free compares this with ali_self)
 *                         <- inbox: slabs in which other threads have freed
 *
 * A block is never given back while its heap lives, so a late push on its inbox is harmless. It
 * belongs to one thread at a time; a thread that ends parks it in O(1), another adopts it.
 * `thread` is the identity of the owning thread: its block of the default heap. */
#ifndef ALI_HEAP_BLOCK_H
#define ALI_HEAP_BLOCK_H

#include "heap/slab.h"

struct ali_observer;

struct ali_slot {
    uint64_t bits;   /* eligible: bit i is the block i places behind `base` */
    uint8_t *states; /* state byte of bit 0 */
    char *base;      /* address of bit 0 */
    uint32_t block_bytes;
    bool fresh;            /* the blocks of the mask were never handed out */
    bool zero;             /* and read zero */
    struct ali_slab *slab; /* the ACTIVE slab, NULL none */
};

/* Frees of other threads' blocks, counted privately and published in batches. */
#define ALI_REMOTE_ENTRIES 32
struct ali_remote_entry {
    struct ali_slab *slab;
    uint32_t count;
    uint32_t limit;
};

#define ALI_HEAP_CACHE 4
struct ali_heap_entry {
    struct allot_heap *heap;
    uint32_t generation;
    struct ali_block *block;
};

/* Blocks handed out last, when they are hardened. */
#define ALI_NEWEST 2
struct ali_newest {
    struct ali_slab *slab;
    char *block;
    size_t size;
    uint32_t call;
};

#define ALI_EMPTY_SLABS 4
#define ALI_LARGE_CACHE 4

struct ali_block {
    struct ali_slot slots[ALI_CLASS_COUNT];
    _Atomic(struct ali_block *) thread; /* NULL: parked */
    struct allot_heap *heap;
    uint32_t heap_generation;
    _Atomic(uint32_t) thread_id;
    uint32_t partial[ALI_CLASS_COUNT];      /* first slab of the list, 0 none */
    uint32_t partial_last[ALI_CLASS_COUNT]; /* the oldest */
    uint64_t parked_bits[ALI_CLASS_COUNT];  /* kept out of the slot: everything is watched, or a
                                               sample is due */
    size_t slab_bytes;                      /* of all slabs the block holds */
    size_t sparse_bytes;   /* free and not given back in listed slabs under half used */
    unsigned sparse_class; /* where the next purge begins */
    /* empty slabs (one slice each) and large spans kept for the next request */
    struct ali_span *empties[ALI_EMPTY_SLABS];
    struct ali_span *large[ALI_LARGE_CACHE];
    uint32_t empty_count, large_count;
    size_t large_bytes;
    struct ali_remote_entry remote[ALI_REMOTE_ENTRIES];
    struct ali_heap_entry heaps[ALI_HEAP_CACHE];
    struct ali_random random;
    int64_t sample_left;                    /* bytes to the next sample */
    const struct ali_observer *sampled_for; /* whose sample_left it is */
    bool stale;              /* left by a thread that fork did not copy: rebuild before use */
    _Atomic(bool) destroyed; /* its heap was destroyed; set under the heap's lock */
    uint32_t slow_count;
    uint32_t newest_next;
    struct ali_newest newest[ALI_NEWEST];
    uint64_t refills[ALI_CLASS_COUNT];
    uint64_t large_allocs;
    uint64_t asked_bytes, asked_given_bytes; /* sampled at slow paths: internal slack */
    struct ali_block *next_all;              /* heap's list of all its blocks, only ever pushed */
    struct ali_block *next_parked;           /* heap's list of parked blocks, under its lock */
    struct ali_block *next_of_thread;        /* blocks of other heaps that this thread holds */
    _Alignas(ALI_LINE_BYTES) _Atomic(uint32_t) inbox; /* slice index of a slab, 0 none */
    _Atomic(size_t) unseen_bytes; /* of slabs that came to the inbox since it was drained */
};

/* The block of the default heap of this thread; at first, and after the thread's destructors, a
 * static block that has nothing, so that the fast paths need no test. */
extern _Thread_local struct ali_block *ali_self __attribute__((tls_model("initial-exec")));
extern struct ali_block ali_block_none; /* thread has not allocated yet */
extern struct ali_block ali_block_late; /* thread has parked its block and is ending */

#endif

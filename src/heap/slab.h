/* Slabs: one or eight slices cut into blocks of one class, with one state byte for each block.
 *
 *   slice (user memory)            metas (ali_span.client)          state bytes (metadata memory)
 *   |b0|b1|b2|...|b(count-1)|rest|  owner states recip trigger ...   |1|0|1|1|...|0|ff|ff|
 *
 * The state byte is the truth about a block; everything else (used, lists, masks) is derived from
 * it and can be rebuilt. `used` is never stored: used = trigger + event_used.
 *
 * Who writes what: the first line is constant while the slab lives, except trigger, which the
 * owner's thread changes; the second line's atomics are written by any thread. Those outlive the
 * slab: a late publisher may touch them when the slice has become something else, so nothing else
 * ever stands there.
 *
 * Who reads what: frees of live blocks read the constants plainly, as the block came to them after
 * the slab was made. Whoever walks the heap, or holds a pointer that may be no block, may meet a
 * slab that is being made or going, and reads them by ali_slab_look(). */
#ifndef ALI_HEAP_SLAB_H
#define ALI_HEAP_SLAB_H

#include "core/observe.h"
#include "heap/classes.h"

struct ali_block;
struct allot_heap;

/* Words that one thread may change while others look: some value that the word has had. */
#define ali_peek(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define ali_poke(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELAXED)
/* Counters of one thread. */
#define ali_count(word, more) ali_poke(word, (word) + (more))

enum ali_state {
    ALI_STATE_FREE = 0,
    ALI_STATE_LIVE = 1,
    ALI_STATE_HELD = 3,       /* being freed, or freed and waiting in the quarantine */
    ALI_STATE_HARDENED = 4,   /* live, leaves the fast path, not observed */
    ALI_STATE_WATCHED = 0x40, /* live, leaves the fast path: observed in turn 1, 2 ... of
                                 core/observe.h, and hardened if blocks are */
    ALI_STATE_WATCHED_END = ALI_STATE_WATCHED + ALI_OBSERVER_TURNS,
    ALI_STATE_NEVER = 0xff /* behind the last block of a slab */
};

enum ali_slab_kind {
    ALI_KIND_NONE,
    ALI_KIND_SLAB, /* one slice */
    ALI_KIND_WIDE, /* head of eight slices */
    ALI_KIND_PART, /* one of the seven others: `part` slices behind the head */
    ALI_KIND_LARGE /* one block, whole slices: struct ali_large */
};

/* Who may hand out blocks of a slab, or take its pages. Changed by compare-and-swap only, on slow
 * paths: PARKED -> ACTIVE (its owner takes it into a slot, or is about to release it),
 * ACTIVE -> PARKED (owner), PARKED -> PURGING -> PARKED (any thread), PURGING -> WANTED (owner, who
 * could not release it) -> PARKED (who purges, and then tells the owner). */
enum ali_slab_mode {
    ALI_MODE_ACTIVE,  /* its owner may hand out blocks any moment; also: no slab at all */
    ALI_MODE_PARKED,  /* nobody hands out its blocks */
    ALI_MODE_PURGING, /* some thread is giving back pages that hold no live block */
    ALI_MODE_WANTED   /* the same, and nothing is live: the owner waits to release it */
};

/* Whether a publisher of frees may put the slab on its holder's inbox. The holder changes while
 * CLOSED only. */
enum ali_slab_link {
    ALI_LINK_CLOSED, /* no slab, or one that is going or changing hands */
    ALI_LINK_OPEN,
    ALI_LINK_QUEUED /* in the holder's inbox, or being pushed by the thread that made it so */
};

struct ali_slab {
    /* read by every free */
    _Atomic(struct ali_block *) owner;
    uint8_t *states;
    uint32_t recip;
    int32_t trigger; /* owner's thread: frees until the next event */
    /* constant */
    uint32_t block_bytes;
    uint16_t count;
    uint8_t kind;
    uint8_t class_index;
    /* owner's thread */
    int32_t event_used;  /* value of used at which trigger reaches 0 */
    uint16_t cursor;     /* first block of the window last taken */
    uint16_t pass_left;  /* windows to look at before the pass over the slab ends */
    uint16_t high;       /* blocks from here on were never in a mask */
    bool pass_found;     /* the pass has found a free block */
    bool listed;         /* in the owner's partial list */
    uint32_t next, prev; /* owner's list: slice indices, 0 none */
    bool clean;          /* blocks from `high` on read zero */
    /* The block that the slab belongs to. `owner` above is its copy for the fast free and stays
     * NULL where that must not succeed: in wide slabs. */
    _Atomic(struct ali_block *) holder;
    /* any thread */
    _Atomic(uint32_t) remote_freed;     /* published, not yet collected */
    _Atomic(uint32_t) remote_threshold; /* remote_freed at which the owner wants to hear of it */
    _Atomic(uint32_t) inbox_next;
    _Atomic(uint8_t) link; /* enum ali_slab_link */
    _Atomic(uint8_t) mode;
    uint8_t part; /* ALI_KIND_PART: slices behind the head */
    /* the heap's, under its lock */
    uint32_t heap_next, heap_prev; /* heap objects: all their spans */
    /* owner's thread: while listed and less than half used (purge.c) */
    uint32_t sparse_bytes; /* free and not given back, counted in the block's sparse_bytes */
    uint32_t purged_bytes; /* free when pages were last given back */
};
_Static_assert(sizeof(struct ali_slab) <= sizeof(((struct ali_span *)0)->client), "fits the meta");
_Static_assert(offsetof(struct ali_slab, remote_freed) == 64, "other threads write another line");

/* A large block: a span of its own. Shares owner (NULL) and kind with ali_slab. */
struct ali_large {
    _Atomic(struct ali_block *) owner; /* NULL: never the fast path */
    struct allot_heap *heap;
    size_t bytes; /* usable: what was asked for, rounded up to a page */
    uint32_t spare;
    uint16_t spare2;
    uint8_t kind; /* ALI_KIND_LARGE */
    _Atomic(uint8_t) state;
};
_Static_assert(offsetof(struct ali_large, kind) == offsetof(struct ali_slab, kind),
               "common prefix");

ALI_INLINE struct ali_slab *ali_slab_of(struct ali_span *s)
{
    return (struct ali_slab *)s->client;
}

ALI_INLINE struct ali_large *ali_large_of(struct ali_span *s)
{
    return (struct ali_large *)s->client;
}

/* What a slab was at some moment. */
struct ali_look {
    uint8_t *states;
    const struct ali_class *class;
};

/* False when there is no slab. */
ALI_INLINE bool ali_slab_look(const struct ali_slab *s, struct ali_look *look)
{
    /* acquire: pairs with the release in make_slab. The states are read again, as the slab may
     * have become one of another class between. */
    uint8_t kind = __atomic_load_n(&s->kind, __ATOMIC_ACQUIRE);

    if (kind != ALI_KIND_SLAB && kind != ALI_KIND_WIDE)
        return false;
    look->states = __atomic_load_n(&s->states, __ATOMIC_ACQUIRE);
    look->class = &ali_classes[__atomic_load_n(&s->class_index, __ATOMIC_ACQUIRE)];
    return look->states != NULL && ali_peek(s->states) == look->states;
}

ALI_INLINE struct ali_span *ali_slab_span(const void *slab)
{
    return (struct ali_span *)(uintptr_t)slab;
}

ALI_INLINE uint32_t ali_slab_index(const struct ali_slab *s)
{
    return ali_span_index(ali_slab_span(s));
}

ALI_INLINE struct ali_slab *ali_slab_by_index(uint32_t index)
{
    return ali_slab_of(&ali_region.metas[index]);
}

ALI_INLINE char *ali_slab_base(const struct ali_slab *s)
{
    return ali_span_base(ali_slab_span(s));
}

#define ALI_NOT_A_BLOCK UINT32_MAX

/* Index of the block that begins `within` bytes behind the start of a slab, by one multiplication;
 * ALI_NOT_A_BLOCK when none does. The index may be behind the last block. Blocks of wide slabs are
 * whole multiples of 4096 bytes, so their arithmetic is done in those. A recip of 0 (a slab that is
 * going, reached by a misused pointer) has no blocks. */
ALI_INLINE uint32_t ali_block_index(uint32_t recip, bool wide, uint32_t within)
{
    unsigned shift = wide ? 12 : 0;
    uint64_t unit = (uint64_t)recip << shift;
    uint64_t product = (within >> shift) * unit;

    if ((uint32_t)product >= unit || (within & ((1U << shift) - 1)) != 0)
        return ALI_NOT_A_BLOCK;
    return (uint32_t)(product >> 32);
}

/* Release: a publisher that finds the link open sees the holder. */
ALI_INLINE void ali_slab_open(struct ali_slab *s)
{
    atomic_store_explicit(&s->link, ALI_LINK_OPEN, memory_order_release);
}

/* False: it is QUEUED, and nothing may be done to it before its inbox is drained. */
ALI_INLINE bool ali_slab_close(struct ali_slab *s)
{
    uint8_t open = ALI_LINK_OPEN;

    return atomic_compare_exchange_strong_explicit(&s->link, &open, ALI_LINK_CLOSED,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

/* State bytes are written by one thread and read by others without a lock: relaxed here, and the
 * callers name the orders that matter. */
ALI_INLINE uint8_t ali_state_get(const uint8_t *state)
{
    return atomic_load_explicit((const _Atomic(uint8_t) *)state, memory_order_relaxed);
}

ALI_INLINE void ali_state_set(uint8_t *state, uint8_t value)
{
    atomic_store_explicit((_Atomic(uint8_t) *)state, value, memory_order_relaxed);
}

ALI_INLINE bool ali_state_is_watched(uint8_t state)
{
    return state >= ALI_STATE_WATCHED && state < ALI_STATE_WATCHED_END;
}

ALI_INLINE bool ali_state_is_live(uint8_t state)
{
    return state == ALI_STATE_LIVE || state == ALI_STATE_HARDENED || ali_state_is_watched(state);
}

#endif

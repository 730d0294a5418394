/* Layer 3: address space in slices of 64 KiB, handed out as spans.
 *
 *   window   base                                        frontier            base + window
 *            |slice|slice|slice| ...                     |   never used yet   |
 *   metas    one 128-byte ali_span for each slice below the frontier
 *
 * The window is a range of addresses, not a reservation: only what is used is mapped, with
 * MAP_FIXED_NOREPLACE, so VSZ is honest and RLIMIT_AS, RLIMIT_DATA and overcommit see exactly what
 * the program uses. A foreign mapping that happens to lie in the window is stepped over.
 *
 * Truth and derivation. The head record of every span (kind, slices) and the byte `backing` of
 * every slice are the truth; bins, age list and counters can be rebuilt from them. Each operation
 * publishes its change to the truth with one store of `head`, so that a forked child that finds the
 * lock taken can rebuild at any instant. The lock is never held across a system call: ranges that
 * are being mapped or purged are taken out of the free lists as kind BUSY meanwhile.
 *
 * Lock: one, of rank SPAN (span/state.h). Refuses to know what a span is used for. */
#ifndef ALI_SPAN_H
#define ALI_SPAN_H

#include "core/core.h"

#define ALI_SLICE_SHIFT 16
#define ALI_SLICE_BYTES ((size_t)1 << ALI_SLICE_SHIFT)
#define ALI_META_SHIFT 7

enum ali_span_kind {
    ALI_SPAN_NONE, /* not the head of a span */
    ALI_SPAN_FREE,
    ALI_SPAN_BUSY, /* being mapped, purged or moved by some thread; nobody's */
    ALI_SPAN_USED,
    ALI_SPAN_HOLE, /* foreign mapping inside the window, or lost range */
};

enum ali_slice_backing {
    ALI_BACKING_NONE,    /* not mapped */
    ALI_BACKING_ZERO,    /* mapped, reads zero, not resident */
    ALI_BACKING_DIRTY,   /* mapped, may be resident and hold anything */
    ALI_BACKING_LEAVING, /* was mapped; some thread (the span is BUSY) is unmapping it */
};

/* One per slice. The first line and a half belong to the layer above while the span is USED, and
 * are zero at all other times (no owner): the fast path relies on it. */
struct ali_span {
    _Alignas(128) unsigned char client[96];
    /* (kind << 32 | slices): one store changes a span. Zero on slices that are no head. */
    _Atomic(uint64_t) head;
    uint32_t next, prev; /* links of a FREE span in its bin: slice indices, 0 = none */
    uint32_t stamp;      /* FREE: when it was freed, in 64 ms ticks; USED: client's */
    union {
        uint32_t first;    /* on the last slice of a FREE span of two or more: index of its head */
        uint32_t age_next; /* on the head of a dirty FREE span: the next younger one, 0 = none */
    };
    uint8_t backing; /* of this slice: enum ali_slice_backing */
    uint8_t spare[3];
    uint32_t age_prev; /* on the head of a dirty FREE span: the next older one, 0 = none */
};
_Static_assert(sizeof(struct ali_span) == (size_t)1 << ALI_META_SHIFT, "one meta is two lines");

/* What the fast path needs: constant or only growing. Before initialisation limit_bytes is 0, so
 * every pointer fails the one unsigned compare. */
struct ali_region {
    uintptr_t base;              /* 64 KiB aligned; slice 0 is never handed out */
    _Atomic(size_t) limit_bytes; /* frontier - base; metas below it are readable */
    struct ali_span *metas;
};
extern struct ali_region ali_region;

ALI_INLINE struct ali_span *ali_span_at(uintptr_t offset)
{
    return (struct ali_span *)((char *)ali_region.metas +
                               ((offset >> ALI_SLICE_SHIFT) << ALI_META_SHIFT));
}

/* Offset of p in the window; compare with limit_bytes (one unsigned compare) before use. */
ALI_INLINE uintptr_t ali_region_offset(const void *p)
{
    return (uintptr_t)p - ali_region.base;
}

ALI_INLINE uint32_t ali_span_index(const struct ali_span *s)
{
    return (uint32_t)(s - ali_region.metas);
}

ALI_INLINE void *ali_span_base(const struct ali_span *s)
{
    return (void *)(ali_region.base + ((uintptr_t)ali_span_index(s) << ALI_SLICE_SHIFT));
}

/* `backing` for those who read it without the lock, and of spans that are not theirs. */
ALI_INLINE uint8_t ali_backing_peek(const struct ali_span *s)
{
    return __atomic_load_n(&s->backing, __ATOMIC_RELAXED);
}

ALI_INLINE size_t ali_span_slices(const struct ali_span *s)
{
    return (uint32_t)atomic_load_explicit(&s->head, memory_order_relaxed);
}

/* Finds the window and maps the first metas. Idempotent, called under no lock, at first use.
 * False when the OS gives nothing at all. */
bool ali_region_init(void);

struct ali_span_request {
    size_t slices;
    size_t align_slices; /* power of two, 1 for any */
    size_t commit_bytes; /* bytes from the start that must be accessible; the rest of the last
                            slices may stay unmapped. 0 = all */
    bool want_zero;      /* prefer memory that reads zero */
};

/* A USED span whose client area is zero, mapped and accessible. *zero tells whether it reads zero.
 * NULL with ali_error_set done. Threads: safe. */
struct ali_span *ali_span_alloc(const struct ali_span_request *request, bool *zero);

/* Gives a USED span back. The client area must have been zeroed by the caller (owner first). The
 * slices become dirty and are purged after the delay, or at once when the cap on dirty memory is
 * passed. Unmaps very large spans. */
void ali_span_free(struct ali_span *s);

/* The same for a range that is known to read zero still (never touched, or purged). */
void ali_span_free_zero(struct ali_span *s);

/* Grows a USED span in place into free slices behind it; false leaves all as it was. */
bool ali_span_grow(struct ali_span *s, size_t slices);

/* Gives back the tail of a USED span. slices >= 1. */
void ali_span_shrink(struct ali_span *s, size_t slices);

/* Moves the pages of `from` to a new USED span of `slices` slices (> from's) without copying;
 * `from` is free afterwards (its client area, on all its slices, is zeroed here, first word first).
 * NULL when that cannot be had: `from` is as it was, and the caller copies. */
struct ali_span *ali_span_move(struct ali_span *from, size_t slices);

/* The limit of the process on USED spans, 0 none; what is in use already stays. */
void ali_span_limit_set(uint64_t bytes);
/* Whether so many slices more would be within it at this moment. */
bool ali_span_is_within_limit(size_t more_slices);

/* Gives pages [offset, offset + bytes) of a USED span back to the OS: they read zero after.
 * True when done. */
bool ali_span_purge_pages(struct ali_span *s, size_t offset_bytes, size_t bytes);

/* Purges free spans, oldest first, until at most keep_bytes are dirty. Bytes purged. */
size_t ali_span_trim(size_t keep_bytes);

/* Purges free spans older than the delay, at most a few; cheap when there is nothing to do. Called
 * from slow paths. */
void ali_span_tick(void);

/* Charges bytes of the dirty cap that the layer above keeps (free pages in part-used slabs). */
size_t ali_span_dirty_bytes(void);
size_t ali_span_dirty_cap_bytes(void);

struct ali_span_stats {
    size_t limit_bytes;                 /* of the process, 0 none */
    size_t used_bytes, peak_used_bytes; /* USED spans */
    size_t dirty_bytes;                 /* FREE and dirty */
    size_t mapped_bytes;                /* backing not NONE */
    size_t metadata_bytes;              /* metas mapped */
    uint64_t purges, purged_bytes, os_calls;
};
void ali_span_stats(struct ali_span_stats *stats);

/* Next USED span at or after slice `index`; NULL at the end. For walkers: heads of spans that other
 * threads allocate or free meanwhile may or may not be seen. */
struct ali_span *ali_span_next_used(uint32_t index);

/* Head of the span that contains the slice, whatever its kind; for reports. NULL outside. */
struct ali_span *ali_span_find_head(uintptr_t offset);

/* In a forked child: resets the lock, rebuilds bins if the lock was taken or a span was BUSY. */
void ali_span_fork_child(void);

/* Debug: checks every invariant named above. */
bool ali_span_valid(void);

#endif

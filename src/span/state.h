/* What the files of this directory share: the one state of the span layer.
 *
 *   truth        head of every span, backing of every slice, limit_bytes
 *   derived      everything in ali_span_state: fork.c rebuilds it from the truth
 *
 * Lock order: ali_spans.lock is innermost here; nothing of this layer is taken under it. The right
 * to move the frontier is a token (`growing`), taken and given back under the lock but kept while
 * the lock is not, so that the OS can be called.
 *
 * Functions that end in _locked want the lock held and hold it when they return; those that release
 * it meanwhile say so. */
#ifndef ALI_SPAN_STATE_H
#define ALI_SPAN_STATE_H

#include "span/span.h"

/* Spans of this size or more are unmapped as soon as they are freed. */
#define ALI_UNMAP_SLICES ((uint32_t)((64 * ALI_MIB) >> ALI_SLICE_SHIFT))

/* Slices of a 2 MiB huge page. */
#define ALI_HUGE_SLICES ((uint32_t)((2 * ALI_MIB) >> ALI_SLICE_SHIFT))

#define ALI_STAMP_SHIFT 6 /* stamps count 64 ms */

/* What a FREE span is made of decides in which family of bins it lies. */
enum ali_family {
    ALI_FAMILY_DIRTY, /* has dirty slices */
    ALI_FAMILY_ZERO,  /* all mapped, none dirty */
    ALI_FAMILY_NONE,  /* has slices that are not mapped, none dirty */
    ALI_FAMILY_COUNT
};

/* One bin for each size up to ALI_BIN_EXACT slices, then four for each doubling up to 2^29. */
#define ALI_BIN_EXACT 64U
#define ALI_BIN_COUNT (ALI_BIN_EXACT + 4 * 23)
#define ALI_BIN_WORDS ((ALI_BIN_COUNT + 63) / 64)

struct ali_bins {
    uint64_t some[ALI_BIN_WORDS]; /* bit: the bin is not empty */
    uint32_t head[ALI_BIN_COUNT];
};

struct ali_span_state {
    struct ali_lock lock;
    uint32_t frontier;        /* slices; limit_bytes is the same in bytes */
    uint32_t window_slices;   /* the frontier may go no further */
    uint32_t used, peak_used; /* slices of USED spans, and what threads are charged for */
    uint32_t busy;            /* BUSY spans */
    uint32_t charging;        /* threads that are charged for slices they do not have yet */
    uint32_t age_oldest, age_newest;
    uint64_t limit_slices;   /* of the process; UINT64_MAX when there is none */
    size_t limit_bytes;      /* the same as it was given, 0 none */
    uint64_t purge_retry_ms; /* purging failed: the cap is not enforced before this time */
    bool purging;            /* a thread enforces cap or delay; others need not */
    /* Regret (purge.c): what was purged a moment ago and is wanted again raises the cap. */
    uint32_t regret_open, regret_slices;
    uint64_t regret_open_ms, regret_ms;
    _Atomic(bool) huge; /* huge pages are asked for from now on */

    /* The growing token. Its holder alone writes the metas_ fields. */
    bool growing;
    uint32_t grow_waiters;
    _Atomic(size_t) metas_bytes; /* mapped */
    size_t metas_pending_bytes;  /* not 0: metas up to here are being mapped */
    _Atomic(uint32_t) grow_epoch;

    struct ali_bins bins[ALI_FAMILY_COUNT];

    /* Read without the lock, so on a line of their own. */
    _Alignas(ALI_LINE_BYTES) _Atomic(uint32_t) dirty; /* dirty slices of FREE spans */
    _Atomic(uint32_t) mapped;                         /* slices that are mapped */
    _Atomic(uint64_t) purge_due_ms;                   /* nothing is old enough before this time */
    _Atomic(uint64_t) purges, purged_bytes, os_calls;
};
extern struct ali_span_state ali_spans;

/* --- heads ----------------------------------------------------------------------------------- */

ALI_INLINE struct ali_span *span_of(uint32_t at)
{
    return &ali_region.metas[at];
}

ALI_INLINE uint64_t head_word(enum ali_span_kind kind, uint32_t slices)
{
    return (uint64_t)kind << 32 | slices;
}

ALI_INLINE uint64_t head_get(uint32_t at)
{
    return atomic_load_explicit(&span_of(at)->head, memory_order_relaxed);
}

/* release: a forked child, and walkers that take no lock, see heads in the order they were written
 */
ALI_INLINE void head_set(uint32_t at, enum ali_span_kind kind, uint32_t slices)
{
    atomic_store_explicit(&span_of(at)->head, head_word(kind, slices), memory_order_release);
}

ALI_INLINE void head_clear(uint32_t at)
{
    atomic_store_explicit(&span_of(at)->head, 0, memory_order_release);
}

ALI_INLINE enum ali_span_kind head_kind(uint64_t head)
{
    return (enum ali_span_kind)(head >> 32);
}

ALI_INLINE uint32_t head_slices(uint64_t head)
{
    return (uint32_t)head;
}

ALI_INLINE void *slice_address(uint32_t at)
{
    return (void *)(ali_region.base + ((uintptr_t)at << ALI_SLICE_SHIFT));
}

/* --- free spans (bins.c) --------------------------------------------------------------------- */

/* How many slices of a range are dirty and how many are not mapped. */
struct ali_mix {
    uint32_t dirty, none;
};

/* A FREE span that was taken out of its bin. */
struct ali_extent {
    uint32_t at, slices;
    struct ali_mix mix;
    uint32_t stamp;
    uint32_t older; /* its neighbour in the age list, where its parts belong */
};

#define ALI_AGE_NEWEST UINT32_MAX

/* The head must be written already; this only makes the span findable. */
void ali_bin_add_locked(const struct ali_extent *e);
struct ali_extent ali_bin_remove_locked(uint32_t at);
struct ali_mix ali_mix_count(uint32_t at, uint32_t slices);
struct ali_mix ali_mix_get_locked(uint32_t free_at);

enum ali_effort {
    ALI_EFFORT_QUICK,    /* looks at a few spans of each bin */
    ALI_EFFORT_THOROUGH, /* finds one if there is one */
    ALI_EFFORT_MAPPED,   /* thorough, and what must be committed is mapped already */
};

/* What a caller wants of a free span. */
struct ali_fit {
    uint32_t slices;
    uint32_t commit;       /* slices from the start that must be mapped */
    uint32_t align, phase; /* (absolute slice number) % align == phase */
    const uint8_t *order;  /* families, in the order of liking */
    enum ali_effort effort;
    uint32_t lent; /* slices that the caller gives back once it has this: not charged */
};

extern const uint8_t ali_order_any[ALI_FAMILY_COUNT];
extern const uint8_t ali_order_zero[ALI_FAMILY_COUNT];
extern const uint8_t ali_order_fresh[ALI_FAMILY_COUNT];

/* The head of the FREE span that suits best and where in it to begin; 0 when there is none. */
uint32_t ali_bin_find_locked(const struct ali_fit *fit, uint32_t *begin);

/* The first slice at or after `at` that is aligned as `fit` wants. */
ALI_INLINE uint64_t fit_align(const struct ali_fit *fit, uint64_t at)
{
    uint64_t number = (ali_region.base >> ALI_SLICE_SHIFT) + at;

    return at + ((fit->phase - number) & (fit->align - 1));
}

/* The FREE span that ends at slice `at`; 0 when there is none. */
uint32_t ali_free_before_locked(uint32_t at);

/* Makes the span with head `at`, USED or BUSY, a FREE one and joins it to its neighbours. */
void ali_free_release_locked(uint32_t at, uint32_t slices, struct ali_mix mix, uint32_t stamp);

/* Makes [begin, slices) of the FREE span `from` a span of its own, of this kind; what is left in
 * front and behind stays free. */
struct ali_extent ali_free_carve_locked(uint32_t from, uint32_t begin, uint32_t slices,
                                        enum ali_span_kind kind);

/* --- ranges and the OS (backing.c) ----------------------------------------------------------- */

/* Slices [from, to). */
struct ali_range {
    uint32_t from, to;
};

/* Maps [at, at + need) and, if the OS does not mind, up to at + want. Knows no backing. 0 with the
 * number of slices mapped, or -errno; on -EEXIST *mapped slices in front of the foreign range
 * *hole are mapped; the range is measured up to hole_end at most. */
struct ali_mapping {
    uint32_t at, need, want, hole_end;
    uint32_t mapped;
    struct ali_range hole;
};
int ali_range_map(struct ali_mapping *m);

/* Maps what is not mapped of the BUSY range [at, at + need), and of what follows up to at + want if
 * it is cheap. 0 or -errno, -EEXIST with *hole. Backing is true in any case. */
int ali_backing_map(uint32_t at, uint32_t need, uint32_t want, struct ali_range *hole);

void ali_backing_set(uint32_t at, uint32_t slices, enum ali_slice_backing backing);

/* Unmaps what is mapped of a BUSY range; the number of slices given back. What the OS keeps counts
 * as dirty. */
uint32_t ali_backing_unmap(uint32_t at, uint32_t slices);

/* Purges what is dirty of a BUSY range; the number of slices that are no longer dirty. */
uint32_t ali_backing_purge(uint32_t at, uint32_t slices);

/* --- the frontier (frontier.c) --------------------------------------------------------------- */

#define ALI_SEARCH_THOROUGHLY 1

/* Moves the frontier so that the request fits below it, or waits until another thread has moved
 * it. Releases the lock meanwhile. 0: search again; ALI_SEARCH_THOROUGHLY: it is there already;
 * else -errno. */
int ali_frontier_grow_locked(const struct ali_fit *fit);

/* Maps metas for slices below `top`. The caller has the token. */
int ali_metas_grow(uint32_t top);

/* In a forked child: forgets a start that was under way. */
void ali_region_fork_child(void);

/* How many slices to map in one step. */
uint32_t ali_commit_step(void);

/* --- spans (span.c) -------------------------------------------------------------------------- */

/* The allocation behind ali_span_alloc and ali_span_move: a USED span, or a BUSY one. */
struct ali_span *ali_span_take(const struct ali_fit *fit, enum ali_span_kind kind, bool *zero);

/* Charges the limit of the process and the peak. */
bool ali_used_charge_locked(uint32_t slices);

/* Frees a USED range; what was mapped of it becomes `backing`. */
void ali_free_range(uint32_t at, uint32_t slices, enum ali_slice_backing backing);

/* The BUSY range is a FREE span again. */
void ali_busy_release_locked(uint32_t at, uint32_t slices, uint32_t stamp);

/* Records why the last allocation of this thread failed; error is 0, -errno, or -ENOSPC when the
 * window is full. */
void ali_span_fail(enum allot_cause cause, int error, uint32_t slices);

/* --- purge (purge.c) ------------------------------------------------------------------------- */

uint32_t ali_stamp_now(void);
uint32_t ali_dirty_cap_slices(void);
void ali_purge_to_cap(void);

/* `slices` were purged for the cap; `slices` that are not resident were taken. */
void ali_regret_purged_locked(uint32_t slices);
void ali_regret_taken_locked(uint32_t slices);

/* The OS refused to give `slices` slices: unmaps that much of free spans, all if there is less.
 * Releases the lock meanwhile. The number of slices given back. */
uint32_t ali_reclaim_locked(uint32_t slices);

/* The oldest dirty span became another one. */
void ali_purge_due_set_locked(void);

#endif

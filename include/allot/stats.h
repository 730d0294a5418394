/* allot/stats.h - where memory stands.
 * Part of Allot. MIT licence. */
#ifndef ALLOT_STATS_H
#define ALLOT_STATS_H

#include <allot/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ALLOT_STATS_CLASSES 96
#define ALLOT_STATS_THREADS 64

/* One size class. All byte counts are usable bytes of blocks. */
struct allot_class_stats {
    size_t block_bytes; /* size of a block of this class */
    size_t slabs;       /* slabs held */
    size_t live_blocks;
    size_t free_blocks; /* in those slabs, not live */
    uint64_t refills;   /* slow-path visits */
};

struct allot_thread_stats {
    uint32_t thread_id; /* 0: parked, no thread has it */
    size_t slabs;
    size_t live_bytes;
    size_t free_bytes;
};

/* Where the memory of this process stands. resident = live + slack in blocks + partly used +
 * retained + metadata + not_heap, up to pages never touched. */
struct allot_stats {
    /* the program's */
    size_t live_bytes; /* usable bytes of live blocks, exact at the time of the walk */
    size_t live_blocks;
    size_t peak_live_bound_bytes; /* live_bytes was never above this: the most that slabs and large
                                     blocks together have had */
    size_t slack_bytes; /* part of live_bytes nobody asked for: an estimate from sampled requests */
    /* ours */
    size_t partly_used_bytes; /* free blocks inside slabs that have live ones, resident or not */
    size_t retained_bytes;    /* spans that nobody uses, still resident */
    size_t metadata_bytes;
    size_t spans_bytes; /* spans in use: slabs and large blocks */
    size_t peak_spans_bytes;
    size_t mapped_bytes; /* address space committed */
    /* the process's */
    size_t resident_bytes;
    size_t peak_resident_bytes;
    size_t not_heap_bytes; /* resident minus what is ours and the program's blocks, at least 0 */
    uint64_t minor_faults;
    uint64_t major_faults;
    /* counters since start */
    uint64_t purges; /* ranges given back */
    uint64_t purged_bytes;
    uint64_t os_calls; /* map, unmap, move, purge calls made for spans */
    uint64_t large_allocs;
    uint64_t large_frees;
    uint64_t misuses;
    size_t large_blocks;
    size_t large_bytes;
    size_t limit_bytes; /* 0: none */
    size_t heaps;
    size_t class_count;
    struct allot_class_stats classes[ALLOT_STATS_CLASSES];
    size_t thread_count; /* may be more than ALLOT_STATS_THREADS: the rest is in the last entry */
    struct allot_thread_stats threads[ALLOT_STATS_THREADS];
};

/* Takes stock of the whole process.
 *
 * Returns: 0.
 * Require: stats is not NULL.
 * Threads: safe; other threads go on, so figures of their slabs are of slightly different moments.
 * Signals: not safe.
 * Failure: none; figures the OS does not give are 0.
 * Cost:    O(heap): reads one byte for every block. */
ALLOT_API allot_status allot_stats_get(struct allot_stats *stats);

/* Gives memory that is not in use back to the OS, from any thread, keeping at most `keep_bytes`.
 *
 * Returns: bytes given back.
 * Threads: safe.   Signals: not safe.
 * Failure: what the OS refuses stays.
 * Cost:    O(heap), with system calls. */
ALLOT_API size_t allot_trim(size_t keep_bytes);

#ifdef __cplusplus
}
#endif
#endif

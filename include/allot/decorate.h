/* allot/decorate.h - allocators over an allocator: limits, fallbacks, tracking, failure.
 * Part of Allot. MIT licence.
 *
 * Each is an object that the caller owns, made by its init and ended by its release; `base` is the
 * allocator to hand on. `inner` is what it stands over, NULL the default of the process at that
 * time; it must live as long. Nothing is allocated but where it is told. The return address of the
 * program's call is handed down, so that a tracker below names the program's line.
 *
 *     struct allot_limiter limit;
 *
 *     allot_limiter_init(&limit, NULL, &(struct allot_limiter_options){.hard_bytes = 64 << 20});
 *     run(&limit.base);
 *     allot_limiter_release(&limit);
 *
 * They stack in any order; a canary does best innermost, an injector outermost. Their caps
 * (allot_allocator_caps) are those of the inner allocator but for what is said with each. Thread
 * safe as the inner allocator, but for what is said. The fields of the structs are not for use.
 *
 * What a program does to objects is checked as far as the inner allocator checks it
 * (ALLOT_CAP_CHECKED): a free that it would report changes no figure of a decorator. */
#ifndef ALLOT_DECORATE_H
#define ALLOT_DECORATE_H

#include <allot/alloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What all have behind `base`. */
struct allot_under {
    allot_allocator *inner;
    struct allot_allocator_ops ops; /* its table: what it does, and the caps it has here */
};

struct allot_lock_words {
    uint32_t word, rank;
};

/* --- limiter: no more than so many bytes ----------------------------------------------------- */

struct allot_limiter;

/* Told when what is live passes the soft limit from below, after the allocation, with no lock held.
 * It may allocate and free. */
typedef void (*allot_soft_limit_fn)(struct allot_limiter *limiter, size_t live_bytes, void *arg);

struct allot_limiter_options {
    size_t soft_bytes; /* 0: none */
    size_t hard_bytes; /* 0: none; an allocation that would pass it fails, ALLOT_CAUSE_LIMIT */
    allot_soft_limit_fn on_soft;
    void *arg;
};

/* Bytes are those that objects were asked with, exactly, also when they change their size: a resize
 * is charged by the difference, though the inner allocator may hold old and new while it copies.
 * Needs sizes: no ALLOT_CAP_UNSIZED. */
struct allot_limiter {
    allot_allocator base;
    struct allot_under under;
    struct allot_limiter_options options;
    size_t live_bytes, peak_bytes, failures;
};

/* Makes a limiter; NULL options: no limit, yet.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_limiter_init(struct allot_limiter *limiter, allot_allocator *inner,
                                  const struct allot_limiter_options *options);

/* Ends it. What is live stays the inner allocator's, and can be freed there.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_limiter_release(struct allot_limiter *limiter);

/* Changes the limits; 0: none. What is live stays.
 *
 * Returns: nothing.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_limiter_set(struct allot_limiter *limiter, size_t soft_bytes,
                                 size_t hard_bytes);

/* --- fallback: the next one when one fails ---------------------------------------------------- */

#define ALLOT_FALLBACK_MAX 8

/* Tries its allocators in order. The owner of an object is asked for (ALLOT_CAP_OWNS); where two or
 * more cannot tell, a header of 16 bytes, or of the alignment, in front of each object does. */
struct allot_fallback {
    allot_allocator base;
    struct allot_under under;
    allot_allocator *list[ALLOT_FALLBACK_MAX];
    uint32_t count;
    bool tagged;
    size_t failures;
};

/* Makes a fallback over `count` allocators, NULL in the list being the default.
 *
 * Returns: 0; -EINVAL when there are none or more than ALLOT_FALLBACK_MAX.
 * Threads: one thread.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(count). */
ALLOT_API ALLOT_MUST_USE allot_status allot_fallback_init(struct allot_fallback *fallback,
                                                          allot_allocator *const *list,
                                                          size_t count);

/* Ends it. What is live stays the owner's; where objects are tagged it can be freed there no more.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_fallback_release(struct allot_fallback *fallback);

/* --- segregator: by size ---------------------------------------------------------------------- */

#define ALLOT_SEGREGATOR_MAX 8

struct allot_segregator_step {
    size_t max_bytes; /* of objects served here */
    allot_allocator *allocator;
};

/* Objects of up to max_bytes of the first step that takes them; the sizes of the steps grow. What
 * is larger than the last one's max_bytes fails. Needs sizes: no ALLOT_CAP_UNSIZED. */
struct allot_segregator {
    allot_allocator base;
    struct allot_under under;
    struct allot_segregator_step steps[ALLOT_SEGREGATOR_MAX];
    uint32_t count;
    size_t failures;
};

/* Makes a segregator; let the last step be {SIZE_MAX, ...}.
 *
 * Returns: 0; -EINVAL when there is no step, more than ALLOT_SEGREGATOR_MAX, or sizes do not grow.
 * Threads: one thread.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(count). */
ALLOT_API ALLOT_MUST_USE allot_status allot_segregator_init(
    struct allot_segregator *segregator, const struct allot_segregator_step *steps, size_t count);

/* Ends it. What is live stays its allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_segregator_release(struct allot_segregator *segregator);

/* --- retrier: once more after a callback ------------------------------------------------------ */

/* Asked after the attempt-th failure (from 1) of an allocation, with no lock held; frees something
 * and returns true to try again, or false to let it fail. */
typedef bool (*allot_retry_fn)(allot_allocator *retrier, size_t size, unsigned attempt, void *arg);

struct allot_retrier {
    allot_allocator base;
    struct allot_under under;
    allot_retry_fn retry;
    void *arg;
};

/* Makes a retrier. A resize that moves is tried again as the allocation that it is.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_retrier_init(struct allot_retrier *retrier, allot_allocator *inner,
                                  allot_retry_fn retry, void *arg);

/* Ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_retrier_release(struct allot_retrier *retrier);

/* --- reserve: memory for an emergency --------------------------------------------------------- */

/* Told when the reserve was given up for an allocation that had failed, before it is tried again.
 */
typedef void (*allot_reserve_fn)(allot_allocator *reserve, size_t bytes, void *arg);

/* Holds back memory of the inner allocator and frees it when an allocation fails, once. */
struct allot_reserve {
    allot_allocator base;
    struct allot_under under;
    void *held; /* NULL: given up */
    size_t bytes;
    allot_reserve_fn on_release;
    void *arg;
};

/* Makes a reserve of so many bytes.
 *
 * Returns: 0; -ENOMEM when the inner allocator has not that much: then it is not made.
 * Threads: one thread.   Signals: not safe.
 * Failure: as told.
 * Cost:    that of the allocation. */
ALLOT_API ALLOT_MUST_USE allot_status allot_reserve_init(struct allot_reserve *reserve,
                                                         allot_allocator *inner, size_t bytes,
                                                         allot_reserve_fn on_release, void *arg);

/* Frees what is held back, and ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    that of a free. */
ALLOT_API void allot_reserve_release(struct allot_reserve *reserve);

/* Holds memory back again, when it was given up.
 *
 * Returns: 0 when it is held; -ENOMEM.
 * Threads: safe as the inner allocator.   Signals: not safe.
 * Failure: as told.
 * Cost:    that of the allocation. */
ALLOT_API ALLOT_MUST_USE allot_status allot_reserve_refill(struct allot_reserve *reserve);

/* Whether it is held.
 *
 * Returns: true until an allocation has needed it; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
ALLOT_API bool allot_reserve_is_held(const struct allot_reserve *reserve);

/* --- locked: any allocator for any thread ----------------------------------------------------- */

/* One call at a time: gains ALLOT_CAP_THREADS. A child of fork may find it locked for ever. */
struct allot_locked {
    allot_allocator base;
    struct allot_under under;
    struct allot_lock_words lock;
};

/* Makes it; the inner allocator is used through it only, from now on.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_locked_init(struct allot_locked *locked, allot_allocator *inner);

/* Ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_locked_release(struct allot_locked *locked);

/* --- tracker: what is live, and who made it --------------------------------------------------- */

struct allot_tracked {
    void *object;
    size_t bytes;
    uint64_t serial; /* the how-manieth allocation it was, from 1 */
    size_t frame_count;
    const uintptr_t *frames; /* return addresses, that of the program's call first */
};

/* Told of a live object; false ends it. It must not use the tracker. */
typedef bool (*allot_tracked_fn)(const struct allot_tracked *tracked, void *arg);

#define ALLOT_TRACKER_FRAMES 24

struct allot_tracker_options {
    const char *name;         /* for the report; must stay; NULL: none */
    allot_allocator *table;   /* whose memory the table is; NULL: the default heap */
    uint32_t frames;          /* of the call stack to keep, at most ALLOT_TRACKER_FRAMES; 0: 1 */
    bool print;               /* at release, writes what is live to stderr */
    allot_tracked_fn on_leak; /* at release, for every live object */
    void *arg;
};

/* Knows every live object exactly, in a table of its own: gains ALLOT_CAP_CHECKED, OWNS, UNSIZED,
 * INDIVIDUAL, and RESET where each can be freed. */
struct allot_tracker {
    allot_allocator base;
    struct allot_under under;
    struct allot_lock_words lock;
    struct allot_tracker_options options;
    struct allot_tracker_entry **buckets;
    size_t bucket_count, live_objects, live_bytes, peak_bytes, frees, failures;
    uint64_t serial;
};

/* Makes a tracker; NULL options: none. Takes memory for its table with the first object.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none; an object that cannot be entered is not allocated.
 * Cost:    O(1). */
ALLOT_API void allot_tracker_init(struct allot_tracker *tracker, allot_allocator *inner,
                                  const struct allot_tracker_options *options);

/* Reports what is live as its options say, and ends it. What is live stays the inner allocator's.
 *
 * Returns: the number of live objects; never fails.
 * Threads: one thread, the last.   Signals: not safe.
 * Cost:    O(objects). */
ALLOT_API size_t allot_tracker_release(struct allot_tracker *tracker);

/* Tells of every live object.
 *
 * Returns: true when all were told of; false when the function ended it.
 * Threads: safe; others wait meanwhile.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API bool allot_tracker_each(struct allot_tracker *tracker, allot_tracked_fn tell, void *arg);

/* Writes the report: live objects by call stack, the most bytes first.
 *
 * Returns: the length of the text, which is cut to `bytes` and terminated; 0 when nothing is live.
 * Require: bytes > 0.
 * Threads: safe; others wait meanwhile.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects * log objects). */
ALLOT_API size_t allot_tracker_text(struct allot_tracker *tracker, char *buffer, size_t bytes);

/* --- counter: figures, also of a part of a program -------------------------------------------- */

#define ALLOT_COUNTER_BINS 64

struct allot_counts {
    size_t live_bytes, live_objects; /* in a scope: more, or as a negative number less, than at
                                        its begin */
    size_t peak_bytes; /* the most that were live; in a scope: since its begin, above it */
    size_t allocations, frees, resizes, failures;
    size_t allocated_bytes;          /* of all allocations, and what resizes have added */
    size_t bins[ALLOT_COUNTER_BINS]; /* allocations of 2^i to 2^(i+1) - 1 bytes */
};

/* From begin to end; the program's, for that long. */
struct allot_counter_scope {
    struct allot_counter_scope *outer;
    struct allot_counts begin;
    size_t outer_peak_bytes;
};

/* Needs sizes: no ALLOT_CAP_UNSIZED. */
struct allot_counter {
    allot_allocator base;
    struct allot_under under;
    struct allot_lock_words lock;
    struct allot_counts now;
    struct allot_counter_scope *scope; /* the innermost */
};

/* Makes a counter.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_counter_init(struct allot_counter *counter, allot_allocator *inner);

/* Ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_counter_release(struct allot_counter *counter);

/* The figures since init.
 *
 * Returns: nothing.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_counter_get(struct allot_counter *counter, struct allot_counts *counts);

/* Begins a scope inside that which was begun last. It counts what all threads do.
 *
 * Returns: nothing.
 * Threads: scopes nest, so one thread at a time has them.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_counter_begin(struct allot_counter *counter,
                                   struct allot_counter_scope *scope);

/* Ends the innermost scope.
 *
 * Returns: 0 and its figures; -EINVAL for a scope that is not the innermost, which is reported as
 *          misuse (out-of-order), and goes on.
 * Threads: as allot_counter_begin.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(1). */
ALLOT_API allot_status allot_counter_end(struct allot_counter *counter,
                                         struct allot_counter_scope *scope,
                                         struct allot_counts *counts);

/* --- logger: every call ------------------------------------------------------------------------
 */

enum allot_log_kind {
    ALLOT_LOG_ALLOC,
    ALLOT_LOG_RESIZE, /* in place */
    ALLOT_LOG_REMAP,
    ALLOT_LOG_FREE,
    ALLOT_LOG_RESET,
    ALLOT_LOG_TRIM
};

struct allot_log_event {
    enum allot_log_kind kind;
    bool done;          /* false: it failed, or could not be done in place */
    uint64_t serial;    /* from 1, in the order in which the calls were made or, of allocations, had
                           ended: one that frees comes before one that gets the same place */
    const void *object; /* what the call was given */
    const void *result; /* what it gave */
    size_t old_size, size;
    allot_how how;
    const void *caller;
};

/* Told of each call: of an allocation afterwards, of a free before, with no lock held. It must not
 * use the logger. */
typedef void (*allot_log_fn)(const struct allot_log_event *event, void *arg);

struct allot_logger {
    allot_allocator base;
    struct allot_under under;
    allot_log_fn log;
    void *arg;
    uint64_t serial;
};

/* Makes a logger.
 *
 * Returns: nothing.
 * Threads: one thread; log is called by the threads that use it.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_logger_init(struct allot_logger *logger, allot_allocator *inner,
                                 allot_log_fn log, void *arg);

/* Ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_logger_release(struct allot_logger *logger);

/* --- canary: writes outside an object ----------------------------------------------------------
 */

/* Words that nobody may write in front of and behind each object, looked at when it is freed or
 * resized, and on demand. A damaged object is reported (heap-overflow) and left alone. Gains
 * ALLOT_CAP_UNSIZED and INDIVIDUAL. Costs at least 80 bytes an object. */
struct allot_canary {
    allot_allocator base;
    struct allot_under under;
    struct allot_lock_words lock;
    struct allot_canary_header *first;
    uint64_t secret;
    size_t live_objects, live_bytes, failures;
};

/* Makes it.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_canary_init(struct allot_canary *canary, allot_allocator *inner);

/* Looks at what is live, and ends it. What is live can be freed no more but by a reset of the inner
 * allocator.
 *
 * Returns: the number of damaged objects; each is reported.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API size_t allot_canary_release(struct allot_canary *canary);

/* Looks at what is live. Ends at an object whose front is damaged: what is behind it in the list
 * cannot be found for sure.
 *
 * Returns: the number of damaged objects; each is reported.
 * Threads: safe; others wait meanwhile.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API size_t allot_canary_check(struct allot_canary *canary);

/* --- one thread: the others are told ------------------------------------------------------------
 */

/* A call by any thread but the owner is reported as misuse (wrong-thread) and has no effect. Loses
 * ALLOT_CAP_THREADS. */
struct allot_one_thread {
    allot_allocator base;
    struct allot_under under;
    uint64_t owner;
};

/* Makes it, for the calling thread.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_one_thread_init(struct allot_one_thread *one, allot_allocator *inner);

/* Ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: any one, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_one_thread_release(struct allot_one_thread *one);

/* From now on the calling thread is the owner.
 *
 * Returns: nothing.
 * Threads: the last owner has handed it over: what it did is before this.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_one_thread_adopt(struct allot_one_thread *one);

/* --- injector: failures on purpose --------------------------------------------------------------
 */

/* Told of a failure that is about to be injected, on the thread that allocates. */
typedef void (*allot_inject_fn)(uint64_t nth, size_t size, const void *caller, void *arg);

/* An allocation fails when one of these says so. */
struct allot_injector_plan {
    uint64_t nth;            /* the nth from now on (from 1), once; 0: none */
    uint64_t from;           /* that one and all later ones; 0: none */
    uint64_t every;          /* every so-manieth; 0: none */
    uint32_t chance_million; /* this many of a million, at random: */
    uint64_t seed;           /* the same for the same seed and number */
    size_t above_bytes;      /* with a larger size; 0: none */
    allot_inject_fn on_inject;
    void *arg;
};

/* Counts allocations and makes some fail: layer decorator, ALLOT_CAUSE_INJECTED. An object that is
 * to grow is always moved, so that each growth is one allocation that can fail. */
struct allot_injector {
    allot_allocator base;
    struct allot_under under;
    struct allot_injector_plan plan;
    uint64_t calls, failures;
};

/* Makes an injector; NULL: nothing fails, yet.
 *
 * Returns: nothing.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_injector_init(struct allot_injector *injector, allot_allocator *inner,
                                   const struct allot_injector_plan *plan);

/* Ends it. What is live stays the inner allocator's.
 *
 * Returns: nothing.
 * Threads: one thread, the last.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_injector_release(struct allot_injector *injector);

/* Another plan, NULL: none; counts from 0 again.
 *
 * Returns: nothing.
 * Threads: nobody allocates meanwhile.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_injector_set(struct allot_injector *injector,
                                  const struct allot_injector_plan *plan);

/* Allocations since the plan was set; and those of them that were made to fail.
 *
 * Returns: the number; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
ALLOT_API uint64_t allot_injector_calls(const struct allot_injector *injector);
ALLOT_API uint64_t allot_injector_failures(const struct allot_injector *injector);

#ifdef __cplusplus
}
#endif
#endif

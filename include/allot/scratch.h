/* allot/scratch.h - arenas of the thread, for what a function needs only while it runs.
 * Part of Allot. MIT licence.
 *
 *     struct allot_scratch s = allot_scratch_begin(NULL, 0);
 *     char *text = allot_arena_printf(s.arena, ...);
 *     ...
 *     allot_scratch_end(&s);
 *
 * A function that returns its result in an arena of its caller names that arena as a conflict: it
 * may be a scratch arena itself, and is not chosen then, so that what is left behind at the end of
 * the scope is not the result.
 *
 * A scope that is left without its end keeps its memory until a scope around it ends, or the
 * thread: allot/raii.h has a form that cannot be forgotten. */
#ifndef ALLOT_SCRATCH_H
#define ALLOT_SCRATCH_H

#include <allot/arena.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The newest mark before the scope, for its end. */
struct allot_scratch_before {
    size_t mark_count;
    size_t marked;
    struct allot_arena_chunk *marked_chunk;
    char *marked_at;
};

struct allot_scratch {
    allot_arena *arena; /* NULL: there was no memory for one */
    allot_arena_mark mark;
    struct allot_scratch_before before;
};

/* A scope on an arena of the calling thread that is none of the `count` arenas in `conflicts`.
 *
 * Returns: the scope. Its arena is NULL on failure.
 * Threads: the arena is the calling thread's.   Signals: not safe.
 * Failure: the arena is NULL, errno ENOMEM, allot_last_error().
 * Cost:    O(count), and a call of the source when the thread has no such arena yet. */
ALLOT_API ALLOT_MUST_USE struct allot_scratch allot_scratch_begin(allot_arena *const *conflicts,
                                                                  size_t count);

/* Frees what was allocated in the scope. A scope without an arena is fine, and so is ending twice.
 *
 * Returns: nothing.
 * Require: scopes on one arena end in the reverse of the order in which they began.
 * Threads: the thread that began it.   Signals: not safe.
 * Failure: a scope whose memory an outer one has freed already is reported as a stale mark.
 * Cost:    as allot_arena_rewind. */
ALLOT_API void allot_scratch_end(struct allot_scratch *scratch);

/* Gives the memory that the calling thread's scratch arenas keep, and do not use, back.
 *
 * Returns: bytes given back.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API size_t allot_scratch_trim(void);

#ifdef __cplusplus
}
#endif
#endif

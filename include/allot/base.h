/* allot/base.h - status codes, attributes, version and the last error.
 * Part of Allot. MIT licence. */
#ifndef ALLOT_BASE_H
#define ALLOT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ALLOT_VERSION_MAJOR 0
#define ALLOT_VERSION_MINOR 1
#define ALLOT_VERSION_PATCH 0
#define ALLOT_VERSION "0.1.0"

#define ALLOT_API __attribute__((visibility("default")))
#define ALLOT_MUST_USE __attribute__((warn_unused_result))

/* 0, or a negative errno. */
typedef int allot_status;

/* Where a failure arose. */
enum allot_layer {
    ALLOT_LAYER_NONE,
    ALLOT_LAYER_OS,
    ALLOT_LAYER_SPAN,
    ALLOT_LAYER_HEAP,
    ALLOT_LAYER_REGION,
    ALLOT_LAYER_PROGRAM,  /* the request itself: too large, overflow, bad alignment */
    ALLOT_LAYER_DECORATOR /* an allocator over an allocator (allot/decorate.h) */
};

/* Why it failed. */
enum allot_cause {
    ALLOT_CAUSE_NONE,
    ALLOT_CAUSE_TOO_LARGE,     /* above PTRDIFF_MAX, or count times size overflows */
    ALLOT_CAUSE_BAD_ALIGNMENT, /* not a power of two, or not supported */
    ALLOT_CAUSE_LIMIT,         /* a byte limit of a heap or of the process (limit=) */
    ALLOT_CAUSE_ADDRESS_SPACE, /* RLIMIT_AS, or no free range */
    ALLOT_CAUSE_DATA_LIMIT,    /* RLIMIT_DATA */
    ALLOT_CAUSE_MAP_COUNT,     /* vm.max_map_count */
    ALLOT_CAUSE_OVERCOMMIT,    /* the kernel refuses the commitment */
    ALLOT_CAUSE_LOCKED_LIMIT,  /* RLIMIT_MEMLOCK */
    ALLOT_CAUSE_INJECTED,      /* a test made it fail */
    ALLOT_CAUSE_OS,            /* other; see os_error */
    ALLOT_CAUSE_EXHAUSTED,     /* a fixed buffer or a fixed number of objects is used up */
    ALLOT_CAUSE_UNSUPPORTED    /* the allocator does not do this (allot_allocator_caps) */
};

struct allot_error {
    enum allot_layer layer;
    enum allot_cause cause;
    int os_error; /* positive errno of the failed system call, 0 when none was involved */
};

/* The cause of the calling thread's last failed call.
 *
 * Returns: a copy; all zero when nothing failed yet.
 * Threads: each thread has its own.   Signals: safe.
 * Failure: none.
 * Cost:    O(1), no system call. */
ALLOT_API struct allot_error allot_last_error(void);

/* One line of text for an error, for a message to people.
 *
 * Returns: `buffer`, terminated, cut to `bytes`.
 * Require: bytes > 0.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(bytes). */
ALLOT_API const char *allot_error_text(struct allot_error error, char *buffer, size_t bytes);

/* The version of the library that is running, as "major.minor.patch".
 *
 * Returns: a static string.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API const char *allot_version(void);

#ifdef __cplusplus
}
#endif
#endif

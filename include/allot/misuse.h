/* allot/misuse.h - what the program did wrong, and what happens then.
 * Part of Allot. MIT licence. */
#ifndef ALLOT_MISUSE_H
#define ALLOT_MISUSE_H

#include <allot/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The names in reports are these words in lower case with '-' ("double-free"). */
enum allot_misuse_kind {
    ALLOT_MISUSE_DOUBLE_FREE = 1,
    ALLOT_MISUSE_INVALID_FREE, /* interior, misaligned, wild, stack, static, foreign, never issued
                                */
    ALLOT_MISUSE_MISMATCHED_FREE,     /* wrong size, alignment or family */
    ALLOT_MISUSE_INVALID_REALLOC,     /* realloc of any such pointer */
    ALLOT_MISUSE_INVALID_USABLE_SIZE, /* malloc_usable_size of any such pointer */
    ALLOT_MISUSE_SIZE_OVERFLOW,       /* count times size does not fit: told only to a handler */
    ALLOT_MISUSE_HEAP_OVERFLOW,       /* a canary was overwritten (harden=canary) */
    ALLOT_MISUSE_WRITE_AFTER_FREE,    /* a freed object was written (harden=uaf) */
    ALLOT_MISUSE_INVALID_HEAP,        /* a destroyed or foreign heap object */
    ALLOT_MISUSE_STALE_MARK,          /* rewind to a mark that was rewound past already */
    ALLOT_MISUSE_OUT_OF_ORDER,        /* a pop that is not of the object pushed last */
    ALLOT_MISUSE_WRONG_THREAD,        /* an allocator of one thread, used by another */
    ALLOT_MISUSE_INVALID_REGION       /* a region that was released, or cannot do this now */
};

/* What the pointer points into. */
enum allot_place {
    ALLOT_PLACE_UNKNOWN,
    ALLOT_PLACE_LIVE_BLOCK,     /* start of, or inside, a live block: block and offset tell */
    ALLOT_PLACE_FREED_BLOCK,    /* a block that was freed */
    ALLOT_PLACE_UNISSUED_BLOCK, /* a place of the heap that was never handed out */
    ALLOT_PLACE_HEAP_GAP,       /* inside the heap, in no block */
    ALLOT_PLACE_DESTROYED_HEAP, /* memory of a heap object that was destroyed */
    ALLOT_PLACE_STACK,
    ALLOT_PLACE_STATIC, /* code or data of the program or a library: `name` */
    ALLOT_PLACE_FOREIGN_MAPPING,
    ALLOT_PLACE_UNMAPPED
};

struct allot_misuse {
    enum allot_misuse_kind kind;
    enum allot_place place;
    const char *call;    /* the public call: "free", "realloc", "operator delete" ... */
    const void *pointer; /* what it was given */
    const void *block;   /* start of the block it points into, or NULL */
    size_t block_bytes;  /* usable size of that block */
    size_t told_bytes;   /* size, alignment or count the call was given, when it matters */
    size_t true_bytes;   /* what it should have been */
    const char *detail;  /* one phrase, or NULL: "wrong size", "allocated by operator new[]" */
    const char *heap;    /* name of the heap, or NULL */
    char name[128];      /* file or segment of a static or foreign pointer */
    size_t frame_count;  /* return addresses, innermost (the caller of the public call) first */
    uintptr_t frames[32];
};

/* Called instead of the built-in report. When it returns, the call has no effect and the program
 * goes on. It runs on the thread that made the call. */
typedef void (*allot_misuse_handler)(const struct allot_misuse *misuse, void *arg);

/* Sets the handler for misuse; NULL restores the built-in report and its policy (abort, or report
 * and go on, by the option misuse=).
 *
 * Returns: nothing.
 * Require: the handler allocates nothing from the heap that is being reported on a path that
 *          could misuse it again; a misuse inside a handler is dropped.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_set_misuse_handler(allot_misuse_handler handler, void *arg);

/* Writes the report that Allot would print for a record.
 *
 * Returns: the length of the text, which is cut to `bytes` and terminated.
 * Require: bytes > 0.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(frames). */
ALLOT_API size_t allot_misuse_text(const struct allot_misuse *misuse, char *buffer, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

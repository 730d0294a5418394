/* allot/trace.h - a record of every allocation, compact enough to keep: its format, and a writer.
 * Part of Allot. MIT licence.
 *
 * `allot run --trace FILE PROGRAM` writes one, `allot replay FILE` runs it on any allocator.
 *
 * The file is a header and records, up to the first byte 0 or the end of the file. All numbers are
 * little-endian; a varint has seven bits a byte, the lowest first, the top bit set in all but the
 * last. A record is one byte, an operation (enum allot_trace_op) and flags, and then
 *
 *     ALLOC    [align] size address
 *     FREE     address
 *     REALLOC  [align] address-before size address
 *     THREAD   number                 what follows is of this thread, numbered from 0
 *     TIME     milliseconds           passed since the last TIME
 *
 * each a varint. `align` is there with ALLOT_TRACE_ALIGNED and is a power of two's logarithm. An
 * address is the difference d to the address before it in the file (0 at first), as
 * ((|d| >> 4 | (|d| & 15) << 58) << 1 | (d < 0)): addresses are below 2^58, most differences
 * multiples of 16. A realloc that stays in place has the same address twice. */
#ifndef ALLOT_TRACE_H
#define ALLOT_TRACE_H

#include <allot/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ALLOT_TRACE_MAGIC "allotrc1" /* eight bytes, no terminator */

struct allot_trace_header {
    char magic[8];
    uint32_t header_bytes; /* of this header: where the records begin */
    uint32_t page_bytes;
    uint32_t process_id;
    uint32_t reserved;
    uint64_t record_bytes; /* 0: the writer did not come to its end */
    char program[32];      /* terminated, cut */
};

enum allot_trace_op {
    ALLOT_TRACE_END,
    ALLOT_TRACE_ALLOC,
    ALLOT_TRACE_FREE,
    ALLOT_TRACE_REALLOC,
    ALLOT_TRACE_THREAD,
    ALLOT_TRACE_TIME
};

#define ALLOT_TRACE_OP_BITS 0x0f
#define ALLOT_TRACE_ZERO 0x10    /* ALLOC, REALLOC: (what is added) reads zero */
#define ALLOT_TRACE_ALIGNED 0x20 /* ALLOC, REALLOC: aligned to more than 16 */

/* One operation, for the writer. */
struct allot_trace_event {
    enum allot_trace_op op; /* ALLOC, FREE or REALLOC */
    const void *address;
    const void *before; /* REALLOC */
    size_t size;        /* ALLOC, REALLOC */
    size_t align;       /* ALLOC, REALLOC: a power of two; 0 is 16 */
    bool zero;          /* ALLOC, REALLOC */
};

typedef struct allot_trace allot_trace;

/* Creates a trace file, which must not exist.
 *
 * Returns: 0, *trace being the caller's until allot_trace_close; a negative errno (-EEXIST ...)
 *          and *trace NULL else.
 * Threads: safe.   Signals: not safe.
 * Failure: as told.
 * Cost:    system calls. */
ALLOT_API ALLOT_MUST_USE allot_status allot_trace_create(allot_trace **trace, const char *path);

/* Writes one operation. An allocation is to be written before its address is handed out and a free
 * before it takes effect, so that the order of the file is one that could have been.
 *
 * Returns: 0; or the negative errno for which the trace has ended: it is readable up to there.
 * Threads: safe; each thread gets a number of its own.   Signals: not safe.
 * Failure: as told.
 * Cost:    a lock and some ten bytes; system calls once in 4 MiB. */
ALLOT_API allot_status allot_trace_write(allot_trace *trace, const struct allot_trace_event *event);

/* Ends a trace. NULL is fine. In a child of fork nothing is written: the parent's trace goes on.
 *
 * Returns: nothing.
 * Threads: nobody else uses the trace.   Signals: not safe.
 * Failure: none.
 * Cost:    system calls. */
ALLOT_API void allot_trace_close(allot_trace *trace);

struct allot_log_event;

/* An allot_log_fn (allot/decorate.h) that writes a trace: give it as `log` and the trace as `arg`,
 * and `allot replay` runs what was done on any malloc. A trace has no word for a reset: what it
 * frees counts as freed when its place is issued again.
 *
 * Returns: nothing.
 * Require: trace is an allot_trace.
 * Threads: safe.   Signals: not safe.
 * Failure: none; a trace that cannot be written to ends.
 * Cost:    a lock and some ten bytes. */
ALLOT_API void allot_log_to_trace(const struct allot_log_event *event, void *trace);

#ifdef __cplusplus
}
#endif
#endif

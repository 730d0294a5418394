/* Reading trace files (allot/trace.h). */
#ifndef ALI_CLI_TRACE_H
#define ALI_CLI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allot/trace.h"

struct trace_file {
    struct allot_trace_header header;
    const uint8_t *bytes; /* the mapped file */
    size_t size;
    size_t at;
    uint64_t address;
    uint32_t thread;
    uint64_t ms;
    bool cut; /* it ended inside a record */
};

struct trace_record {
    enum allot_trace_op op; /* ALLOC, FREE, REALLOC */
    uint32_t thread;
    uint64_t ms; /* since the beginning */
    uint64_t address, before, size;
    uint8_t align_log2;
    bool zero;
};

/* False, and said why on stderr. */
bool trace_open(struct trace_file *file, const char *verb, const char *path);
void trace_close(struct trace_file *file);
/* From the first record again. */
void trace_rewind(struct trace_file *file);
/* The next operation; false at the end. */
bool trace_next(struct trace_file *file, struct trace_record *record);

#endif

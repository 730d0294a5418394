/* What a process that runs with fail_out= tells `allot oom`: a file that the process creates, in
 * shared memory, so that it is there however the process ends. */
#ifndef ALI_CHECK_OOM_RECORD_H
#define ALI_CHECK_OOM_RECORD_H

#include <stdint.h>

#define ALI_OOM_MAGIC "allotoom"
#define ALI_OOM_STACKS 4096

struct ali_oom_stack {
    uint64_t first; /* number of the first allocation that had it */
    uint64_t size;  /* of that */
    uint64_t hash;
    char text[1000]; /* frames, one a line, terminated */
};

struct ali_oom_record {
    char magic[8];
    uint64_t allocations; /* seen so far */
    uint64_t refused;
    uint32_t stack_count; /* those told; 0 when a fail= was given */
    uint32_t stacks_lost; /* did not fit */
    uint64_t reserved[4];
    struct ali_oom_stack stacks[]; /* ALI_OOM_STACKS */
};

#endif

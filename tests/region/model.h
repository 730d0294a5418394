/* An arena and what it ought to be: streams of operations, from a generator or a fuzzer. */
#ifndef ALI_TEST_REGION_MODEL_H
#define ALI_TEST_REGION_MODEL_H

#include "allot/allot.h"
#include "region/counted.h"

enum { MODEL_OBJECTS = 4096, MODEL_MARKS = 64, MODEL_CLEANUPS = 256 };

/* What kind of arena; flags of the first byte of a stream. */
enum model_mode {
    MODEL_BUFFER = 1,
    MODEL_RESERVE = 2,
    MODEL_LIMIT = 4,
    MODEL_REFUSE = 8, /* the source fails now and then */
};

struct model_op {
    uint8_t kind;
    uint8_t detail;
    uint16_t size;
};

struct model {
    allot_arena arena;
    struct counted source;
    unsigned mode;
    struct model_object {
        unsigned char *p;
        size_t size;
        unsigned char pattern;
        bool last; /* may be resized: nothing was pushed since, by the aligned calls */
    } objects[MODEL_OBJECTS];
    size_t object_count;
    struct model_mark {
        allot_arena_mark mark;
        size_t object_count;
        size_t cleanup_count;
        bool stale;
    } marks[MODEL_MARKS];
    size_t mark_count;
    size_t cleanup_count; /* registered and not run */
    size_t cleanups_expected;
    unsigned misuses;
    unsigned looks;
    unsigned char next_pattern;
    const char *error;
};

bool model_start(struct model *m, unsigned mode);
/* False: the arena did what it must not; m->error tells. */
bool model_apply(struct model *m, const struct model_op *op);
bool model_end(struct model *m);

#endif

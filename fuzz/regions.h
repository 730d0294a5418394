/* What the targets for regions share: reading the input, misuse that is expected, patterns. */
#ifndef ALI_FUZZ_REGIONS_H
#define ALI_FUZZ_REGIONS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allot/allot.h"
#include "region/counted.h"

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* 0 when there is no more. */
static inline unsigned fuzz_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline unsigned fuzz_word(struct fuzz_input *in)
{
    unsigned low = fuzz_byte(in);

    return low | fuzz_byte(in) << 8;
}

static inline void fuzz_require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* --- misuse ------------------------------------------------------------------------------- */

static struct {
    size_t count;
    enum allot_misuse_kind kind;
} fuzz_told;

static inline void fuzz_note_misuse(const struct allot_misuse *m, void *arg)
{
    (void)arg;
    fuzz_told.count++;
    fuzz_told.kind = m->kind;
}

static inline void fuzz_start_misuse(void)
{
    fuzz_told.count = 0;
    allot_set_misuse_handler(fuzz_note_misuse, NULL);
}

static inline void fuzz_require_told(enum allot_misuse_kind one, enum allot_misuse_kind other)
{
    fuzz_require(fuzz_told.count == 1, "misuse was not reported once");
    fuzz_require(fuzz_told.kind == one || fuzz_told.kind == other, "another kind was reported");
    fuzz_told.count = 0;
}

/* --- what is in objects ------------------------------------------------------------------- */

struct fuzz_object {
    unsigned char *p;
    size_t size;
    unsigned char pattern;
};

static inline void fuzz_fill(struct fuzz_object *o)
{
    static unsigned char last;

    o->pattern = ++last;
    memset(o->p, o->pattern, o->size);
}

static inline void fuzz_require_filled(const struct fuzz_object *o)
{
    for (size_t i = 0; i < o->size; i++)
        fuzz_require(o->p[i] == o->pattern, "an object was written to");
}

#endif

/* A shadow of a heap: what it ought to hold, with a pattern in every usable byte that only this
 * block has, so that an overlap, a lost content or a block handed out twice shows. Without cmocka,
 * so that fuzz targets use it too.
 *
 * An operation is a few small numbers: tests make them from a seed, fuzz targets from their input.
 */
#ifndef ALI_TEST_HEAP_SHADOW_H
#define ALI_TEST_HEAP_SHADOW_H

#include "allot/allot.h"
#include "heap/heap.h"

#define SHADOW_SLOTS 1024
#define SHADOW_MAX_LIVE_BYTES ((size_t)64 << 20)

/* On an empty slot the first four make a block and the others do as SHADOW_ALLOC; on a full one
 * the first three free it. */
enum shadow_kind {
    SHADOW_ALLOC,
    SHADOW_ZALLOC,
    SHADOW_ALIGNED,
    SHADOW_REALLOC,
    SHADOW_FREE,
    SHADOW_FREE_CLAIMED, /* with the size and alignment it was asked with */
    SHADOW_LOOK,         /* contents and usable size */
    SHADOW_KINDS
};

struct shadow_op {
    uint8_t kind;
    uint8_t align_log2;
    uint16_t slot;
    uint16_t size_code;
};

struct shadow_block {
    unsigned char *p; /* NULL: empty slot */
    size_t size;      /* as asked */
    size_t align;     /* as asked, 0: not */
    size_t filled;    /* bytes with the pattern */
    uint64_t key;
};

struct shadow {
    allot_heap *heap; /* NULL: the default heap, through the calls that malloc is made of */
    bool may_fail;    /* allocations may give NULL, if they say why */
    uint64_t refused; /* those that did */
    size_t live_bytes;
    uint64_t last_key;
    const char *error; /* the first thing that was wrong */
    struct shadow_block blocks[SHADOW_SLOTS];
};

/* 0 to 2 MiB, each power of two as likely as any other; 63 of 1024 codes are below 64 bytes. */
size_t shadow_size(uint16_t code);
struct shadow_op shadow_random_op(struct ali_random *r);

/* False when something was wrong: then s->error says what. */
bool shadow_apply(struct shadow *s, const struct shadow_op *op);
bool shadow_check(struct shadow *s);    /* every block */
bool shadow_free_all(struct shadow *s); /* looks at each first */

void shadow_fill(void *p, size_t bytes, uint64_t key);
/* Whether the first `upto` of `bytes` filled bytes are as they were. */
bool shadow_is_intact(const void *p, size_t bytes, size_t upto, uint64_t key);
bool shadow_is_zero(const void *p, size_t bytes);

#endif

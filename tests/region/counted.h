/* A source for regions that counts, refuses on demand and takes back nothing but what it gave, with
 * the size and alignment it was asked for. */
#ifndef ALI_TEST_REGION_COUNTED_H
#define ALI_TEST_REGION_COUNTED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allot/alloc.h"

struct counted {
    allot_allocator base;
    size_t live_blocks;
    size_t live_bytes;
    size_t calls;    /* allocations asked for */
    size_t fail_nth; /* this one fails, counted from 1; 0: none */
    const void *last_caller;
};

struct counted_block {
    uint64_t magic;
    size_t size;
    size_t align;
    void *memory;
};

#define COUNTED_MAGIC UINT64_C(0x616c6c6f745f7372)

static inline void counted_require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "counted source: %s\n", what);
    abort();
}

static inline struct counted_block *counted_block_of(void *p)
{
    return (struct counted_block *)((char *)p - sizeof(struct counted_block));
}

static inline void *counted_alloc(allot_allocator *a, size_t size, allot_how how,
                                  const void *caller)
{
    struct counted *c = (struct counted *)(void *)a;
    size_t align = allot_how_align(how) < 16 ? 16 : allot_how_align(how);
    char *memory, *p;

    counted_require(size >= 1 && size <= PTRDIFF_MAX, "a size out of bounds");
    c->last_caller = caller;
    if (++c->calls == c->fail_nth)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_INJECTED, 0);
    memory = size < PTRDIFF_MAX / 2 ? malloc(size + sizeof(struct counted_block) + align) : NULL;
    if (memory == NULL)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_OS, 0);
    p = memory + sizeof(struct counted_block);
    p += (0 - (uintptr_t)p) & (align - 1);
    *counted_block_of(p) = (struct counted_block){COUNTED_MAGIC, size, align, memory};
    memset(p, how & ALLOT_ZERO ? 0 : 0xcd, size);
    c->live_blocks++;
    c->live_bytes += size;
    return p;
}

static inline struct counted_block *counted_check(void *p, size_t size, allot_how how)
{
    struct counted_block *b = counted_block_of(p);
    size_t align = allot_how_align(how) < 16 ? 16 : allot_how_align(how);

    counted_require(b->magic == COUNTED_MAGIC, "not a live block");
    counted_require(b->size == size, "another size");
    counted_require(b->align == align, "another alignment");
    return b;
}

static inline bool counted_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                                  allot_how how, const void *caller)
{
    struct counted *c = (struct counted *)(void *)a;
    struct counted_block *b = counted_check(p, old_size, how);

    (void)caller;
    if (new_size > old_size)
        return false;
    b->size = new_size;
    c->live_bytes -= old_size - new_size;
    return true;
}

static inline void counted_free(allot_allocator *a, void *p, size_t size, allot_how how,
                                const void *caller)
{
    struct counted *c = (struct counted *)(void *)a;
    struct counted_block *b = counted_check(p, size, how);

    (void)caller;
    b->magic = 0;
    c->live_blocks--;
    c->live_bytes -= size;
    free(b->memory);
}

static const struct allot_allocator_ops counted_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN,
    .kind = "counted",
    .alloc = counted_alloc,
    .resize = counted_resize,
    .free = counted_free,
};

#define COUNTED_INIT                                                                               \
    {                                                                                              \
        .base = { &counted_ops }                                                                   \
    }

#endif

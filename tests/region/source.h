/* A source of memory for tests: the C library's malloc, counted, and failing where it is told to;
 * and a handler that notes misuse instead of ending the program. */
#ifndef ALI_TEST_REGION_SOURCE_H
#define ALI_TEST_REGION_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "allot/allot.h"
#include "base/base.h"

struct source {
    allot_allocator base;
    _Atomic(size_t) live_bytes;
    _Atomic(size_t) live_blocks;
    _Atomic(size_t) calls;
    _Atomic(size_t) wrong_sizes;
    size_t fail_at; /* the call that fails, from 1; 0: none */
    bool fails_on;  /* and all later ones */
};

static void *source_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct source *s = (struct source *)a;
    size_t align = ali_max(allot_how_align(how), 16);
    size_t call = atomic_fetch_add(&s->calls, 1) + 1;
    char *block;

    (void)caller;
    if (s->fail_at != 0 && (call == s->fail_at || (s->fails_on && call > s->fail_at)))
        return allot_fail(ALLOT_LAYER_DECORATOR, ALLOT_CAUSE_INJECTED, 0);
    if (size > PTRDIFF_MAX - align)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    block = aligned_alloc(align, ali_align_up(align + size, align));
    if (block == NULL)
        return allot_fail(ALLOT_LAYER_OS, ALLOT_CAUSE_OS, 0);
    memset(block, 0xa5, align + size);
    memcpy(block + align - sizeof size, &size, sizeof size);
    atomic_fetch_add(&s->live_bytes, size);
    atomic_fetch_add(&s->live_blocks, 1);
    return block + align;
}

static void source_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    struct source *s = (struct source *)a;
    size_t align = ali_max(allot_how_align(how), 16);
    size_t true_size;

    (void)caller;
    memcpy(&true_size, (char *)p - sizeof true_size, sizeof true_size);
    if (true_size != size)
        atomic_fetch_add(&s->wrong_sizes, 1);
    atomic_fetch_sub(&s->live_bytes, size);
    atomic_fetch_sub(&s->live_blocks, 1);
    free((char *)p - align);
}

static const struct allot_allocator_ops source_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_THREADS | ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN,
    .kind = "test",
    .alloc = source_alloc,
    .free = source_free,
};

#define SOURCE()                                                                                   \
    {                                                                                              \
        .base = { &source_ops }                                                                    \
    }

static inline bool source_is_empty(struct source *s)
{
    return atomic_load(&s->live_blocks) == 0 && atomic_load(&s->live_bytes) == 0 &&
           atomic_load(&s->wrong_sizes) == 0;
}

/* --- misuse ------------------------------------------------------------------------------- */

static struct {
    _Atomic(size_t) count;
    struct allot_misuse last;
} told;

static inline void note_misuse(const struct allot_misuse *m, void *arg)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    (void)arg;
    pthread_mutex_lock(&lock);
    told.last = *m;
    atomic_fetch_add(&told.count, 1);
    pthread_mutex_unlock(&lock);
}

static inline void expect_misuse_by_handler(void)
{
    memset(&told, 0, sizeof told);
    allot_set_misuse_handler(note_misuse, NULL);
}

#endif

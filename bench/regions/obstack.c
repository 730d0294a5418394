/* obstack of the C library. */
#include "regions.h"

#include <obstack.h>
#include <stdlib.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

#define REGION struct obstack
#define HAS_MARKS 1
#define REGION_MARK void *

static struct obstack stack;
static void *bottom;

static struct obstack *region_open(void)
{
    obstack_begin(&stack, 65536);
    obstack_alignment_mask(&stack) = 15;
    bottom = obstack_alloc(&stack, 0);
    return &stack;
}

static void region_close(struct obstack *s)
{
    obstack_free(s, NULL);
}

static inline void *region_push(struct obstack *s, size_t bytes)
{
    return obstack_alloc(s, bytes);
}

static inline void *region_bytes(struct obstack *s, size_t bytes)
{
    return obstack_alloc(s, bytes);
}

static void region_reset(struct obstack *s)
{
    obstack_free(s, bottom);
}

static void *region_mark(struct obstack *s)
{
    return obstack_alloc(s, 0);
}

static void region_rewind(struct obstack *s, void *mark)
{
    obstack_free(s, mark);
}

#include "rows.h"

const struct peer peer_obstack = {"obstack", PEER_PASSES};

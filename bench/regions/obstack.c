/* obstack of the C library. */
#include "bench.h"

#include <obstack.h>
#include <stdlib.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

struct region {
    struct obstack stack;
    void *bottom;
};

#define REGION struct region
#define REGION_MARK void *

static struct region *region_open(int which)
{
    static struct region regions[2];
    struct region *r = &regions[which];

    obstack_begin(&r->stack, 65536);
    obstack_alignment_mask(&r->stack) = 15;
    r->bottom = obstack_alloc(&r->stack, 0);
    return r;
}

static void region_close(struct region *r)
{
    obstack_free(&r->stack, NULL);
}

static inline void *region_push(struct region *r, size_t bytes)
{
    return obstack_alloc(&r->stack, bytes);
}

static void region_reset(struct region *r)
{
    obstack_free(&r->stack, r->bottom);
}

static inline void *region_mark(struct region *r)
{
    return obstack_alloc(&r->stack, 0);
}

static inline void region_rewind(struct region *r, void *mark)
{
    obstack_free(&r->stack, mark);
}

struct scope {
    struct region *region;
    void *mark;
};

/* One a thread, made when it is first needed. */
static inline struct scope scope_begin(void)
{
    static _Thread_local struct region *mine;

    if (mine == NULL)
        mine = region_open(1);
    return (struct scope){mine, region_mark(mine)};
}

#define SCOPE(s) struct scope s = scope_begin()
#define scope_push(s, bytes) region_push((s).region, (bytes))
#define scope_end(s) region_rewind((s).region, (s).mark)

#include "arena_rows.h"

#define TREE struct region
#define tree_open() region_open(0)
#define tree_close(t) region_close(t)
#define tree_node(t, bytes) region_push((t), (bytes))
#define tree_text(t, bytes) region_push((t), (bytes))
#define tree_drop(t) region_reset(t)

#include "parse_rows.h"

enum { STACK_BYTES = 64 };
#define STACK struct region
#define STACK_MARK void *
#define stack_open() region_open(0)
#define stack_close(s) region_close(s)
#define stack_push(s) region_push((s), STACK_BYTES)
#define stack_pop(s, object) region_rewind((s), (object))
#define stack_mark(s) region_mark(s)
#define stack_rewind(s, mark) region_rewind((s), (mark))

#include "stack_rows.h"

static const struct pass passes[] = {ARENA_PASSES, PARSE_PASSES, STACK_PASSES};
const struct peer peer_obstack = PEER("obstack", passes);

/* Rows of a contender that frees one object at a time. It has defined TAKE(bytes), GIVE(p, bytes),
 * and SIZED_FREE where GIVE looks at the size. What lives together is found again by a list: a
 * program without regions finds it in its data. */
#include <stdlib.h>

struct item {
    void *p;
#ifdef SIZED_FREE
    size_t bytes;
#endif
};

struct list {
    struct item *items;
    size_t count, room;
};

#ifdef SIZED_FREE
#define ITEM(p, bytes) ((struct item){(p), (bytes)})
#define GIVE_ITEM(item) GIVE((item).p, (item).bytes)
#else
#define ITEM(p, bytes) ((struct item){(p)})
#define GIVE_ITEM(item) GIVE((item).p, 0)
#endif

/* --- regions, scopes, frames --------------------------------------------------------------- */

#define REGION struct list

static struct list *region_open(int which)
{
    static struct list lists[2];
    struct list *l = &lists[which];

    l->room = (size_t)2 << 20;
    l->items = (struct item *)malloc(l->room * sizeof *l->items);
    if (l->items == NULL)
        abort();
    l->count = 0;
    return l;
}

static void region_reset(struct list *l)
{
    while (l->count > 0) {
        l->count--;
        GIVE_ITEM(l->items[l->count]);
    }
}

static void region_close(struct list *l)
{
    region_reset(l);
    free(l->items);
}

static inline void *region_push(struct list *l, size_t bytes)
{
    void *p = TAKE(bytes);

    if (p == NULL || l->count == l->room)
        abort();
    l->items[l->count++] = ITEM(p, bytes);
    return p;
}

struct objects {
    struct item items[8];
    unsigned count;
};
#define SCOPE(s)                                                                                   \
    struct objects s;                                                                              \
    s.count = 0
#define scope_push(s, bytes) objects_push(&(s), (bytes))
#define scope_end(s) objects_free(&(s))

static inline void *objects_push(struct objects *s, size_t bytes)
{
    void *p = TAKE(bytes);

    s->items[s->count++] = ITEM(p, bytes);
    return p;
}

static inline void objects_free(struct objects *s)
{
    while (s->count > 0) {
        s->count--;
        GIVE_ITEM(s->items[s->count]);
    }
}

#include "arena_rows.h"

/* --- a tree -------------------------------------------------------------------------------- */

#define TREE void
#define tree_open() NULL
#define tree_close(t) ((void)(t))
#define tree_node(t, bytes) ((void)(t), TAKE(bytes))
#define tree_text(t, bytes) ((void)(t), TAKE(bytes))
#define tree_free(t, p, bytes) ((void)(t), GIVE((p), (bytes)))
#ifdef SIZED_FREE
#define TREE_BY_NODES(text) (strlen(text) + 1)
#else
#define TREE_BY_NODES(text) 0
#endif

#include "parse_rows.h"

/* --- pools, stacks ------------------------------------------------------------------------- */

enum { POOL_BYTES = 64, STACK_BYTES = 64 };

#define POOL void
#define pool_open() NULL
#define pool_close(pool) ((void)(pool))
#define pool_get(pool) ((void)(pool), TAKE(POOL_BYTES))
#define pool_put(pool, p) ((void)(pool), GIVE((p), POOL_BYTES))
#include "pool_rows.h"

#define SHARED void
#define shared_open() NULL
#define shared_close(pool) ((void)(pool))
#define shared_get(pool) ((void)(pool), TAKE(POOL_BYTES))
#define shared_put(pool, p) ((void)(pool), GIVE((p), POOL_BYTES))
#include "shared_rows.h"

#define STACK void
#define STACK_ANY_ORDER
#define stack_open() NULL
#define stack_open_any() NULL
#define stack_close(s) ((void)(s))
#define stack_push(s) ((void)(s), TAKE(STACK_BYTES))
#define stack_pop(s, p) ((void)(s), GIVE((p), STACK_BYTES))
#include "stack_rows.h"

static const struct pass passes[] = {ARENA_PASSES, PARSE_PASSES, POOL_PASSES, SHARED_PASSES,
                                     STACK_PASSES};

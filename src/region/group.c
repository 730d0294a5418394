/* Fused arenas: none of their memory is freed before the last of them is released.
 *
 * Every arena that was ever fused has a node. Nodes form trees, a tree for each group (union by
 * size); the root counts the arenas that are not released yet and has a list of all nodes. A
 * released arena leaves what it was made of in its node; the last one frees what is in all nodes.
 *
 * One lock for all of it, held for a few stores; arenas that were never fused do not take it.
 * Memory of nodes is never anything else (core/metadata.h). */
#include <errno.h>

#include "region/region.h"

struct allot_arena_group {
    struct allot_arena_group *next; /* of all nodes of the group; the pool's while it is free */
    struct allot_arena_group *parent;
    /* of the root */
    struct allot_arena_group *last;
    size_t nodes;
    size_t alive;
    /* of an arena that was released */
    allot_arena remains;
};

static struct ali_pool pool = ALI_POOL_INIT((sizeof(struct allot_arena_group) + 15) / 16 * 16);
static struct ali_lock group_lock = ALI_LOCK_INIT(ALI_RANK_REGION);

/* --- trees --------------------------------------------------------------------------------- */

static struct allot_arena_group *node_of(const allot_arena *a)
{
    /* acquire: pairs with the release in join_locked */
    return __atomic_load_n(&a->group, __ATOMIC_ACQUIRE);
}

static struct allot_arena_group *root_of(struct allot_arena_group *node)
{
    while (node->parent != node) {
        node->parent = node->parent->parent;
        node = node->parent;
    }
    return node;
}

static void init_node(struct allot_arena_group *node)
{
    node->next = NULL;
    node->parent = node->last = node;
    node->nodes = node->alive = 1;
}

static void unite(struct allot_arena_group *a, struct allot_arena_group *b)
{
    if (a->nodes < b->nodes) {
        struct allot_arena_group *smaller = a;

        a = b;
        b = smaller;
    }
    b->parent = a;
    a->nodes += b->nodes;
    a->alive += b->alive;
    a->last->next = b;
    a->last = b->last;
}

/* The node of an arena, or *fresh, which is used up then. */
static struct allot_arena_group *join_locked(allot_arena *a, struct allot_arena_group **fresh)
{
    struct allot_arena_group *node = node_of(a);

    if (node == NULL) {
        node = *fresh;
        *fresh = NULL;
        /* release: pairs with the acquire in node_of */
        __atomic_store_n(&a->group, node, __ATOMIC_RELEASE);
    }
    return root_of(node);
}

static struct allot_arena_group *new_node(void)
{
    struct allot_arena_group *node = ali_pool_take(&pool);

    if (node != NULL)
        init_node(node);
    return node;
}

static void give_node(struct allot_arena_group *node)
{
    if (node != NULL)
        ali_pool_give(&pool, node);
}

static allot_status no_memory(struct allot_arena_group *node)
{
    give_node(node);
    ali_error_set_os(ALLOT_LAYER_REGION, ENOMEM, sizeof *node);
    errno = ENOMEM;
    return -ENOMEM;
}

allot_status allot_arena_fuse(allot_arena *a, allot_arena *b)
{
    struct allot_arena_group *fresh_a, *fresh_b, *root_a, *root_b;

    if (a == b)
        return 0;
    ali_region_hook_fork();
    fresh_a = new_node();
    fresh_b = new_node();
    if (fresh_a == NULL || fresh_b == NULL) {
        give_node(fresh_a);
        return no_memory(fresh_b);
    }
    ali_lock(&group_lock);
    root_a = join_locked(a, &fresh_a);
    root_b = join_locked(b, &fresh_b);
    if (root_a != root_b)
        unite(root_a, root_b);
    ali_unlock(&group_lock);
    give_node(fresh_a);
    give_node(fresh_b);
    return 0;
}

bool allot_arena_is_fused(allot_arena *a, allot_arena *b)
{
    bool fused;

    if (a == b)
        return true;
    if (node_of(a) == NULL || node_of(b) == NULL)
        return false;
    ali_lock(&group_lock);
    fused = root_of(node_of(a)) == root_of(node_of(b));
    ali_unlock(&group_lock);
    return fused;
}

/* --- fork ---------------------------------------------------------------------------------- */

void ali_group_before_fork(void)
{
    ali_lock(&group_lock);
}

void ali_group_after_fork(bool child)
{
    ali_unlock(&group_lock);
    if (child)
        ali_pool_fork_child(&pool);
}

/* --- the end ------------------------------------------------------------------------------- */

static void free_remains(struct allot_arena_group *node, const void *caller)
{
    allot_arena *a = &node->remains;

    ali_arena_free_all(a, caller);
    if (a->cleanup != NULL)
        a->cleanup(a->cleanup_arg);
}

static void free_group(struct allot_arena_group *node, const void *caller)
{
    while (node != NULL) {
        struct allot_arena_group *next = node->next;

        free_remains(node, caller);
        give_node(node);
        node = next;
    }
}

bool ali_group_leave(allot_arena *a, const void *caller)
{
    struct allot_arena_group *node = node_of(a), *root;
    bool last;

    if (node == NULL)
        return false;
    node->remains = *a;
    node->remains.group = NULL;
    ali_lock(&group_lock);
    root = root_of(node);
    last = --root->alive == 0;
    ali_unlock(&group_lock);
    if (last)
        free_group(root, caller);
    return true;
}

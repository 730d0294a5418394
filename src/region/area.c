/* The list and the tree of areas. See area.h. */
#include "region/area.h"

/* What a treap is ordered by besides: as good as random, and never stored. */
static uint64_t priority(const struct ali_area *a)
{
    struct ali_random r = {a->start};

    return ali_random_next(&r);
}

/* All of `low` are below all of `high`. */
static struct ali_area *merge(struct ali_area *low, struct ali_area *high)
{
    if (low == NULL)
        return high;
    if (high == NULL)
        return low;
    if (priority(low) > priority(high)) {
        low->right = merge(low->right, high);
        return low;
    }
    high->left = merge(low, high->left);
    return high;
}

static void split(struct ali_area *t, uintptr_t at, struct ali_area **low, struct ali_area **high)
{
    while (t != NULL) {
        if (t->start < at) {
            *low = t;
            low = &t->right;
            t = t->right;
        } else {
            *high = t;
            high = &t->left;
            t = t->left;
        }
    }
    *low = NULL;
    *high = NULL;
}

static void tree_add(struct ali_areas *areas, struct ali_area *a)
{
    struct ali_area *low;
    struct ali_area *high;

    a->left = a->right = NULL;
    split(areas->root, a->start, &low, &high);
    areas->root = merge(merge(low, a), high);
}

void ali_areas_add(struct ali_areas *areas, struct ali_area *area)
{
    tree_add(areas, area);
    area->prev = NULL;
    area->next = areas->first;
    if (area->next != NULL)
        area->next->prev = area;
    /* release: a forked child that sees the area sees what is in it */
    __atomic_store_n(&areas->first, area, __ATOMIC_RELEASE);
    areas->count++;
}

void ali_areas_remove(struct ali_areas *areas, struct ali_area *area)
{
    struct ali_area **at = &areas->root;

    while (*at != area) {
        ali_require(*at != NULL);
        at = area->start < (*at)->start ? &(*at)->left : &(*at)->right;
    }
    *at = merge(area->left, area->right);
    if (area->next != NULL)
        area->next->prev = area->prev;
    __atomic_store_n(area->prev != NULL ? &area->prev->next : &areas->first, area->next,
                     __ATOMIC_RELEASE);
    areas->count--;
}

struct ali_area *ali_areas_find(const struct ali_areas *areas, const void *p)
{
    struct ali_area *a = areas->root;

    while (a != NULL) {
        size_t offset = (uintptr_t)p - a->start;

        if (offset < a->bytes)
            return a;
        a = (uintptr_t)p < a->start ? a->left : a->right;
    }
    return NULL;
}

void ali_areas_rebuild(struct ali_areas *areas)
{
    struct ali_area *prev = NULL;

    areas->root = NULL;
    areas->count = 0;
    for (struct ali_area *a = areas->first; a != NULL; a = a->next) {
        a->prev = prev;
        prev = a;
        tree_add(areas, a);
        areas->count++;
    }
}

size_t ali_areas_audit(const struct ali_areas *areas)
{
    const struct ali_area *prev = NULL;
    size_t wrong = 0;
    size_t count = 0;

    for (const struct ali_area *a = areas->first; a != NULL; prev = a, a = a->next) {
        wrong += a->prev != prev;
        wrong += ali_areas_find(areas, (const void *)a->start) != a;
        if (++count > areas->count)
            break; /* a ring, or lost count */
    }
    return wrong + (count != areas->count);
}

/* Address ranges that can be found by any address inside: the chunks of a pool, and the objects
 * that are allocations of their own.
 *
 *     list: first -> next -> next ...      linked by single stores, so that a forked child finds it
 *                                          whole, whatever another thread was at
 *     tree: by address, a treap            rebuilt from the list in the child
 *
 * The nodes lie in the memory that they describe, so nothing here allocates.
 *
 * Source: R. Seidel, C. Aragon, "Randomized search trees", Algorithmica 16, 1996. */
#ifndef ALI_REGION_AREA_H
#define ALI_REGION_AREA_H

#include "base/base.h"

struct ali_area {
    struct ali_area *next;
    struct ali_area *prev;
    struct ali_area *left;
    struct ali_area *right;
    uintptr_t start;
    size_t bytes;
};

struct ali_areas {
    struct ali_area *first;
    struct ali_area *root;
    size_t count;
};

/* start and bytes are set; it overlaps no other. */
void ali_areas_add(struct ali_areas *areas, struct ali_area *area);
void ali_areas_remove(struct ali_areas *areas, struct ali_area *area);
/* The area that p is in, or NULL. */
struct ali_area *ali_areas_find(const struct ali_areas *areas, const void *p);
/* In a forked child: the tree and the count anew, from the list. */
void ali_areas_rebuild(struct ali_areas *areas);
/* Inconsistencies. O(count). */
size_t ali_areas_audit(const struct ali_areas *areas);

#endif

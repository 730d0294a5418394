/* Memory for our own structures: never the user's, never given back to the OS, never reused for
 * another type of the same pool, so that a stale reader sees an old object and not garbage.
 *
 * A pool hands out zeroed-at-first-use pieces of one size, aligned to the largest power of two
 * that divides the size, at most a page. */
#ifndef ALI_CORE_METADATA_H
#define ALI_CORE_METADATA_H

#include "base/base.h"
#include "core/lock.h"

struct ali_pool {
    struct ali_lock lock; /* rank METADATA */
    uint32_t piece_bytes;
    void *free; /* singly linked through the first word; consistent at every instant */
    char *bump; /* unused rest of the current chunk */
    char *bump_end;
    size_t pieces; /* handed out now */
};

#define ALI_POOL_INIT(bytes)                                                                       \
    {                                                                                              \
        ALI_LOCK_INIT(ALI_RANK_METADATA), (bytes), NULL, NULL, NULL, 0                             \
    }

/* A piece, its first word zero and the rest as its last user left it (zero when new). NULL when the
 * OS refuses. Thread safe. */
void *ali_pool_take(struct ali_pool *pool);
void ali_pool_give(struct ali_pool *pool, void *piece);
void ali_pool_fork_child(struct ali_pool *pool);

/* Gives the pools memory that a layer above has found when the OS had no more: zero or not, never
 * to be asked back. */
void ali_metadata_offer(void *at, size_t bytes);

/* Bytes mapped for metadata by all pools together. */
size_t ali_metadata_bytes(void);

#endif

/* Rows of objects of one size, POOL_BYTES. The contender has defined
 *     POOL, pool_open(), pool_close(p), pool_get(p), pool_put(p, object),
 *     and pool_get_bulk(p, objects, count), pool_put_bulk(...) with POOL_BULK; a loop otherwise. */

#ifndef POOL_BULK
static inline void pool_get_bulk(POOL *pool, void **objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        objects[i] = pool_get(pool);
}

static inline void pool_put_bulk(POOL *pool, void **objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pool_put(pool, objects[i]);
}
#endif

/* Untimed: objects are apart from each other. */
static uint64_t pool_sum(POOL *pool)
{
    void *p[64];
    uint64_t sum;

    for (int i = 0; i < 64; i++)
        p[i] = memset(pool_get(pool), i, POOL_BYTES);
    sum = sum_objects(p, 64, POOL_BYTES);
    for (int i = 0; i < 64; i++)
        pool_put(pool, p[i]);
    return sum;
}

static double get_put(uint64_t *sum)
{
    const int count = rounds(2000000);
    POOL *pool = pool_open();
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        void *p = pool_get(pool);

        KEEP(p);
        pool_put(pool, p);
    }
    end = now_ns();
    *sum = pool_sum(pool);
    pool_close(pool);
    return (end - start) / count;
}

static double batch_64(uint64_t *sum)
{
    const int count = rounds(20000);
    POOL *pool = pool_open();
    void *p[64];
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 64; k++) {
            p[k] = pool_get(pool);
            KEEP(p[k]);
        }
        for (int k = 0; k < 64; k++)
            pool_put(pool, p[k]);
    }
    end = now_ns();
    *sum = pool_sum(pool);
    pool_close(pool);
    return (end - start) / count / 64;
}

static double bulk_64(uint64_t *sum)
{
    const int count = rounds(20000);
    POOL *pool = pool_open();
    void *p[64];
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        pool_get_bulk(pool, p, 64);
        KEEP(p);
        pool_put_bulk(pool, p, 64);
    }
    end = now_ns();
    pool_get_bulk(pool, p, 64);
    for (int k = 0; k < 64; k++)
        memset(p[k], k, POOL_BYTES);
    *sum = sum_objects(p, 64, POOL_BYTES);
    pool_put_bulk(pool, p, 64);
    pool_close(pool);
    return (end - start) / count / 64;
}

static double random_order(uint32_t live, uint64_t *sum)
{
    static void *p[100000];
    const int count = rounds(1000000);
    POOL *pool = pool_open();
    uint32_t x = 1;
    double start, end;

    for (uint32_t i = 0; i < live; i++)
        p[i] = memset(pool_get(pool), (int)i, 16);
    start = now_ns();
    for (int i = 0; i < count; i++) {
        void **slot;

        x = x * 1664525 + 1013904223;
        slot = &p[(uint64_t)x * live >> 32];
        pool_put(pool, *slot);
        *slot = pool_get(pool);
        KEEP(*slot);
    }
    end = now_ns();
    for (uint32_t i = 0; i < live; i++)
        memset(p[i], (int)i, 16);
    *sum = sum_objects(p, live, 16);
    for (uint32_t i = 0; i < live; i++)
        pool_put(pool, p[i]);
    pool_close(pool);
    return (end - start) / count;
}

static double random_1k(uint64_t *sum)
{
    return random_order(1000, sum);
}

static double random_100k(uint64_t *sum)
{
    return random_order(100000, sum);
}

#define POOL_PASSES                                                                                \
    {GET_PUT, get_put}, {BATCH_64, batch_64}, {BULK_64, bulk_64}, {RANDOM_1K, random_1k},          \
    {                                                                                              \
        RANDOM_100K, random_100k                                                                   \
    }

/* Rows of regions, for the contender that includes this. It has defined
 *     REGION, region_open(0 or 1), region_close(r), region_push(r, bytes), region_reset(r);
 *     REGION_MARK, region_mark(r), region_rewind(r, mark), if it has marks;
 *     SCOPE(s), which declares and begins one, scope_push(s, bytes), scope_end(s), if it has
 * scopes; REGION_FIXED, if it has only a few sizes; FRAMES_STATE, frames_open(), frames_next(f),
 * frames_push(f, bytes), frames_close(f), if it has frames of its own: two regions by turns
 * otherwise. */

/* What fits into a chunk that is in the first-level cache. */
enum { WARM_BYTES = 16384, WARM_ROUNDS = 2000, CYCLES = 200000 };

#define PUSH_PASS(size)                                                                            \
    static double push_##size(uint64_t *sum)                                                       \
    {                                                                                              \
        static void *seen[WARM_BYTES / (size)];                                                    \
        const int count = rounds(WARM_ROUNDS);                                                     \
        REGION *r = region_open(0);                                                                \
        double start = now_ns(), end;                                                              \
                                                                                                   \
        for (int round = 0; round < count; round++) {                                              \
            for (int i = 0; i < WARM_BYTES / (size); i++) {                                        \
                char *p = (char *)region_push(r, size);                                            \
                *(uint32_t *)(void *)p = (uint32_t)i;                                              \
                KEEP(p);                                                                           \
            }                                                                                      \
            region_reset(r);                                                                       \
        }                                                                                          \
        end = now_ns();                                                                            \
        for (int i = 0; i < WARM_BYTES / (size); i++)                                              \
            seen[i] = memset(region_push(r, size), i, size);                                       \
        *sum = sum_objects(seen, WARM_BYTES / (size), size);                                       \
        region_reset(r);                                                                           \
        region_close(r);                                                                           \
        return (end - start) / count / (WARM_BYTES / (size));                                      \
    }

PUSH_PASS(16)
PUSH_PASS(32)
PUSH_PASS(64)

/* As a server does for each request. */
static double request(uint64_t *sum)
{
    const int count = rounds(CYCLES);
    REGION *r = region_open(0);
    void *seen[16];
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 16; k++) {
            void *p = region_push(r, 32);
            KEEP(p);
        }
        region_reset(r);
    }
    end = now_ns();
    for (int k = 0; k < 16; k++)
        seen[k] = memset(region_push(r, 32), k, 32);
    *sum = sum_objects(seen, 16, 32);
    region_close(r);
    return (end - start) / count;
}

static double reset_64m(uint64_t *sum)
{
    const size_t whole = (size_t)(bench_quick ? 2 : 64) << 20;
    REGION *r = region_open(0);
    double start, end;

    *sum = 0;
    for (size_t bytes = 0; bytes < whole; bytes += 64) {
        char *p = (char *)region_push(r, 64);
        *p = 1;
        KEEP(p);
        *sum += (uint64_t)*p;
    }
    (void)now_ns(); /* the clock itself has left the cache */
    start = now_ns();
    region_reset(r);
    end = now_ns();
    region_close(r);
    return (end - start) / 1000;
}

#ifdef REGION_MARK
static double mark_rewind(uint64_t *sum)
{
    const int count = rounds(CYCLES);
    REGION *r = region_open(0);
    void *seen[5];
    double start = now_ns(), end;

    seen[0] = memset(region_push(r, 32), 1, 32);
    for (int i = 0; i < count; i++) {
        REGION_MARK mark = region_mark(r);

        for (int k = 1; k < 5; k++)
            KEEP(seen[k] = region_push(r, 32));
        region_rewind(r, mark);
    }
    end = now_ns();
    for (int k = 1; k < 5; k++)
        seen[k] = memset(region_push(r, 32), k, 32);
    *sum = sum_objects(seen, 5, 32);
    region_close(r);
    return (end - start) / count;
}
#define MARK_PASSES {MARK_REWIND, mark_rewind},
#else
#define MARK_PASSES
#endif

#ifdef SCOPE
static inline void scope_objects(void **seen)
{
    SCOPE(s);
    for (int k = 0; k < 4; k++)
        KEEP(seen[k] = scope_push(s, 64));
    scope_end(s);
}

/* What a function needs while it runs. */
static double scope(uint64_t *sum)
{
    const int count = rounds(CYCLES);
    void *seen[4];
    double start, end;

    SCOPE(outer); /* so that the first one within is like the others */
    KEEP(scope_push(outer, 64));
    start = now_ns();
    for (int i = 0; i < count; i++)
        scope_objects(seen);
    end = now_ns();
    for (int k = 0; k < 4; k++)
        seen[k] = memset(scope_push(outer, 64), k, 64);
    *sum = sum_objects(seen, 4, 64);
    scope_end(outer);
    return (end - start) / count;
}
#define SCOPE_PASSES {SCOPE_4, scope},
#else
#define SCOPE_PASSES
#endif

#ifdef REGION_FIXED
#define FRAMES_PASSES
#else

#ifndef FRAMES_STATE
#define FRAMES_STATE struct two_regions
struct two_regions {
    REGION *regions[2];
    unsigned now;
};

static struct two_regions *frames_open(void)
{
    static struct two_regions two;

    two.regions[0] = region_open(0);
    two.regions[1] = region_open(1);
    two.now = 0;
    return &two;
}

static inline void frames_next(struct two_regions *two)
{
    two->now ^= 1;
    region_reset(two->regions[two->now]);
}

static inline void *frames_push(struct two_regions *two, size_t bytes)
{
    return region_push(two->regions[two->now], bytes);
}

static void frames_close(struct two_regions *two)
{
    region_close(two->regions[0]);
    region_close(two->regions[1]);
}
#endif

/* Each frame 64 objects, of 16 to 256 bytes, which live until the one after the next begins. */
static double frames(uint64_t *sum)
{
    enum { OBJECTS = 64 };
    const int count = rounds(20000);
    FRAMES_STATE *f = frames_open();
    void *seen[2][OBJECTS];
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        frames_next(f);
        for (unsigned k = 0; k < OBJECTS; k++) {
            void *p = frames_push(f, 16 + k * 112 % 241);
            KEEP(p);
        }
    }
    end = now_ns();
    for (unsigned i = 0; i < 2; i++) {
        frames_next(f);
        for (unsigned k = 0; k < OBJECTS; k++)
            seen[i][k] = memset(frames_push(f, 16 + k * 112 % 241), (int)(k + 64 * i), 16);
    }
    *sum = sum_objects(seen[0], OBJECTS, 16) + sum_objects(seen[1], OBJECTS, 16);
    frames_close(f);
    return (end - start) / count / OBJECTS;
}
#define FRAMES_PASSES {FRAMES, frames},
#endif

#define ARENA_PASSES                                                                               \
    {PUSH_16, push_16}, {PUSH_32, push_32}, {PUSH_64, push_64}, {REQUEST, request},                \
        MARK_PASSES SCOPE_PASSES FRAMES_PASSES                                                     \
    {                                                                                              \
        RESET_64M, reset_64m                                                                       \
    }

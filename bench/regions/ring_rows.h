/* Rows of rings. The contender has defined
 *     RING, ring_open(), ring_close(r),
 *     ring_send(r, words, seed): builds a message of so many words; false: no room now;
 *     ring_receive(r, words, &sum): adds one up; false: there is none. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { RING_BYTES = 65536 };

static inline void ring_build(void *message, unsigned words, uint64_t seed)
{
    uint64_t *w = (uint64_t *)message;

    for (unsigned i = 0; i < words; i++)
        w[i] = seed + i;
}

static inline uint64_t ring_add_up(const void *message, unsigned words)
{
    const uint64_t *w = (const uint64_t *)message;
    uint64_t sum = 0;

    for (unsigned i = 0; i < words; i++)
        sum += w[i] ^ i;
    return sum;
}

/* Eight messages in, eight out; 65536 is no multiple of a message, so some lie across the end. */
static inline __attribute__((always_inline)) double ring_turns(unsigned words, uint64_t *sum)
{
    const int count = rounds(40000);
    RING *r = ring_open();
    double start = now_ns(), end;

    *sum = 0;
    for (int i = 0; i < count; i++) {
        for (unsigned k = 0; k < 8; k++)
            if (!ring_send(r, words, (uint64_t)i + k))
                abort();
        for (unsigned k = 0; k < 8; k++)
            if (!ring_receive(r, words, sum))
                abort();
    }
    end = now_ns();
    ring_close(r);
    return (end - start) / count / 8;
}

static double ring_96(uint64_t *sum)
{
    return ring_turns(12, sum);
}

static double ring_1408(uint64_t *sum)
{
    return ring_turns(176, sum);
}

static void *ring_writer(void *arg)
{
    RING *r = (RING *)arg;
    const int count = rounds(400000);

    for (int i = 0; i < count; i++)
        while (!ring_send(r, 176, (uint64_t)i))
            sched_yield();
    return NULL;
}

static double ring_threads(uint64_t *sum)
{
    const int count = rounds(400000);
    RING *r = ring_open();
    double start = now_ns(), end;
    pthread_t writer;

    *sum = 0;
    if (pthread_create(&writer, NULL, ring_writer, r) != 0)
        abort();
    for (int i = 0; i < count; i++)
        while (!ring_receive(r, 176, sum))
            sched_yield();
    end = now_ns();
    pthread_join(writer, NULL);
    ring_close(r);
    return (end - start) / count;
}

#define RING_PASSES                                                                                \
    {RING_96, ring_96}, {RING_1408, ring_1408},                                                    \
    {                                                                                              \
        RING_THREADS, ring_threads                                                                 \
    }

/* Allot's ring: messages are built and read where they lie. */
#include "bench.h"

#include <allot/ring.h>

#define RING allot_ring
static inline bool ring_send(allot_ring *r, unsigned words, uint64_t seed);
static inline bool ring_receive(allot_ring *r, unsigned words, uint64_t *sum);
static allot_ring *ring_open(void);
#define ring_close(r) allot_ring_release(r)

#include "ring_rows.h"

static allot_ring *ring_open(void)
{
    static allot_ring ring;

    if (allot_ring_init(&ring, RING_BYTES) != 0)
        abort();
    return &ring;
}

static inline bool ring_send(allot_ring *r, unsigned words, uint64_t seed)
{
    void *message = allot_ring_reserve(r, words * sizeof seed);

    if (message == NULL)
        return false;
    ring_build(message, words, seed);
    allot_ring_commit(r, words * sizeof seed);
    return true;
}

static inline bool ring_receive(allot_ring *r, unsigned words, uint64_t *sum)
{
    size_t bytes;
    const void *message = allot_ring_peek(r, &bytes);

    if (bytes < words * sizeof *sum)
        return false;
    *sum += ring_add_up(message, words);
    allot_ring_consume(r, words * sizeof *sum);
    return true;
}

static const struct pass passes[] = {RING_PASSES};
const struct peer peer_allot_ring = PEER("allot", passes);

/* A ring that is mapped once, as they are as a rule: a message is built beside it and copied in, in
 * two parts where it goes over the end, and copied out to be read. */
#include "bench.h"

struct ring;
#define RING struct ring
static inline bool ring_send(struct ring *r, unsigned words, uint64_t seed);
static inline bool ring_receive(struct ring *r, unsigned words, uint64_t *sum);
static struct ring *ring_open(void);
#define ring_close(r) ((void)(r))

#include "ring_rows.h"

enum { MESSAGE_WORDS = 256 };

/* Counts only grow; each side remembers what it saw of the other's. */
struct ring {
    size_t written, consumed_seen;
    char pad_writer[64 - 2 * sizeof(size_t)];
    size_t consumed, written_seen;
    char pad_reader[64 - 2 * sizeof(size_t)];
    char bytes[RING_BYTES];
};

static struct ring *ring_open(void)
{
    static struct ring ring __attribute__((aligned(64)));

    ring.written = ring.consumed_seen = ring.consumed = ring.written_seen = 0;
    return &ring;
}

static inline size_t bytes_to_end(size_t at, size_t bytes)
{
    return bytes < RING_BYTES - at ? bytes : RING_BYTES - at;
}

static inline bool ring_send(struct ring *r, unsigned words, uint64_t seed)
{
    const size_t bytes = words * sizeof seed, at = r->written % RING_BYTES;
    const size_t first = bytes_to_end(at, bytes);
    uint64_t message[MESSAGE_WORDS];

    if (bytes > RING_BYTES - (r->written - r->consumed_seen)) {
        r->consumed_seen = __atomic_load_n(&r->consumed, __ATOMIC_ACQUIRE);
        if (bytes > RING_BYTES - (r->written - r->consumed_seen))
            return false;
    }
    ring_build(message, words, seed);
    memcpy(r->bytes + at, message, first);
    memcpy(r->bytes, (char *)message + first, bytes - first);
    __atomic_store_n(&r->written, r->written + bytes, __ATOMIC_RELEASE);
    return true;
}

static inline bool ring_receive(struct ring *r, unsigned words, uint64_t *sum)
{
    const size_t bytes = words * sizeof *sum, at = r->consumed % RING_BYTES;
    const size_t first = bytes_to_end(at, bytes);
    uint64_t message[MESSAGE_WORDS];

    if (r->written_seen - r->consumed < bytes) {
        r->written_seen = __atomic_load_n(&r->written, __ATOMIC_ACQUIRE);
        if (r->written_seen - r->consumed < bytes)
            return false;
    }
    memcpy(message, r->bytes + at, first);
    memcpy((char *)message + first, r->bytes, bytes - first);
    *sum += ring_add_up(message, words);
    __atomic_store_n(&r->consumed, r->consumed + bytes, __ATOMIC_RELEASE);
    return true;
}

static const struct pass passes[] = {RING_PASSES};
const struct peer peer_copying_ring = PEER("copying ring", passes);

/* allot/ring.h - a ring buffer of which every part is contiguous.
 * Part of Allot. MIT licence.
 *
 * The memory is mapped twice, back to back, so that what runs over the end of the first copy is at
 * the beginning, and yet in one piece: a writer never splits a message, a reader never joins one.
 *
 *     writer: p = allot_ring_reserve(&ring, 100);  fill in;  allot_ring_commit(&ring, used);
 *     reader: p = allot_ring_peek(&ring, &bytes);  look;     allot_ring_consume(&ring, done);
 *
 * One thread may write while one reads, without a lock. */
#ifndef ALLOT_RING_H
#define ALLOT_RING_H

#include <allot/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The caller's storage; the fields are for the inlined functions. Must not be moved or copied
 * between init and release. Each side has its own cache line, and remembers what it saw of the
 * other's count. Counts only grow (and wrap); they are written by one side each. */
typedef struct allot_ring {
    char *start;
    size_t bytes;
    char pad[64 - sizeof(char *) - sizeof(size_t)];
    size_t written; /* writer's: bytes so far */
    size_t write_at;
    size_t consumed_seen;
    char pad_writer[64 - 3 * sizeof(size_t)];
    size_t consumed; /* reader's: bytes so far */
    size_t read_at;
    size_t written_seen;
    char pad_reader[64 - 3 * sizeof(size_t)];
} allot_ring;

/* Makes a ring of at least `bytes`, rounded up to whole pages. Its memory is shared with the
 * children of a fork: parent and child see each other's bytes, but not each other's counts.
 *
 * Returns: 0; -EINVAL for 0 bytes; -ENOMEM, also for more than the machine has, or what the system
 *          said (no file that is memory: memfd, /dev/shm and /tmp are tried).
 * Threads: nobody else knows the ring yet.   Signals: not safe.
 * Failure: as told; allot_last_error() has the cause, and there is nothing to release.
 * Cost:    a few system calls. */
ALLOT_API ALLOT_MUST_USE allot_status allot_ring_init(allot_ring *ring, size_t bytes);

/* Gives the memory back. A ring that is all zero, or was released, is left alone.
 *
 * Returns: nothing.
 * Require: nobody uses the ring.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    a system call. */
ALLOT_API void allot_ring_release(allot_ring *ring);

/* Empties the ring.
 *
 * Returns: nothing.
 * Require: nobody else uses the ring meanwhile.
 * Threads: one thread.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_ring_reset(allot_ring *ring);

/* Reports a commit or consume of more bytes than there are; not to be called.
 *
 * Returns: nothing.
 * Threads: safe.   Signals: not safe.
 * Failure: none.
 * Cost:    that of a report. */
ALLOT_API void allot_ring_blame(const allot_ring *ring, const char *call, size_t told_bytes,
                                size_t true_bytes);

/* Bytes that can be reserved now, at least.
 *
 * Returns: bytes.
 * Threads: the writer's.   Signals: safe in the writer.
 * Failure: none.
 * Cost:    O(1), inlined. */
static inline size_t allot_ring_writable(allot_ring *ring)
{
    /* acquire: pairs with the release in allot_ring_consume; the reader is done with the bytes */
    ring->consumed_seen = __atomic_load_n(&ring->consumed, __ATOMIC_ACQUIRE);
    return ring->bytes - (ring->written - ring->consumed_seen);
}

/* Room for `bytes`, in one piece. Nothing is taken until allot_ring_commit: a later reserve gives
 * the same place.
 *
 * Returns: where to write to, good until the next commit; NULL when there is not so much room now.
 * Threads: the writer's.   Signals: safe in the writer.
 * Failure: NULL; no error is set: a full ring is no failure.
 * Cost:    O(1), inlined. */
static inline ALLOT_MUST_USE void *allot_ring_reserve(allot_ring *ring, size_t bytes)
{
    if (__builtin_expect(bytes > ring->bytes - (ring->written - ring->consumed_seen), 0) &&
        bytes > allot_ring_writable(ring))
        return NULL;
    return ring->start + ring->write_at;
}

/* Lets the reader have the first `bytes` of what is writable.
 *
 * Returns: nothing.
 * Threads: the writer's.   Signals: safe in the writer.
 * Failure: more than is writable is reported as misuse, and nothing is committed.
 * Cost:    O(1), inlined. */
static inline void allot_ring_commit(allot_ring *ring, size_t bytes)
{
    size_t at = ring->write_at + bytes;

    if (__builtin_expect(bytes > ring->bytes - (ring->written - ring->consumed_seen), 0) &&
        bytes > allot_ring_writable(ring)) {
        allot_ring_blame(ring, "allot_ring_commit", bytes, allot_ring_writable(ring));
        return;
    }
    ring->write_at = at >= ring->bytes ? at - ring->bytes : at;
    /* release: pairs with the acquire in allot_ring_readable, after which the bytes are read */
    __atomic_store_n(&ring->written, ring->written + bytes, __ATOMIC_RELEASE);
}

/* Bytes that can be read now, at least.
 *
 * Returns: bytes.
 * Threads: the reader's.   Signals: safe in the reader.
 * Failure: none.
 * Cost:    O(1), inlined. */
static inline size_t allot_ring_readable(allot_ring *ring)
{
    ring->written_seen = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    return ring->written_seen - ring->consumed;
}

/* All that is readable, in one piece.
 *
 * Returns: where to read, *bytes long and good until it is consumed; never NULL, *bytes may be 0.
 * Threads: the reader's.   Signals: safe in the reader.
 * Cost:    O(1), inlined. */
static inline const void *allot_ring_peek(allot_ring *ring, size_t *bytes)
{
    *bytes = allot_ring_readable(ring);
    return ring->start + ring->read_at;
}

/* Gives the first `bytes` of what is readable back to the writer.
 *
 * Returns: nothing.
 * Threads: the reader's.   Signals: safe in the reader.
 * Failure: more than is readable is reported as misuse, and nothing is consumed.
 * Cost:    O(1), inlined. */
static inline void allot_ring_consume(allot_ring *ring, size_t bytes)
{
    size_t at = ring->read_at + bytes;

    if (__builtin_expect(bytes > ring->written_seen - ring->consumed, 0) &&
        bytes > allot_ring_readable(ring)) {
        allot_ring_blame(ring, "allot_ring_consume", bytes, allot_ring_readable(ring));
        return;
    }
    ring->read_at = at >= ring->bytes ? at - ring->bytes : at;
    /* release: pairs with the acquire in allot_ring_writable */
    __atomic_store_n(&ring->consumed, ring->consumed + bytes, __ATOMIC_RELEASE);
}

/* Writes as much of the data as there is room for.
 *
 * Returns: bytes written, 0 to `bytes`; never fails.
 * Threads: the writer's.   Signals: safe in the writer.
 * Cost:    O(bytes). */
ALLOT_API size_t allot_ring_write(allot_ring *ring, const void *data, size_t bytes);

/* Reads as much as there is, `bytes` at most.
 *
 * Returns: bytes read, 0 to `bytes`; never fails.
 * Threads: the reader's.   Signals: safe in the reader.
 * Cost:    O(bytes). */
ALLOT_API size_t allot_ring_read(allot_ring *ring, void *data, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

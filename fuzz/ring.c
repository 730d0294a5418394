/* A ring against a count of what was written and read: byte i of the stream has a known value. */
#include "regions.h"

enum { MOST = 3 * 4096 + 100 };

static allot_ring ring;
static size_t written, consumed;
static unsigned char data[MOST];

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static unsigned char value_at(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8));
}

static void put_values(unsigned char *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = value_at(written + i);
}

static void require_values(const unsigned char *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        fuzz_require(p[i] == value_at(consumed + i), "other bytes than were written");
}

static size_t waiting(void)
{
    return written - consumed;
}

static size_t room(void)
{
    return ring.bytes - waiting();
}

static void reserve_and_commit(size_t bytes, size_t less)
{
    unsigned char *p = allot_ring_reserve(&ring, bytes);

    fuzz_require((p != NULL) == (bytes <= room()), "room that is not there, or no room");
    if (p == NULL)
        return;
    bytes -= less < bytes ? less : bytes;
    put_values(p, bytes);
    allot_ring_commit(&ring, bytes);
    written += bytes;
}

static void peek_and_consume(size_t bytes)
{
    size_t readable;
    const unsigned char *p = allot_ring_peek(&ring, &readable);

    fuzz_require(readable == waiting(), "more or less to read than was written");
    require_values(p, readable);
    bytes = bytes < readable ? bytes : readable;
    allot_ring_consume(&ring, bytes);
    consumed += bytes;
}

static void write_some(size_t bytes)
{
    size_t got;

    put_values(data, bytes);
    got = allot_ring_write(&ring, data, bytes);
    fuzz_require(got == (bytes < room() ? bytes : room()), "a write of another length");
    written += got;
}

static void read_some(size_t bytes)
{
    size_t got = allot_ring_read(&ring, data, bytes);

    fuzz_require(got == (bytes < waiting() ? bytes : waiting()), "a read of another length");
    require_values(data, got);
    consumed += got;
}

static void commit_too_much(size_t n, bool is_huge)
{
    allot_ring_commit(&ring, is_huge ? SIZE_MAX - n : room() + 1 + n);
    fuzz_require_told(fuzz_told.kind, fuzz_told.kind);
}

static void consume_too_much(size_t n, bool is_huge)
{
    allot_ring_consume(&ring, is_huge ? SIZE_MAX - n : waiting() + 1 + n);
    fuzz_require_told(fuzz_told.kind, fuzz_told.kind);
}

static void apply(struct fuzz_input *in)
{
    unsigned kind = fuzz_byte(in);
    size_t n = fuzz_word(in) % MOST;

    switch (kind % 8) {
    case 0:
        reserve_and_commit(n, 0);
        break;
    case 1:
        reserve_and_commit(n, kind >> 3);
        break;
    case 2:
        peek_and_consume(n);
        break;
    case 3:
        write_some(n);
        break;
    case 4:
        read_some(n);
        break;
    case 5:
        commit_too_much(n, kind & 128);
        break;
    case 6:
        consume_too_much(n, kind & 128);
        break;
    default:
        if (kind == 255) {
            allot_ring_reset(&ring);
            written = consumed = 0;
        }
    }
    fuzz_require(allot_ring_readable(&ring) == waiting(), "the reader's count is wrong");
    fuzz_require(allot_ring_writable(&ring) == room(), "the writer's count is wrong");
    fuzz_require(fuzz_told.count == 0, "misuse where there is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_input in = {bytes, count};
    size_t size = 1 + fuzz_word(&in) % (3 * 4096);

    fuzz_start_misuse();
    written = consumed = 0;
    fuzz_require(allot_ring_init(&ring, size) == 0, "no ring");
    fuzz_require(ring.bytes >= size, "a ring that is too small");
    while (in.left != 0)
        apply(&in);
    allot_ring_release(&ring);
    return 0;
}

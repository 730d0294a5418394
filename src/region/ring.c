/* Rings: the mapping, and what is not inlined.
 *
 *     start                start + bytes           start + 2 * bytes
 *     | the memory         | the same memory       |
 *           read_at ---------------> write_at      both below `bytes`
 *
 * `written` and `consumed` count bytes for ever, each written by one side only. */
#include "allot/ring.h"

#include <errno.h>

#include "core/core.h"

static allot_status fail(int error, size_t bytes)
{
    ali_error_set_os(ALLOT_LAYER_REGION, error, bytes);
    return error == -EMFILE || error == -ENFILE || error == -ENOSPC ? -ENOMEM : error;
}

/* The kernel promises files more memory than there is, and kills somebody when it is touched. */
static bool is_too_large(size_t bytes)
{
    uint64_t memory = ali_os_memory_bytes();

    return memory != 0 && bytes > memory;
}

static void *map(size_t bytes, int *error)
{
    int fd = is_too_large(bytes) ? -ENOMEM : ali_os_memory_file(bytes);
    void *at;

    if (fd < 0 && fd != -ENOMEM && fd != -ENOSPC) /* denied, or an old kernel */
        fd = ali_os_temporary_file(bytes);
    if (fd < 0) {
        *error = fd;
        return NULL;
    }
    at = ali_os_map_twice(fd, bytes, error);
    ali_os_close(fd);
    return at;
}

allot_status allot_ring_init(allot_ring *ring, size_t bytes)
{
    int error = 0;

    ali_os_init();
    *ring = (allot_ring){.start = NULL};
    if (bytes == 0 || bytes > PTRDIFF_MAX / 4) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return bytes == 0 ? -EINVAL : -ENOMEM;
    }
    bytes = ali_align_up(bytes, ali_os_page_bytes);
    ring->start = map(bytes, &error);
    if (ring->start == NULL)
        return fail(error, 2 * bytes);
    ring->bytes = bytes;
    return 0;
}

void allot_ring_release(allot_ring *ring)
{
    if (ring->start != NULL)
        (void)ali_os_unmap(ring->start, 2 * ring->bytes);
    *ring = (allot_ring){.start = NULL};
}

void allot_ring_reset(allot_ring *ring)
{
    *ring = (allot_ring){.start = ring->start, .bytes = ring->bytes};
}

ALI_COLD void allot_ring_blame(const allot_ring *ring, const char *call, size_t told_bytes,
                               size_t true_bytes)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_REGION,
                             .place = ALLOT_PLACE_LIVE_BLOCK,
                             .call = call,
                             .pointer = ring->start,
                             .block = ring->start,
                             .block_bytes = ring->bytes,
                             .told_bytes = told_bytes,
                             .true_bytes = true_bytes,
                             .detail = "more bytes than there are"};

    ali_report_misuse(&m, __builtin_return_address(0));
}

size_t allot_ring_write(allot_ring *ring, const void *data, size_t bytes)
{
    size_t room = allot_ring_writable(ring);

    bytes = ali_min(bytes, room);
    if (bytes != 0)
        memcpy(ring->start + ring->write_at, data, bytes);
    allot_ring_commit(ring, bytes);
    return bytes;
}

size_t allot_ring_read(allot_ring *ring, void *data, size_t bytes)
{
    size_t have = allot_ring_readable(ring);

    bytes = ali_min(bytes, have);
    if (bytes != 0)
        memcpy(data, ring->start + ring->read_at, bytes);
    allot_ring_consume(ring, bytes);
    return bytes;
}

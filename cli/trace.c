/* Reading trace files. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static bool map_file(struct trace_file *file, int fd)
{
    struct stat s;
    void *p;

    if (fstat(fd, &s) != 0)
        return false;
    file->size = (size_t)s.st_size;
    if (file->size == 0)
        return true;
    p = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return false;
    file->bytes = p;
    return true;
}

static bool header_is_good(struct trace_file *file)
{
    if (file->size < sizeof file->header)
        return false;
    memcpy(&file->header, file->bytes, sizeof file->header);
    return memcmp(file->header.magic, ALLOT_TRACE_MAGIC, sizeof file->header.magic) == 0 &&
           file->header.header_bytes >= sizeof file->header &&
           file->header.header_bytes <= file->size &&
           memchr(file->header.program, '\0', sizeof file->header.program) != NULL;
}

bool trace_open(struct trace_file *file, const char *verb, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good;

    memset(file, 0, sizeof *file);
    if (fd < 0) {
        complain(verb, "%s: %s", path, strerror(errno));
        return false;
    }
    good = map_file(file, fd);
    if (!good)
        complain(verb, "%s: %s", path, strerror(errno));
    close(fd);
    if (!good)
        return false;
    if (!header_is_good(file)) {
        complain(verb, "%s: is no trace (allot run --trace FILE PROGRAM writes one)", path);
        trace_close(file);
        return false;
    }
    trace_rewind(file);
    return true;
}

void trace_close(struct trace_file *file)
{
    if (file->bytes != NULL)
        munmap((void *)(uintptr_t)file->bytes, file->size);
    file->bytes = NULL;
}

void trace_rewind(struct trace_file *file)
{
    file->at = file->header.header_bytes;
    file->address = 0;
    file->thread = 0;
    file->ms = 0;
    file->cut = false;
}

/* False when the file ends before the number does. */
static bool take_varint(struct trace_file *file, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 64 && file->at < file->size; shift += 7) {
        uint8_t byte = file->bytes[file->at++];

        *v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static bool take_address(struct trace_file *file, uint64_t *address)
{
    uint64_t v, d;

    if (!take_varint(file, &v))
        return false;
    d = v >> 1;
    d = (d & ((UINT64_C(1) << 58) - 1)) << 4 | d >> 58;
    file->address += (v & 1) != 0 ? -d : d;
    *address = file->address;
    return true;
}

static bool take_allocation(struct trace_file *file, struct trace_record *r, uint8_t flags)
{
    uint64_t align = 4;

    if ((flags & ALLOT_TRACE_ALIGNED) != 0 && !take_varint(file, &align))
        return false;
    r->align_log2 = (uint8_t)align;
    r->zero = (flags & ALLOT_TRACE_ZERO) != 0;
    if (r->op == ALLOT_TRACE_REALLOC && !take_address(file, &r->before))
        return false;
    return align < 64 && take_varint(file, &r->size) && take_address(file, &r->address);
}

/* True: one record was read, *is_operation tells whether it is for the caller. */
static bool take_record(struct trace_file *file, struct trace_record *r, uint8_t byte,
                        bool *is_operation)
{
    uint64_t v;

    *is_operation = false;
    r->op = byte & ALLOT_TRACE_OP_BITS;
    switch (r->op) {
    case ALLOT_TRACE_THREAD:
        if (!take_varint(file, &v))
            return false;
        file->thread = (uint32_t)v;
        return true;
    case ALLOT_TRACE_TIME:
        if (!take_varint(file, &v))
            return false;
        file->ms += v;
        return true;
    case ALLOT_TRACE_FREE:
        *is_operation = true;
        return take_address(file, &r->address);
    case ALLOT_TRACE_ALLOC:
    case ALLOT_TRACE_REALLOC:
        *is_operation = true;
        return take_allocation(file, r, byte);
    case ALLOT_TRACE_END:
    default:
        return false;
    }
}

bool trace_next(struct trace_file *file, struct trace_record *r)
{
    bool is_operation = false;

    while (!is_operation) {
        memset(r, 0, sizeof *r);
        if (file->at >= file->size || file->bytes[file->at] == 0)
            return false;
        file->at++;
        if (!take_record(file, r, file->bytes[file->at - 1], &is_operation)) {
            file->cut = true;
            file->at = file->size;
            return false;
        }
    }
    r->thread = file->thread;
    r->ms = file->ms;
    return true;
}

/* The writer of trace files (allot/trace.h has the format).
 *
 *   file    | header | records ...                     | 0 0 0 0 0 |
 *                            |<------- window ------------------->|
 *                            page boundary    ^at                 ^end
 *
 * Records are written into a shared mapping of the file's end, so that a program that is killed
 * leaves all it has done. The space of a window is allocated before it is mapped: a full disk ends
 * the trace, not the program. One lock orders the records; it is held across the three system calls
 * that move the window, once in a window, because what comes next has nowhere to go until then.
 *
 * A child of fork shares the mapping: traces of another generation are not written. */
#include "core/core.h"

#include <errno.h>

/* As large as what was written so far, between these. */
#define WINDOW_BYTES_MIN (64 * ALI_KIB)
#define WINDOW_BYTES_MAX (4 * ALI_MIB)
#define RECORD_BYTES_MAX 64 /* THREAD, TIME and the longest operation */
#define TIME_EVERY 256      /* records between looks at the clock */

struct allot_trace {
    struct ali_lock lock;
    uint32_t generation;
    struct ali_os_kept file;
    uint8_t *window; /* NULL: the trace has ended */
    uint8_t *at, *end;
    uint64_t window_offset;
    uint64_t last_address, last_ms;
    uint32_t last_thread;
    uint32_t records;
    int error;
    struct allot_trace_header header;
};

static struct ali_pool trace_pool = ALI_POOL_INIT(sizeof(struct allot_trace));
static uint32_t generation; /* changed in a child only, while it has one thread */

/* Counted from 1; 0: none yet. */
static _Atomic(uint32_t) thread_count;
static _Thread_local uint32_t thread_number __attribute__((tls_model("initial-exec")));

static uint32_t this_thread(void)
{
    if (thread_number == 0)
        thread_number = atomic_fetch_add_explicit(&thread_count, 1, memory_order_relaxed) + 1;
    return thread_number;
}

/* --- the window ---------------------------------------------------------------------------- */

static uint64_t position(const struct allot_trace *t)
{
    return t->window_offset + (uint64_t)(t->at - t->window);
}

static void window_drop(struct allot_trace *t)
{
    if (t->window != NULL)
        ali_os_unmap(t->window, (size_t)(t->end - t->window));
    t->window = NULL;
}

/* Maps the file from the page of `to` on. */
static int window_move(struct allot_trace *t, uint64_t to)
{
    uint64_t offset = to & ~((uint64_t)ali_os_page_bytes - 1);
    size_t bytes = (size_t)ali_min(ali_max(offset, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX);
    int fd = ali_os_kept_fd(&t->file);
    int error = -EBADF;
    uint8_t *window = NULL;

    if (fd >= 0)
        window = ali_os_map_file(fd, offset, bytes, &error);
    window_drop(t);
    if (window == NULL) {
        t->error = error;
        return error;
    }
    t->window = window;
    t->window_offset = offset;
    t->at = window + (to - offset);
    t->end = window + bytes;
    return 0;
}

/* --- records ------------------------------------------------------------------------------- */

static void put_varint(struct allot_trace *t, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        *t->at++ = (uint8_t)(v | 128);
    *t->at++ = (uint8_t)v;
}

static void put_address(struct allot_trace *t, const void *p)
{
    uint64_t address = (uintptr_t)p;
    bool down = address < t->last_address;
    uint64_t d = down ? t->last_address - address : address - t->last_address;

    t->last_address = address;
    put_varint(t, (d >> 4 | (d & 15) << 58) << 1 | down);
}

static void put_thread_and_time(struct allot_trace *t)
{
    uint32_t thread = this_thread();

    if (thread != t->last_thread) {
        *t->at++ = ALLOT_TRACE_THREAD;
        put_varint(t, thread - 1);
        t->last_thread = thread;
    }
    if (t->records++ % TIME_EVERY == 0) {
        uint64_t now = ali_os_now_ms();

        *t->at++ = ALLOT_TRACE_TIME;
        put_varint(t, now - t->last_ms);
        t->last_ms = now;
    }
}

static void put_event(struct allot_trace *t, const struct allot_trace_event *e)
{
    bool allocates = e->op != ALLOT_TRACE_FREE;
    bool aligned = allocates && e->align > 16;

    *t->at++ = (uint8_t)((uint8_t)e->op | (allocates && e->zero ? ALLOT_TRACE_ZERO : 0) |
                         (aligned ? ALLOT_TRACE_ALIGNED : 0));
    if (aligned)
        put_varint(t, ali_low_bit(e->align));
    if (e->op == ALLOT_TRACE_REALLOC)
        put_address(t, e->before);
    if (allocates)
        put_varint(t, e->size);
    put_address(t, e->address);
}

allot_status allot_trace_write(allot_trace *t, const struct allot_trace_event *event)
{
    int error;

    if (t->generation != generation)
        return -EPERM;
    ali_lock(&t->lock);
    error = t->error;
    if (error == 0 && t->end - t->at < RECORD_BYTES_MAX)
        error = window_move(t, position(t));
    if (error == 0) {
        put_thread_and_time(t);
        put_event(t, event);
    }
    ali_unlock(&t->lock);
    return error;
}

/* --- life ---------------------------------------------------------------------------------- */

static void header_make(struct allot_trace_header *h)
{
    memset(h, 0, sizeof *h);
    memcpy(h->magic, ALLOT_TRACE_MAGIC, sizeof h->magic);
    h->header_bytes = sizeof *h;
    h->page_bytes = (uint32_t)ali_os_page_bytes;
    h->process_id = ali_os_process_id();
    ali_process_name(h->program, sizeof h->program);
}

static int trace_open(struct allot_trace *t, const char *path)
{
    int fd = ali_os_create_new(path);
    int error;

    if (fd < 0)
        return fd;
    ali_os_keep_fd(fd, &t->file);
    ali_os_close(fd);
    error = window_move(t, 0);
    if (error != 0) {
        ali_os_close(t->file.fd);
        return error;
    }
    header_make(&t->header);
    memcpy(t->at, &t->header, sizeof t->header);
    t->at += sizeof t->header;
    return 0;
}

allot_status allot_trace_create(allot_trace **trace, const char *path)
{
    struct allot_trace *t;
    int error;

    ali_os_init();
    *trace = NULL;
    t = ali_pool_take(&trace_pool);
    if (t == NULL)
        return -ENOMEM;
    memset(t, 0, sizeof *t);
    t->lock.rank = ALI_RANK_TRACE;
    t->generation = generation;
    t->last_ms = ali_os_now_ms();
    error = trace_open(t, path);
    if (error != 0)
        ali_pool_give(&trace_pool, t);
    else
        *trace = t;
    return error;
}

/* Cuts the file behind the last record and tells its length in the header. */
static void finish_locked(struct allot_trace *t)
{
    uint64_t length = position(t);
    int fd = ali_os_kept_fd(&t->file);

    if (window_move(t, 0) == 0) {
        t->header.record_bytes = length - sizeof t->header;
        memcpy(t->window, &t->header, sizeof t->header);
    }
    window_drop(t);
    if (fd >= 0)
        ali_os_cut_file(fd, length);
}

void ali_trace_finish(allot_trace *t)
{
    if (t->generation != generation)
        return;
    ali_lock(&t->lock);
    if (t->window != NULL)
        finish_locked(t);
    t->error = -EPIPE;
    ali_unlock(&t->lock);
}

void allot_trace_close(allot_trace *t)
{
    if (t == NULL)
        return;
    ali_trace_finish(t);
    window_drop(t);
    if (ali_os_kept_fd(&t->file) >= 0)
        ali_os_close(t->file.fd);
    ali_pool_give(&trace_pool, t);
}

void ali_trace_fork_child(void)
{
    generation++;
    ali_pool_fork_child(&trace_pool);
}

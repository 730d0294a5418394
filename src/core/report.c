/* Reports on misuse by the program: one record, one text, one way out.
 *
 * The text is made in a static buffer under report_lock (rank REPORT, taken last of all) and
 * written with one write, so that reports of several threads do not mix. The lock is held across
 * that write: nothing but another report ever waits for it. `inside` makes a report that arises
 * while this thread makes another one - in a handler, or in a signal that interrupts it - vanish.
 *
 * Refuses to know the heap: what the pointer is, when the heap knows, stands in the record. */
#include "core/report.h"

#include <errno.h>

#include "core/core.h"

#define TEXT_BYTES 8192
#define PROGRAM_BYTES 128

static struct ali_lock report_lock = ALI_LOCK_INIT(ALI_RANK_REPORT);
static char report_buffer[TEXT_BYTES];
static allot_misuse_handler report_handler;
static void *report_handler_arg;
static _Atomic(uint64_t) report_count;
static _Thread_local bool inside;

/* --- names --------------------------------------------------------------------------------- */

const char *ali_misuse_kind_name(enum allot_misuse_kind kind)
{
    static const char *const names[] = {
        [ALLOT_MISUSE_DOUBLE_FREE] = "double-free",
        [ALLOT_MISUSE_INVALID_FREE] = "invalid-free",
        [ALLOT_MISUSE_MISMATCHED_FREE] = "mismatched-free",
        [ALLOT_MISUSE_INVALID_REALLOC] = "invalid-realloc",
        [ALLOT_MISUSE_INVALID_USABLE_SIZE] = "invalid-usable-size",
        [ALLOT_MISUSE_SIZE_OVERFLOW] = "size-overflow",
        [ALLOT_MISUSE_HEAP_OVERFLOW] = "heap-overflow",
        [ALLOT_MISUSE_WRITE_AFTER_FREE] = "write-after-free",
        [ALLOT_MISUSE_INVALID_HEAP] = "invalid-heap",
        [ALLOT_MISUSE_STALE_MARK] = "stale-mark",
        [ALLOT_MISUSE_OUT_OF_ORDER] = "out-of-order",
        [ALLOT_MISUSE_WRONG_THREAD] = "wrong-thread",
        [ALLOT_MISUSE_INVALID_REGION] = "invalid-region",
    };

    if ((size_t)kind >= ALI_ARRAY_COUNT(names) || names[kind] == NULL)
        return "misuse";
    return names[kind];
}

/* --- text ---------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *base = path;

    for (const char *p = path; *p != '\0'; p++)
        if (*p == '/' && p[1] != '\0')
            base = p + 1;
    return base;
}

static void text_size(struct ali_text *t, size_t bytes)
{
    ali_text_u64(t, bytes);
    ali_text_str(t, " B");
}

/* "a freed 64 B block", or "16 B inside a freed 64 B block at 0x..." */
static void text_block(struct ali_text *t, const struct allot_misuse *m, const char *what)
{
    bool inner = m->block != NULL && m->pointer != m->block;

    if (inner) {
        size_t offset = (size_t)((const char *)m->pointer - (const char *)m->block);

        text_size(t, offset);
        ali_text_str(t, offset < m->block_bytes ? " inside " : " from the start of ");
    }
    ali_text_str(t, what);
    if (m->block_bytes != 0) {
        text_size(t, m->block_bytes);
        ali_text_char(t, ' ');
    }
    ali_text_str(t, "block");
    if (inner) {
        ali_text_str(t, " at ");
        ali_text_hex(t, (uintptr_t)m->block);
    }
}

static void text_named(struct ali_text *t, const char *before, const struct allot_misuse *m,
                       const char *after, const char *nameless)
{
    if (m->name[0] == '\0') {
        ali_text_str(t, nameless);
        return;
    }
    ali_text_str(t, before);
    ali_text_str(t, base_name(m->name));
    ali_text_str(t, after);
}

static void text_place(struct ali_text *t, const struct allot_misuse *m)
{
    switch (m->place) {
    case ALLOT_PLACE_LIVE_BLOCK:
        text_block(t, m, "a live ");
        return;
    case ALLOT_PLACE_FREED_BLOCK:
        text_block(t, m, "a freed ");
        return;
    case ALLOT_PLACE_UNISSUED_BLOCK:
        ali_text_str(t, "memory that the heap never handed out");
        return;
    case ALLOT_PLACE_HEAP_GAP:
        ali_text_str(t, "the heap, but no block of it");
        return;
    case ALLOT_PLACE_DESTROYED_HEAP:
        ali_text_str(t, "memory of a heap object that was destroyed");
        return;
    case ALLOT_PLACE_STACK:
        ali_text_str(t, "the stack");
        return;
    case ALLOT_PLACE_STATIC:
        text_named(t, "code or static data of ", m, "", "code or static data");
        return;
    case ALLOT_PLACE_FOREIGN_MAPPING:
        text_named(t, "a mapping that is not the heap's (", m, ")",
                   "a mapping that is not the heap's");
        return;
    case ALLOT_PLACE_UNMAPPED:
        ali_text_str(t, "no memory: nothing is mapped there");
        return;
    case ALLOT_PLACE_UNKNOWN:
        break;
    }
    ali_text_str(t, "memory that is not the heap's");
}

/* "allot: double-free: free(0x7f...) by ./prog (pid 12)" */
static void text_headline(struct ali_text *t, const struct allot_misuse *m)
{
    char program[PROGRAM_BYTES];

    ali_text_str(t, "allot: ");
    ali_text_str(t, ali_misuse_kind_name(m->kind));
    ali_text_str(t, ": ");
    ali_text_str(t, m->call != NULL ? m->call : "free");
    ali_text_char(t, '(');
    if (m->kind != ALLOT_MISUSE_SIZE_OVERFLOW)
        ali_text_hex(t, (uintptr_t)m->pointer);
    ali_text_str(t, ") by ");
    ali_text_str(t, ali_os_read_file("/proc/self/cmdline", program, sizeof program) > 0
                        ? program
                        : "this program");
    ali_text_str(t, " (pid ");
    ali_text_u64(t, ali_os_process_id());
    ali_text_str(t, ")\n");
}

static void text_expectation(struct ali_text *t, const struct allot_misuse *m)
{
    bool sizes = m->told_bytes != 0 || m->true_bytes != 0;

    if (m->detail == NULL && !sizes)
        return;
    ali_text_str(t, "  because    ");
    if (m->detail != NULL)
        ali_text_str(t, m->detail);
    if (sizes) {
        ali_text_str(t, m->detail != NULL ? ": the call was given " : "the call was given ");
        ali_text_u64(t, m->told_bytes);
        ali_text_str(t, ", expected ");
        ali_text_u64(t, m->true_bytes);
    }
    ali_text_char(t, '\n');
}

void ali_report_frames_text(struct ali_text *t, const uintptr_t *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char module[PROGRAM_BYTES];
        uintptr_t base;

        ali_text_str(t, "    #");
        ali_text_u64(t, i);
        ali_text_char(t, ' ');
        ali_text_hex(t, frames[i]);
        /* The address returned to may be the first of another function: the call is before it. */
        if (ali_os_module((const void *)(frames[i] - 1), module, sizeof module, &base)) {
            ali_text_char(t, ' ');
            ali_text_str(t, base_name(module));
            ali_text_char(t, '+');
            ali_text_hex(t, frames[i] - base);
        }
        ali_text_char(t, '\n');
    }
}

static void text_record(struct ali_text *t, const struct allot_misuse *m)
{
    text_headline(t, m);
    if (m->kind != ALLOT_MISUSE_SIZE_OVERFLOW) {
        ali_text_str(t, "  points to  ");
        text_place(t, m);
        ali_text_char(t, '\n');
    }
    if (m->heap != NULL && m->heap[0] != '\0') {
        ali_text_str(t, "  of heap    ");
        ali_text_str(t, m->heap);
        ali_text_char(t, '\n');
    }
    text_expectation(t, m);
    if (m->frame_count > 0)
        ali_text_str(t, "  called from\n");
    ali_report_frames_text(t, m->frames, m->frame_count);
}

size_t allot_misuse_text(const struct allot_misuse *misuse, char *buffer, size_t bytes)
{
    struct ali_text t;

    ali_text_init(&t, buffer, bytes);
    text_record(&t, misuse);
    return ali_text_length(&t);
}

/* --- filling in ---------------------------------------------------------------------------- */

static void fill_place(struct allot_misuse *m)
{
    if (m->place != ALLOT_PLACE_UNKNOWN || m->kind == ALLOT_MISUSE_SIZE_OVERFLOW)
        return;
    switch (ali_os_locate(m->pointer, m->name, sizeof m->name)) {
    case ALI_OS_UNMAPPED:
        m->place = ALLOT_PLACE_UNMAPPED;
        break;
    case ALI_OS_STACK:
        m->place = ALLOT_PLACE_STACK;
        break;
    case ALI_OS_STATIC:
        m->place = ALLOT_PLACE_STATIC;
        break;
    case ALI_OS_BRK:
    case ALI_OS_FILE:
    case ALI_OS_ANON:
        m->place = ALLOT_PLACE_FOREIGN_MAPPING;
        break;
    case ALI_OS_UNKNOWN:
        break;
    }
}

static bool same_module(const void *a, const void *b)
{
    char name[8];
    uintptr_t base_a, base_b;

    return ali_os_module(a, name, sizeof name, &base_a) &&
           ali_os_module(b, name, sizeof name, &base_b) && base_a == base_b;
}

/* The caller of the public call comes first. A walk that does not meet it went over our own frames
 * by the frame pointers of others: then what is ours is dropped and the caller put in front. */
size_t ali_report_frames(uintptr_t *frames, size_t max, const void *caller)
{
    size_t found = ali_os_backtrace(frames, max);
    size_t from = 0;

    while (from < found && frames[from] != (uintptr_t)caller)
        from++;
    if (from < found) {
        memmove(frames, frames + from, (found - from) * sizeof frames[0]);
        return found - from;
    }
    for (from = 0; from < found; from++)
        if (!same_module((const void *)frames[from], (const void *)ali_report_misuse))
            break;
    found = ali_min(found - from, max - 1);
    memmove(frames + 1, frames + from, found * sizeof frames[0]);
    frames[0] = (uintptr_t)caller;
    return found + 1;
}

/* --- the way out --------------------------------------------------------------------------- */

static void write_report(const struct allot_misuse *m)
{
    struct ali_text t;

    ali_lock(&report_lock);
    ali_text_init(&t, report_buffer, sizeof report_buffer);
    text_record(&t, m);
    ali_text_str(&t, ali_options.misuse == ALI_MISUSE_REPORT
                         ? "  the call had no effect; the program goes on\n"
                         : "  run with ALLOT=misuse=report to go on\n");
    ali_os_write(2, t.start, ali_text_length(&t));
    ali_unlock(&report_lock);
}

static bool take_handler(allot_misuse_handler *handler, void **arg)
{
    ali_lock(&report_lock);
    *handler = report_handler;
    *arg = report_handler_arg;
    ali_unlock(&report_lock);
    return *handler != NULL;
}

static void report(struct allot_misuse *m, const void *caller)
{
    allot_misuse_handler handler;
    void *arg;
    bool handled = take_handler(&handler, &arg);

    if (!handled && m->kind == ALLOT_MISUSE_SIZE_OVERFLOW)
        return;
    atomic_fetch_add_explicit(&report_count, 1, memory_order_relaxed);
    fill_place(m);
    m->frame_count = ali_report_frames(m->frames, ALI_ARRAY_COUNT(m->frames), caller);
    if (handled) {
        handler(m, arg);
        return;
    }
    write_report(m);
    if (ali_options.misuse == ALI_MISUSE_ABORT)
        ali_os_abort();
}

void ali_report_misuse(struct allot_misuse *m, const void *caller)
{
    int saved = errno;

    if (inside)
        return;
    inside = true;
    report(m, caller);
    inside = false;
    errno = saved;
}

void allot_set_misuse_handler(allot_misuse_handler handler, void *arg)
{
    bool was_inside = inside;

    inside = true;
    ali_lock(&report_lock);
    report_handler = handler;
    report_handler_arg = arg;
    ali_unlock(&report_lock);
    inside = was_inside;
}

uint64_t ali_misuse_count(void)
{
    return atomic_load_explicit(&report_count, memory_order_relaxed);
}

void ali_report_fork_child(void)
{
    ali_lock_reset(&report_lock);
}

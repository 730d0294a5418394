/* Streams of stack operations against a list of what was pushed and marked, in that order; and of
 * frames against what each of them got.
 *
 * Under AddressSanitizer every call takes the slow path; streams with UNCHECKED turn that off, and
 * go the way of an ordinary run. */
#include "region/stack.h"
#include "regions.h"

enum { ENTRIES = 512, MARKS = 32, BUFFER_BYTES = 4000, SIZE_MAX_HERE = 3000 };

enum mode {
    FIXED = 1,
    ROLLBACK = 2,
    BUFFERED = 4,
    LIMITED = 8,
    UNCHECKED = 16,
    FRAMES = 32,
};

/* An object, or a mark (p NULL). An object that was freed out of order keeps its place. */
struct entry {
    struct fuzz_object object;
    bool is_freed;
    uint64_t mark; /* its id; of an object of frames: the frame */
};

static struct {
    allot_stack stack;
    struct counted source;
    unsigned mode;
    struct entry entries[ENTRIES];
    size_t count;
    size_t live;
    allot_stack_mark marks[MARKS];
    void *gone; /* was popped */
} m;
static _Alignas(64) char buffer[BUFFER_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct allot_stack_options choose(struct fuzz_input *in)
{
    unsigned shape = fuzz_byte(in);
    struct allot_stack_options o = {.source = &m.source.base, .name = "fuzz"};

    o.flags =
        (m.mode & FIXED ? ALLOT_STACK_FIXED : 0) | (m.mode & ROLLBACK ? ALLOT_STACK_ROLLBACK : 0);
    if (m.mode & (BUFFERED | FIXED)) {
        o.buffer = buffer + (shape & 7);
        o.buffer_bytes = sizeof buffer - 8;
    }
    if (m.mode & LIMITED)
        o.limit_bytes = 20000;
    o.chunk_bytes = (size_t)(shape >> 3) * 64;
    return o;
}

/* --- the list ----------------------------------------------------------------------------- */

static struct entry *last_live(void)
{
    for (size_t i = m.count; i > 0; i--)
        if (m.entries[i - 1].object.p != NULL && !m.entries[i - 1].is_freed)
            return &m.entries[i - 1];
    return NULL;
}

static struct entry *some_live(unsigned choice)
{
    for (size_t i = 0; i < m.count; i++) {
        struct entry *e = &m.entries[(choice + i) % m.count];

        if (e->object.p != NULL && !e->is_freed)
            return e;
    }
    return NULL;
}

/* The list ends in front of e. */
static void cut(const struct entry *e)
{
    while (m.count > (size_t)(e - m.entries)) {
        const struct entry *last = &m.entries[--m.count];

        m.live -= last->object.p != NULL && !last->is_freed;
    }
}

static void add(unsigned char *p, size_t size)
{
    struct entry *e = &m.entries[m.count++];

    *e = (struct entry){.object = {.p = p, .size = size}};
    fuzz_fill(&e->object);
    m.live++;
}

/* --- operations --------------------------------------------------------------------------- */

static bool is_excused(size_t calls)
{
    return (m.mode & (FIXED | LIMITED)) ||
           (m.source.fail_nth > calls && m.source.fail_nth <= m.source.calls);
}

static void push(size_t size, unsigned log_align, bool through_base)
{
    size_t align = (size_t)1 << log_align;
    size_t calls = m.source.calls;
    unsigned char *p;

    if (m.count == ENTRIES)
        return;
    size += through_base && size == 0;
    p = through_base ? allot_new_how(&m.stack.base, size, ALLOT_ALIGN(align))
                     : allot_stack_push_aligned(&m.stack, size, align);
    if (p == NULL) {
        fuzz_require(is_excused(calls), "no memory for no reason");
        return;
    }
    fuzz_require((uintptr_t)p % align == 0, "a wrong alignment");
    fuzz_require(allot_stack_owns(&m.stack, p), "an object that the stack does not own");
    add(p, size);
}

static void pop_last(void)
{
    struct entry *e = last_live();

    if (e == NULL)
        return;
    fuzz_require_filled(&e->object);
    m.gone = e->object.p;
    allot_stack_pop(&m.stack, e->object.p);
    cut(e);
}

static void pop_any(unsigned choice, bool through_base)
{
    struct entry *e = m.count != 0 ? some_live(choice) : NULL;

    if (e == NULL || e == last_live()) {
        pop_last();
        return;
    }
    fuzz_require_filled(&e->object);
    if (through_base)
        allot_delete(&m.stack.base, e->object.p, e->object.size);
    else
        allot_stack_pop(&m.stack, e->object.p);
    if (!through_base && !(m.mode & ROLLBACK)) {
        fuzz_require_told(ALLOT_MISUSE_OUT_OF_ORDER, ALLOT_MISUSE_OUT_OF_ORDER);
        return;
    }
    m.live--;
    e->is_freed = true;
}

static bool is_live(const void *p)
{
    for (size_t i = 0; i < m.count; i++)
        if (m.entries[i].object.p == p && !m.entries[i].is_freed)
            return true;
    return false;
}

static void pop_wrong(unsigned choice)
{
    const struct entry *e = m.count != 0 ? some_live(choice) : NULL;
    char foreign;

    if (m.gone != NULL && !is_live(m.gone)) {
        allot_stack_pop(&m.stack, m.gone);
        fuzz_require_told(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_MISUSE_INVALID_FREE);
    }
    if (e != NULL && e->object.size > 1) {
        allot_stack_pop(&m.stack, e->object.p + 1 + choice % (e->object.size - 1));
        fuzz_require_told(ALLOT_MISUSE_INVALID_FREE, ALLOT_MISUSE_INVALID_FREE);
    }
    allot_stack_pop(&m.stack, &foreign);
    fuzz_require_told(ALLOT_MISUSE_INVALID_FREE, ALLOT_MISUSE_INVALID_FREE);
}

static void resize(unsigned choice, size_t size)
{
    struct entry *e = m.count != 0 ? some_live(choice) : NULL;
    struct fuzz_object *o;

    if (e == NULL || size == 0 || e->object.size == 0)
        return;
    o = &e->object;
    if (!allot_try_resize(&m.stack.base, o->p, o->size, size)) {
        fuzz_require(size > o->size, "could not be made smaller");
        return;
    }
    o->size = size < o->size ? size : o->size;
    fuzz_require_filled(o);
    o->size = size;
    fuzz_fill(o);
}

/* May move: then it is the last one, and its old place is as if freed. */
static void resize_or_move(unsigned choice, size_t size)
{
    struct entry *e = m.count != 0 ? some_live(choice) : NULL;
    size_t calls = m.source.calls;
    struct fuzz_object kept;
    void *p;

    if (e == NULL || size == 0 || e->object.size == 0 || m.count == ENTRIES)
        return;
    p = e->object.p;
    if (allot_resize(&m.stack.base, &p, e->object.size, size) != 0) {
        fuzz_require(is_excused(calls), "no memory for no reason");
        return;
    }
    kept = e->object;
    kept.p = p;
    kept.size = size < kept.size ? size : kept.size;
    fuzz_require_filled(&kept);
    if (p == e->object.p) {
        e->object.size = size;
        fuzz_fill(&e->object);
        return;
    }
    e->is_freed = true;
    m.live--;
    add(p, size);
}

/* --- marks -------------------------------------------------------------------------------- */

static struct entry *entry_of_mark(unsigned i)
{
    for (size_t k = 0; k < m.count; k++)
        if (m.entries[k].object.p == NULL && m.entries[k].mark == m.marks[i].id)
            return &m.entries[k];
    return NULL;
}

/* Marks of one place are one mark. */
static void mark(unsigned i)
{
    size_t calls = m.source.calls;

    if (m.count == ENTRIES)
        return;
    m.marks[i] = allot_stack_mark_get(&m.stack);
    if (m.marks[i].id == 0)
        fuzz_require(is_excused(calls), "no mark for no reason");
    else if (entry_of_mark(i) == NULL)
        m.entries[m.count++] = (struct entry){.mark = m.marks[i].id};
}

/* When something below a mark was freed out of order, it depends on what else was popped whether
 * that was done with, and the mark with it: both are right. */
static bool is_certain(const struct entry *e)
{
    while (e-- > m.entries)
        if (e->is_freed)
            return false;
    return true;
}

static void rewind_to(unsigned i)
{
    struct entry *e = entry_of_mark(i);
    bool good = allot_stack_rewind(&m.stack, m.marks[i]) == 0;

    if (!good)
        fuzz_require_told(ALLOT_MISUSE_STALE_MARK, ALLOT_MISUSE_STALE_MARK);
    fuzz_require(!good || e != NULL, "a stale mark was obeyed");
    fuzz_require(good || e == NULL || !is_certain(e), "a good mark was refused");
    if (good)
        cut(e + 1);
}

/* --- looking ------------------------------------------------------------------------------ */

static bool count_one(void *object, size_t bytes, void *arg)
{
    size_t *count = arg;

    (void)bytes;
    fuzz_require(is_live(object), "an object was visited that is not live");
    ++*count;
    return true;
}

static void look(void)
{
    size_t count = 0;

    fuzz_require(allot_stack_visit(&m.stack, count_one, &count) && count == m.live,
                 "not all were visited");
    for (size_t i = 0; i < m.count; i++)
        if (m.entries[i].object.p != NULL && !m.entries[i].is_freed)
            fuzz_require_filled(&m.entries[i].object);
}

static void require_counts(void)
{
    struct allot_stack_stats s;

    allot_stack_stats_get(&m.stack, &s);
    fuzz_require(s.live_objects == m.live, "another count of live objects");
    fuzz_require(allot_stack_audit(&m.stack) == 0, "the stack is inconsistent");
    fuzz_require(fuzz_told.count == 0, "misuse where there is none");
}

static void apply(struct fuzz_input *in)
{
    unsigned kind = fuzz_byte(in);
    unsigned detail = fuzz_byte(in);

    switch (kind % 16) {
    case 0:
    case 1:
    case 2:
        push(detail, 4, false);
        break;
    case 3:
        push(fuzz_word(in) % SIZE_MAX_HERE, detail % 9, false);
        break;
    case 4:
        push(fuzz_word(in) % SIZE_MAX_HERE, detail % 9, true);
        break;
    case 5:
    case 6:
    case 7:
        pop_last();
        break;
    case 8:
        pop_any(detail, kind & 16);
        break;
    case 9:
        pop_wrong(detail);
        break;
    case 10:
        mark(detail % MARKS);
        break;
    case 11:
        rewind_to(detail % MARKS);
        break;
    case 12:
        resize(detail, fuzz_word(in) % SIZE_MAX_HERE);
        break;
    case 13:
        resize_or_move(detail, fuzz_word(in) % SIZE_MAX_HERE);
        break;
    case 14:
        m.source.fail_nth = m.source.calls + 1 + detail % 4;
        break;
    default:
        look();
        if (detail == 1)
            (void)allot_stack_trim(&m.stack);
        if (detail != 0)
            break;
        allot_stack_reset(&m.stack);
        m.count = m.live = 0;
    }
    require_counts();
}

/* --- frames ------------------------------------------------------------------------------- */

static void run_frames(struct fuzz_input *in, const struct allot_stack_options *options)
{
    struct entry *e = m.entries;
    size_t count = 2 + fuzz_byte(in) % (ALLOT_FRAMES_MAX - 1);
    allot_frames frames;
    uint64_t frame = 0;
    size_t n = 0;

    if (allot_frames_init(&frames, count, options) != 0)
        return;
    while (in->left != 0) {
        unsigned kind = fuzz_byte(in);
        size_t size = kind & 16 ? fuzz_word(in) % SIZE_MAX_HERE : fuzz_byte(in);
        size_t kept = 0;

        if (kind % 16 == 0)
            fuzz_require(allot_frames_next(&frames) == ++frame, "a wrong number of frame");
        for (size_t i = 0; i < n; i++)
            if (e[i].mark + count > frame)
                e[kept++] = e[i];
        n = kept;
        if (kind % 16 != 0 && n < ENTRIES) {
            unsigned char *p = allot_frames_alloc(&frames, size);

            if (p == NULL)
                fuzz_require(is_excused(0), "no memory for no reason");
            else
                e[n++] = (struct entry){.object = {.p = p, .size = size}, .mark = frame};
            if (p != NULL)
                fuzz_fill(&e[n - 1].object);
        }
        for (size_t i = 0; i < n; i++)
            fuzz_require_filled(&e[i].object);
    }
    allot_frames_release(&frames);
}

/* --- a stream ----------------------------------------------------------------------------- */

static void run_stack(struct fuzz_input *in, const struct allot_stack_options *options)
{
    if (allot_stack_init(&m.stack, options) != 0)
        return; /* the buffer has no room for an object */
    if ((m.mode & UNCHECKED) && options->buffer == NULL)
        m.stack.own->has_checker = false;
    while (in->left != 0)
        apply(in);
    look();
    allot_stack_release(&m.stack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fuzz_input in = {data, bytes};
    struct allot_stack_options options;

    memset(&m, 0, sizeof m);
    m.mode = fuzz_byte(&in);
    m.source = (struct counted)COUNTED_INIT;
    fuzz_start_misuse();
    options = choose(&in);
    if (m.mode & FRAMES)
        run_frames(&in, &options);
    else
        run_stack(&in, &options);
    ali_os_allow(buffer, sizeof buffer, true);
    fuzz_require(m.source.live_blocks == 0, "the stack kept memory");
    fuzz_require(fuzz_told.count == 0, "misuse where there is none");
    return 0;
}

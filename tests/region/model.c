/* See model.h. Every byte of every object is a pattern of the object's own, and looked at whenever
 * something is taken back, and now and then. */
#include "region/model.h"

#include "core/core.h"
#include "core/observe.h"

static struct model *current; /* whose cleanups run; streams run one after the other */

static bool wrong(struct model *m, const char *what)
{
    if (m->error == NULL)
        m->error = what;
    return false;
}

/* --- objects ------------------------------------------------------------------------------- */

static bool is_intact(const struct model_object *o)
{
    for (size_t i = 0; i < o->size; i++)
        if (o->p[i] != o->pattern)
            return false;
    return true;
}

static bool are_intact(struct model *m, size_t from)
{
    for (size_t i = from; i < m->object_count; i++)
        if (!is_intact(&m->objects[i]))
            return wrong(m, "an object was overwritten");
    return true;
}

static bool all_intact(struct model *m)
{
    return are_intact(m, 0);
}

/* The newest always, the others now and then. */
static bool some_intact(struct model *m)
{
    bool all = ++m->looks % 16 == 0;

    return are_intact(m, all || m->object_count < 20 ? 0 : m->object_count - 20);
}

static void fill(struct model_object *o)
{
    memset(o->p, o->pattern, o->size);
}

static bool add(struct model *m, void *p, size_t size, size_t align, bool packed)
{
    struct model_object *o = &m->objects[m->object_count];

    if (p == NULL)
        return true; /* limits are set and the source refuses: that has tests of its own */
    if (!ali_is_aligned(p, align))
        return wrong(m, "misaligned");
    if (!allot_arena_owns(&m->arena, p))
        return wrong(m, "the arena does not own what it gave");
    if (m->object_count > 0 && !packed)
        for (size_t i = m->object_count; i-- > 0 && i + 8 > m->object_count;)
            m->objects[i].last = false;
    *o = (struct model_object){p, size, ++m->next_pattern, !packed};
    fill(o);
    m->object_count++;
    return true;
}

static bool is_zero(const unsigned char *p, size_t size)
{
    for (size_t i = 0; p != NULL && i < size; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static size_t size_of(const struct model_op *op)
{
    size_t size = op->size;

    switch (op->detail & 7) {
    case 0:
        return size & 0x3fff; /* up to a chunk */
    case 1:
        return (size_t)op->size * 4; /* oversize, too */
    default:
        return size & 255;
    }
}

static bool push(struct model *m, const struct model_op *op)
{
    allot_arena *a = &m->arena;
    size_t size = size_of(op), align = (size_t)1 << (op->detail >> 4);
    void *p;

    switch (op->kind % 6) {
    case 0:
        return add(m, allot_arena_push_bytes(a, size), size, 1, true);
    case 1:
        p = allot_arena_push_zero(a, size);
        return is_zero(p, size) ? add(m, p, size, 16, false) : wrong(m, "not zero");
    case 2:
        return add(m, allot_arena_push_aligned(a, size, align), size, align, false);
    case 3:
        p = allot_new_how(&a->base, size, ALLOT_ALIGN(align) | ALLOT_ZERO);
        return is_zero(p, size) ? add(m, p, size, align, false) : wrong(m, "not zero");
    default:
        return add(m, allot_arena_push(a, size), size, 16, false);
    }
}

static struct model_object *last_object(struct model *m)
{
    return m->object_count > 0 ? &m->objects[m->object_count - 1] : NULL;
}

static bool resize(struct model *m, const struct model_op *op)
{
    struct model_object *o = last_object(m);
    size_t size = size_of(op), old;

    if (o == NULL || !o->last || o->size == 0)
        return true;
    old = o->size;
    if (!allot_arena_resize_last(&m->arena, o->p, old, size))
        return true;
    o->size = ali_min(old, size);
    if (!is_intact(o))
        return wrong(m, "resizing lost the content");
    o->size = size;
    fill(o);
    return some_intact(m);
}

static bool free_last(struct model *m)
{
    struct model_object *o = last_object(m);

    if (o == NULL || !o->last ||
        (m->mark_count > 0 && m->marks[m->mark_count - 1].object_count == m->object_count))
        return true;
    allot_delete(&m->arena.base, o->p, o->size);
    m->object_count--;
    for (size_t i = 0; i < m->mark_count; i++)
        if (m->marks[i].object_count > m->object_count)
            m->marks[i].object_count = m->object_count;
    return some_intact(m);
}

/* --- marks --------------------------------------------------------------------------------- */

static void count_cleanup(void *arg)
{
    size_t number = (size_t)(uintptr_t)arg;

    if (number != --current->cleanup_count)
        (void)wrong(current, "cleanups run out of order");
}

static bool register_cleanup(struct model *m)
{
    if (m->cleanup_count < MODEL_CLEANUPS &&
        allot_arena_cleanup(&m->arena, count_cleanup, (void *)(uintptr_t)m->cleanup_count) == 0)
        m->cleanup_count++;
    return true;
}

static bool take_mark(struct model *m)
{
    struct model_mark *mark = &m->marks[m->mark_count];

    if (m->mark_count == MODEL_MARKS)
        return true;
    mark->mark = allot_arena_mark_get(&m->arena);
    mark->object_count = m->object_count;
    mark->cleanup_count = m->cleanup_count;
    mark->stale = false;
    m->mark_count++;
    return true;
}

/* Marks taken later and above are stale from now on. */
static void make_stale(struct model *m, size_t at)
{
    for (size_t i = 0; i < m->mark_count; i++)
        if (m->marks[i].mark.position > m->marks[at].mark.position)
            m->marks[i].stale = true;
}

/* Where memory is limited a good mark may count as stale: see mark.c. */
static bool is_exact(const struct model *m)
{
    return (m->mode & (MODEL_LIMIT | MODEL_REFUSE | MODEL_RESERVE)) == 0;
}

static bool rewind_to(struct model *m, size_t at)
{
    struct model_mark *mark = &m->marks[at];
    unsigned misuses = m->misuses;
    allot_status status;

    status = allot_arena_rewind(&m->arena, &mark->mark);
    if (mark->stale)
        return status != 0 && m->misuses == misuses + 1 ? true
                                                        : wrong(m, "a stale mark was accepted");
    if (status != 0 && m->misuses == misuses + 1 && !is_exact(m))
        return true;
    if (status != 0 || m->misuses != misuses)
        return wrong(m, "a good mark was refused");
    make_stale(m, at);
    if (m->cleanup_count != mark->cleanup_count)
        return wrong(m, "not all cleanups were run, or too many");
    m->object_count = mark->object_count;
    return some_intact(m);
}

/* Stale marks stay a while, to be tried; the oldest half goes when there is no room. */
static bool rewind_some(struct model *m, const struct model_op *op)
{
    bool good;

    if (m->mark_count == 0)
        return true;
    good = rewind_to(m, m->mark_count - 1 - op->size % m->mark_count);
    while (m->mark_count > MODEL_MARKS / 2 && m->marks[m->mark_count - 1].stale)
        m->mark_count--;
    return good;
}

static bool reset(struct model *m, const struct model_op *op)
{
    static const size_t keep[] = {ALLOT_KEEP_ALL, ALLOT_KEEP_NONE, ALLOT_KEEP_LARGEST, 30000};

    if (op->detail & 4)
        (void)allot_arena_trim(&m->arena);
    if (op->size % 8 != 0)
        return some_intact(m);
    if (!some_intact(m) || allot_arena_reset(&m->arena, keep[op->detail & 3]) != 0)
        return wrong(m, "reset");
    m->object_count = 0;
    for (size_t i = 0; i < m->mark_count; i++)
        m->marks[i].stale = true;
    return m->cleanup_count == 0 ? true : wrong(m, "reset left cleanups");
}

/* --- arenas into arenas -------------------------------------------------------------------- */

static bool adopt(struct model *m, const struct model_op *op)
{
    const struct allot_arena_options options = {.source = &m->source.base, .chunk_bytes = 512};
    unsigned char *p[3];
    size_t size = size_of(op);
    allot_arena other;
    bool good = true, adopted;

    if (allot_arena_init(&other, &options) != 0)
        return wrong(m, "init");
    for (int i = 0; i < 3; i++)
        p[i] = i == 1 ? allot_arena_push_bytes(&other, size) : allot_arena_push(&other, size);
    adopted = allot_arena_merge(&m->arena, &other) == 0;
    for (int i = 0; i < 3 && adopted; i++)
        good = good && add(m, p[i], size, 1, true);
    if (!adopted)
        allot_arena_release(&other);
    for (size_t i = 0; i < m->object_count; i++)
        m->objects[i].last = false;
    return good && some_intact(m);
}

static bool child(struct model *m, const struct model_op *op)
{
    const struct allot_arena_options options = {.source = &m->source.base, .chunk_bytes = 512};
    allot_arena *c = allot_arena_child(&m->arena, &options);
    unsigned char *p;

    for (size_t i = 0; i < m->object_count; i++)
        m->objects[i].last = false;
    if (c == NULL)
        return true;
    p = allot_arena_push(c, 100);
    if (p != NULL)
        memset(p, 1, 100);
    if (op->detail & 1)
        allot_arena_release(c);
    return some_intact(m);
}

/* --- watchers ------------------------------------------------------------------------------ */

static void hear(const struct ali_event *event, void *arg)
{
    (void)event, (void)arg;
}

static const struct ali_observer all = {.allocated = hear, .freed = hear};
static const struct ali_observer some = {.allocated = hear, .freed = hear, .mean_bytes = 700};

static bool watch(const struct model_op *op)
{
    (void)ali_observe(NULL);
    ali_options.regions = ALI_REGIONS_CHUNKED;
    if (op->size & 1)
        return true;
    switch (op->detail & 3) {
    case 0:
        (void)ali_observe(&all);
        return true;
    case 1:
        ali_options.regions = ALI_REGIONS_INDIVIDUAL;
        return true;
    default:
        (void)ali_observe(&some);
        return true;
    }
}

/* --- streams ------------------------------------------------------------------------------- */

static void note_misuse(const struct allot_misuse *misuse, void *arg)
{
    (void)misuse;
    ((struct model *)arg)->misuses++;
}

bool model_start(struct model *m, unsigned mode)
{
    _Alignas(16) static char buffer[5000];
    struct allot_arena_options options = {.chunk_bytes = 1024, .chunk_max_bytes = 32768};

    memset(m, 0, sizeof *m);
    current = m;
    m->mode = mode;
    m->source = (struct counted)COUNTED_INIT;
    options.source = &m->source.base;
    if (mode & MODEL_BUFFER) {
        options.buffer = buffer;
        options.buffer_bytes = sizeof buffer;
    }
    if (mode & MODEL_RESERVE)
        options.reserve_bytes = 2 * ALI_MIB;
    if (mode & MODEL_LIMIT)
        options.limit_bytes = 200000;
    allot_set_misuse_handler(note_misuse, m);
    return allot_arena_init(&m->arena, &options) == 0 ? true : wrong(m, "init");
}

bool model_apply(struct model *m, const struct model_op *op)
{
    if (m->error != NULL)
        return false;
    if ((m->mode & MODEL_REFUSE) && op->detail % 5 == 0)
        m->source.fail_nth = m->source.calls + 1;
    if (m->object_count + 4 > MODEL_OBJECTS)
        return reset(m, &(struct model_op){0});
    switch (op->kind % 32) {
    case 0:
    case 1:
        return take_mark(m);
    case 2:
    case 3:
        return rewind_some(m, op);
    case 4:
        return reset(m, op);
    case 5:
    case 6:
        return resize(m, op);
    case 7:
        return free_last(m);
    case 8:
        for (size_t i = 0; i < m->object_count; i++)
            m->objects[i].last = false;
        return register_cleanup(m);
    case 9:
        return adopt(m, op);
    case 10:
        return child(m, op);
    case 11:
        return watch(op);
    default:
        return push(m, op);
    }
}

bool model_end(struct model *m)
{
    bool good = all_intact(m);

    m->source.fail_nth = 0;
    allot_arena_release(&m->arena);
    (void)ali_observe(NULL);
    ali_options.regions = ALI_REGIONS_CHUNKED;
    allot_set_misuse_handler(NULL, NULL);
    if (good && m->source.live_blocks != 0)
        return wrong(m, "blocks were lost");
    if (good && m->cleanup_count != 0)
        return wrong(m, "release left cleanups");
    return good && m->error == NULL;
}

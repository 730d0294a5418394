/* Streams of pool operations against a table of what is live.
 *
 * Under AddressSanitizer every call of a pool takes the slow path, so that memory can be forbidden;
 * streams with UNCHECKED turn that off, and go the way of an ordinary run. */
#include "region/pool.h"
#include "regions.h"

enum { SLOTS = 512, GONE = 64, BULK = 100, BUFFER_BYTES = 6000 };

/* What kind of pool: the first byte. */
enum mode {
    FIXED = 1,
    SHARED = 2,
    CACHED = 4,
    CAPPED = 8,
    CONSTRUCTED = 16,
    BUFFERED = 32,
    UNCHECKED = 64,
    SMALL_CHUNKS = 128,
};

static struct {
    allot_pool pool;
    struct counted source;
    unsigned mode;
    size_t object_bytes;
    size_t cap;      /* 0: none */
    size_t capacity; /* of a fixed one, once it is known */
    struct fuzz_object slots[SLOTS];
    size_t live;
    void *gone[GONE]; /* were put once */
    size_t constructed;
    bool construct_fails;
} m;
static _Alignas(64) char buffer[BUFFER_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static allot_status construct(void *object, void *arg)
{
    (void)arg;
    if (m.construct_fails)
        return -1;
    memset(object, 0x11, m.object_bytes);
    m.constructed++;
    return 0;
}

static void destroy(void *object, void *arg)
{
    (void)arg;
    (void)object;
    fuzz_require(m.constructed-- != 0, "more were destroyed than constructed");
}

/* --- making ------------------------------------------------------------------------------- */

static struct allot_pool_options choose(struct fuzz_input *in)
{
    static const size_t sizes[] = {1, 2, 8, 16, 24, 40, 64, 100, 1000, 5000};
    unsigned shape = fuzz_byte(in);
    struct allot_pool_options o = {.source = &m.source.base, .name = "fuzz"};

    m.object_bytes = o.object_bytes = sizes[(shape & 15) % 10];
    o.align = shape & 128 ? 0 : (size_t)1 << (shape >> 4 & 7);
    o.flags = (m.mode & FIXED ? ALLOT_POOL_FIXED : 0) | (m.mode & SHARED ? ALLOT_POOL_SHARED : 0) |
              (m.mode & CACHED ? ALLOT_POOL_CACHED : 0);
    if (m.mode & (BUFFERED | FIXED)) {
        o.buffer = buffer + (shape & 7);
        o.buffer_bytes = sizeof buffer - 8;
    }
    if (m.mode & CAPPED)
        m.cap = o.max_objects = 1 + fuzz_byte(in);
    if (m.mode & SMALL_CHUNKS)
        o.chunk_objects = 1 + fuzz_byte(in) % 100;
    if (m.mode & CONSTRUCTED) {
        o.construct = construct;
        o.destroy = destroy;
    }
    return o;
}

static bool start(struct fuzz_input *in)
{
    struct allot_pool_options options;

    memset(&m, 0, sizeof m);
    m.mode = fuzz_byte(in);
    m.source = (struct counted)COUNTED_INIT;
    fuzz_start_misuse();
    options = choose(in);
    if (allot_pool_init(&m.pool, &options) != 0)
        return false; /* the buffer has no room for an object */
    if (m.mode & UNCHECKED) {
        ali_os_allow(buffer, sizeof buffer, true);
        m.pool.own->has_checker = false;
        m.pool.own->is_hidden = (m.pool.own->flags & ALLOT_POOL_SHARED) != 0;
    }
    return true;
}

static void finish(void)
{
    fuzz_require(allot_pool_audit(&m.pool) == 0, "the pool is inconsistent");
    allot_pool_release(&m.pool);
    ali_os_allow(buffer, sizeof buffer, true);
    fuzz_require(m.constructed == 0, "not all were destroyed");
    fuzz_require(m.source.live_blocks == 0, "the pool kept memory");
    fuzz_require(fuzz_told.count == 0, "misuse where there is none");
}

/* --- taking ------------------------------------------------------------------------------- */

static struct fuzz_object *free_slot(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (m.slots[i].p == NULL)
            return &m.slots[i];
    return NULL;
}

static struct fuzz_object *live_slot(unsigned choice)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (m.slots[(choice + i) % SLOTS].p != NULL)
            return &m.slots[(choice + i) % SLOTS];
    return NULL;
}

static void add(void *p)
{
    struct fuzz_object *s = free_slot();

    *s = (struct fuzz_object){.p = p, .size = m.object_bytes};
    fuzz_require(allot_pool_owns(&m.pool, p), "an object that the pool does not own");
    fuzz_require((uintptr_t)p % allot_how_align(m.pool.own->how) == 0, "a wrong alignment");
    fuzz_fill(s);
    m.live++;
}

/* Whether so many more can be had, as far as that is known. */
static bool has_room(size_t count)
{
    return (m.cap == 0 || m.live + count <= m.cap) &&
           (m.capacity == 0 || m.live + count <= m.capacity);
}

static void require_reason(size_t count, size_t calls)
{
    enum allot_cause cause = allot_last_error().cause;

    if (m.source.fail_nth > calls && m.source.fail_nth <= m.source.calls)
        return;
    if (m.construct_fails && cause == ALLOT_CAUSE_OS)
        return;
    fuzz_require(cause == ALLOT_CAUSE_EXHAUSTED, "failed for no reason");
    if (has_room(count) && (m.mode & FIXED) && m.capacity == 0) {
        if (count == 1)
            m.capacity = m.live;
        return;
    }
    fuzz_require(!has_room(count), "failed though there was room");
}

static void get(bool through_base)
{
    size_t calls = m.source.calls;
    void *p;

    if (m.live == SLOTS)
        return;
    p = through_base ? allot_new_how(&m.pool.base, m.object_bytes, m.pool.own->how)
                     : allot_pool_get(&m.pool);
    if (p == NULL) {
        require_reason(1, calls);
        return;
    }
    fuzz_require(has_room(1), "more than the cap");
    add(p);
}

static void get_bulk(size_t count)
{
    size_t calls = m.source.calls;
    void *p[BULK];

    if (m.live + count > SLOTS)
        return;
    if (allot_pool_get_bulk(&m.pool, p, count) != 0) {
        require_reason(count, calls);
        return;
    }
    fuzz_require(has_room(count), "more than the cap");
    for (size_t i = 0; i < count; i++)
        add(p[i]);
}

/* --- giving ------------------------------------------------------------------------------- */

static void *forget(struct fuzz_object *s)
{
    void *p = s->p;

    fuzz_require_filled(s);
    m.gone[(s - m.slots) % GONE] = p;
    s->p = NULL;
    m.live--;
    return p;
}

static void put(unsigned choice, bool through_base)
{
    struct fuzz_object *s = live_slot(choice);

    if (s == NULL)
        return;
    if (through_base)
        allot_delete_how(&m.pool.base, forget(s), m.object_bytes, m.pool.own->how);
    else
        allot_pool_put(&m.pool, forget(s));
}

static void put_bulk(unsigned choice, size_t count)
{
    void *p[BULK];
    size_t n = 0;

    for (; n < count && m.live != 0; n++)
        p[n] = forget(live_slot(choice + 7 * (unsigned)n));
    allot_pool_put_bulk(&m.pool, p, n);
}

static void put_wrong(unsigned choice)
{
    struct fuzz_object *s = live_slot(choice);
    void *p = m.gone[choice % GONE];
    char foreign[8];

    for (size_t i = 0; i < SLOTS && p != NULL; i++)
        if (m.slots[i].p == p)
            p = NULL; /* live again */
    if (p != NULL) {
        allot_pool_put(&m.pool, p);
        fuzz_require_told(ALLOT_MISUSE_DOUBLE_FREE, ALLOT_MISUSE_INVALID_FREE);
    }
    if (s != NULL && m.object_bytes > 1) {
        allot_pool_put(&m.pool, s->p + 1 + choice % (m.object_bytes - 1));
        fuzz_require_told(ALLOT_MISUSE_INVALID_FREE, ALLOT_MISUSE_INVALID_FREE);
    }
    allot_pool_put(&m.pool, foreign + choice % 8);
    fuzz_require_told(ALLOT_MISUSE_INVALID_FREE, ALLOT_MISUSE_INVALID_FREE);
}

/* --- all of it ---------------------------------------------------------------------------- */

static bool count_one(void *object, size_t bytes, void *arg)
{
    size_t *count = arg;
    size_t i = 0;

    fuzz_require(bytes == m.object_bytes, "an object of another size was visited");
    while (i < SLOTS && m.slots[i].p != object)
        i++;
    fuzz_require(i < SLOTS, "an object was visited that is not live");
    ++*count;
    return true;
}

static void look(void)
{
    size_t count = 0;

    fuzz_require(allot_pool_visit(&m.pool, count_one, &count) && count == m.live,
                 "not all were visited");
    fuzz_require(allot_pool_audit(&m.pool) == 0, "the pool is inconsistent");
    for (size_t i = 0; i < SLOTS; i++)
        if (m.slots[i].p != NULL)
            fuzz_require_filled(&m.slots[i]);
}

static void reset(void)
{
    allot_pool_reset(&m.pool);
    for (size_t i = 0; i < SLOTS; i++)
        m.slots[i].p = NULL;
    m.live = 0;
}

static void preheat(size_t count)
{
    size_t calls = m.source.calls;
    size_t constructed;

    if (allot_pool_preheat(&m.pool, count) != 0 || m.live + count > SLOTS)
        return;
    calls = m.source.calls;
    constructed = m.constructed;
    get_bulk(count);
    fuzz_require(m.source.calls == calls, "memory was needed after preheating");
    fuzz_require(m.constructed == constructed, "constructed after preheating");
}

static void require_counts(void)
{
    struct allot_pool_stats s;

    allot_pool_stats_get(&m.pool, &s);
    fuzz_require(s.live_objects == m.live, "another count of live objects");
    fuzz_require(s.peak_live_objects >= m.live || (m.mode & CACHED), "a peak below what is live");
    fuzz_require(m.cap == 0 || s.live_objects + s.free_objects <= m.cap, "more than the cap");
    fuzz_require(fuzz_told.count == 0, "misuse where there is none");
}

static void apply(struct fuzz_input *in)
{
    unsigned kind = fuzz_byte(in);
    unsigned detail = fuzz_byte(in) << 1 | kind >> 7;

    switch (kind % 16) {
    case 0:
    case 1:
    case 2:
        get(false);
        break;
    case 3:
        get(true);
        break;
    case 4:
    case 5:
    case 6:
        put(detail, false);
        break;
    case 7:
        put(detail, true);
        break;
    case 8:
        get_bulk(detail % BULK);
        break;
    case 9:
        put_bulk(detail, detail % BULK);
        break;
    case 10:
        put_wrong(detail);
        break;
    case 11:
        preheat(detail % BULK);
        break;
    case 12:
        (void)allot_pool_trim(&m.pool);
        break;
    case 13:
        m.source.fail_nth = m.source.calls + 1 + detail % 4;
        break;
    case 14:
        m.construct_fails = detail & 1;
        break;
    default:
        if (detail % 8 == 0)
            reset();
        look();
    }
    require_counts();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fuzz_input in = {data, bytes};

    if (!start(&in))
        return 0;
    while (in.left != 0)
        apply(&in);
    look();
    finish();
    return 0;
}

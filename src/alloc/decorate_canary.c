/* Words in front of and behind each object that nobody may write.
 *
 *     |...|next prev size - front canary|object ...|rear canary|
 *     `- the block of the inner allocator, aligned as the object, which begins LEAD, or the
 *        alignment, behind it
 *
 * The header is nearest to what a program writes in front of an object by mistake with its canary,
 * farther with what the list is made of: so a list is only followed where the canary stands. An
 * object is out of the list while its size changes; the inner allocator is never called with the
 * lock held. */
#include "alloc/decorate.h"

ALI_IS_DECORATOR(struct allot_canary);

enum { CANARY_BYTES = 16 };

struct allot_canary_header {
    struct allot_canary_header *next;
    struct allot_canary_header *prev;
    size_t size;
    uint64_t unused;
    uint64_t canary[CANARY_BYTES / sizeof(uint64_t)];
};
#define HEADER sizeof(struct allot_canary_header)
#define LEAD 64
_Static_assert(HEADER % 16 == 0 && HEADER <= LEAD, "the header is in front of the object");

static struct allot_canary *of(allot_allocator *a)
{
    return (struct allot_canary *)a;
}

static void enter(struct allot_canary *c)
{
    ali_lock(ali_lock_of(&c->lock));
}

static void leave(struct allot_canary *c)
{
    ali_unlock(ali_lock_of(&c->lock));
}

/* --- layout ------------------------------------------------------------------------------- */

static allot_how how_of_block(allot_how how)
{
    if ((how & ALLOT_HOW_ALIGN_BITS) >= ALLOT_ALIGN_DEFAULT)
        return how;
    return (how & ~ALLOT_HOW_ALIGN_BITS) | ALLOT_ALIGN_DEFAULT;
}

static size_t lead_for(allot_how how)
{
    return ali_max(LEAD, allot_how_align(how));
}

static size_t block_bytes(size_t size, allot_how how)
{
    return size + lead_for(how) + CANARY_BYTES;
}

static struct allot_canary_header *header_of(const void *p)
{
    return (struct allot_canary_header *)((uintptr_t)p - HEADER);
}

static char *object_of(const struct allot_canary_header *h)
{
    return (char *)(uintptr_t)h + HEADER;
}

static uint64_t word_for(const struct allot_canary *c, const void *at, uint64_t salt)
{
    struct ali_random r = {.state = c->secret ^ (uintptr_t)at ^ salt << 56};

    return ali_random_next(&r);
}

enum { FRONT = 1, REAR = 2, FREED = 3 };

static void set_front(const struct allot_canary *c, struct allot_canary_header *h, uint64_t salt)
{
    h->canary[0] = h->canary[1] = word_for(c, h, salt);
}

static bool front_is(const struct allot_canary *c, const struct allot_canary_header *h,
                     uint64_t salt)
{
    uint64_t word = word_for(c, h, salt);

    return h->canary[0] == word && h->canary[1] == word;
}

static void set_rear(const struct allot_canary *c, struct allot_canary_header *h)
{
    char *rear = object_of(h) + h->size;
    uint64_t word = word_for(c, rear, REAR);

    memcpy(rear, &word, sizeof word);
    memcpy(rear + sizeof word, &word, sizeof word);
}

static bool rear_stands(const struct allot_canary *c, const struct allot_canary_header *h)
{
    const char *rear = object_of(h) + h->size;
    uint64_t word = word_for(c, rear, REAR);

    return memcmp(rear, &word, sizeof word) == 0 &&
           memcmp(rear + sizeof word, &word, sizeof word) == 0;
}

/* --- the list ----------------------------------------------------------------------------- */

static void link_locked(struct allot_canary *c, struct allot_canary_header *h)
{
    h->prev = NULL;
    h->next = c->first;
    if (h->next != NULL)
        h->next->prev = h;
    c->first = h;
    c->live_objects++;
    c->live_bytes += h->size;
}

static void unlink_locked(struct allot_canary *c, struct allot_canary_header *h)
{
    if (h->prev != NULL)
        h->prev->next = h->next;
    else
        c->first = h->next;
    if (h->next != NULL)
        h->next->prev = h->prev;
    c->live_objects--;
    c->live_bytes -= h->size;
}

static void put_in(struct allot_canary *c, struct allot_canary_header *h, size_t size)
{
    h->size = size;
    set_front(c, h, FRONT);
    set_rear(c, h);
    enter(c);
    link_locked(c, h);
    leave(c);
}

/* --- looking ------------------------------------------------------------------------------ */

static enum allot_misuse_kind kind_of_damage(const struct allot_canary *c,
                                             const struct allot_canary_header *h, size_t size,
                                             const char **detail)
{
    if (front_is(c, h, FREED)) {
        *detail = "it was freed before";
        return ALLOT_MISUSE_DOUBLE_FREE;
    }
    if (!front_is(c, h, FRONT)) {
        *detail = "bytes in front of the object were written";
        return ALLOT_MISUSE_HEAP_OVERFLOW;
    }
    if (size != ALLOT_SIZE_UNKNOWN && size != h->size) {
        *detail = "wrong size";
        return ALLOT_MISUSE_MISMATCHED_FREE;
    }
    *detail = "bytes behind the object were written";
    return rear_stands(c, h) ? 0 : ALLOT_MISUSE_HEAP_OVERFLOW;
}

static void blame(const struct allot_canary_header *h, enum allot_misuse_kind kind,
                  const char *detail, const char *call, const void *caller)
{
    struct allot_misuse m = {.kind = kind,
                             .place = kind == ALLOT_MISUSE_DOUBLE_FREE ? ALLOT_PLACE_FREED_BLOCK
                                                                       : ALLOT_PLACE_LIVE_BLOCK,
                             .call = call,
                             .pointer = object_of(h),
                             .block = object_of(h),
                             .detail = detail};

    ali_report_misuse(&m, caller);
}

/* The block that the object is in, as the inner allocator knows it. */
static bool block_is_live(struct allot_canary *c, const void *p, size_t size, allot_how how)
{
    const char *block = (const char *)p - lead_for(how);

    if (size == ALLOT_SIZE_UNKNOWN)
        return ali_inner_usable(c->under.inner, block, size, how_of_block(how)) > 0;
    return size <= PTRDIFF_MAX - block_bytes(0, how) &&
           ali_inner_is_live(c->under.inner, block, block_bytes(size, how), how_of_block(how));
}

/* Takes a whole object out of the list; NULL: it is none, which was reported under `call`, or with
 * no call not. */
static struct allot_canary_header *take_out(struct allot_canary *c, const void *p, size_t size,
                                            allot_how how, const char *call, const void *caller)
{
    struct allot_canary_header *h = header_of(p);
    enum allot_misuse_kind kind;
    const char *detail;

    if (!block_is_live(c, p, size, how)) {
        if (call != NULL)
            ali_blame_object(ALLOT_MISUSE_INVALID_FREE, call, p, "no live object of that size",
                             caller);
        return NULL;
    }
    enter(c);
    kind = kind_of_damage(c, h, size, &detail);
    if (kind == 0)
        unlink_locked(c, h);
    leave(c);
    if (kind == 0)
        return h;
    if (call != NULL)
        blame(h, kind, detail, call, caller);
    return NULL;
}

size_t allot_canary_check(struct allot_canary *canary)
{
    const void *caller = __builtin_return_address(0);
    const struct allot_canary_header *h;
    enum allot_misuse_kind kind;
    const char *detail;
    size_t damaged = 0;

    enter(canary);
    for (h = canary->first; h != NULL; h = h->next) {
        kind = kind_of_damage(canary, h, ALLOT_SIZE_UNKNOWN, &detail);
        if (kind == 0)
            continue;
        damaged++;
        blame(h, kind, detail, "allot_canary_check", caller);
        if (!front_is(canary, h, FRONT))
            break;
    }
    leave(canary);
    return damaged;
}

/* --- the table ---------------------------------------------------------------------------- */

static void *canary_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_canary *c = of(a);
    char *block = NULL;

    if (size > PTRDIFF_MAX - block_bytes(0, how))
        allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    else
        block = ali_inner_alloc(c->under.inner, block_bytes(size, how), how_of_block(how), caller);
    if (block == NULL) {
        ali_tally(&c->failures, 1);
        return NULL;
    }
    put_in(c, header_of(block + lead_for(how)), size);
    return block + lead_for(how);
}

static void canary_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    struct allot_canary *c = of(a);
    struct allot_canary_header *h = take_out(c, p, size, how, "allot_delete", caller);

    if (h == NULL)
        return;
    size = h->size;
    set_front(c, h, FREED);
    ali_inner_free(c->under.inner, (char *)p - lead_for(how), block_bytes(size, how),
                   how_of_block(how), caller);
}

/* The inner allocator zeroes what is behind the old rear canary; that is the program's now, too. */
static void zero_rear(char *p, size_t old_size, size_t new_size, allot_how how)
{
    if ((how & ALLOT_ZERO) != 0 && new_size > old_size)
        memset(p + old_size, 0, ali_min(new_size - old_size, CANARY_BYTES));
}

static bool canary_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    struct allot_canary *c = of(a);
    struct allot_canary_header *h;
    bool done;

    if (new_size > PTRDIFF_MAX - block_bytes(0, how))
        return false;
    h = take_out(c, p, old_size, how, NULL, caller);
    if (h == NULL)
        return false;
    done = ali_inner_resize(c->under.inner, (char *)p - lead_for(how), block_bytes(old_size, how),
                            block_bytes(new_size, how), how_of_block(how), caller);
    if (done)
        zero_rear(p, old_size, new_size, how);
    put_in(c, h, done ? new_size : old_size);
    return done;
}

static void *canary_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    const struct ali_change change = {block_bytes(old_size, how), block_bytes(new_size, how),
                                      how_of_block(how), caller};
    struct allot_canary *c = of(a);
    void *block = (char *)p - lead_for(how);
    char *to;

    if (new_size > PTRDIFF_MAX - block_bytes(0, how))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    if (take_out(c, p, old_size, how, "allot_resize", caller) == NULL)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_UNSUPPORTED, 0);
    if (ali_inner_move(c->under.inner, &block, &change) != 0) {
        put_in(c, header_of(p), old_size);
        return NULL;
    }
    to = (char *)block + lead_for(how);
    zero_rear(to, old_size, new_size, how);
    put_in(c, header_of(to), new_size);
    return to;
}

/* Exactly the size; nothing of what is no whole object. */
static size_t canary_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    struct allot_canary *c = of(a);
    const char *detail;
    size_t usable;

    if (!block_is_live(c, p, size, how))
        return 0;
    enter(c);
    usable = kind_of_damage(c, header_of(p), size, &detail) == 0 ? header_of(p)->size : 0;
    leave(c);
    return usable;
}

static allot_status canary_reset(allot_allocator *a, const void *caller)
{
    struct allot_canary *c = of(a);
    allot_status status;

    (void)allot_canary_check(c);
    status = ali_inner_reset(c->under.inner, caller);
    if (status != 0)
        return status;
    enter(c);
    c->first = NULL;
    c->live_objects = c->live_bytes = 0;
    leave(c);
    return 0;
}

static void canary_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_canary *c = of(a);

    enter(c);
    stats->live_objects = c->live_objects;
    stats->live_bytes = c->live_bytes;
    leave(c);
    stats->failures = ali_tally_get(&c->failures);
}

static bool canary_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    struct allot_canary *c = of(a);
    const struct allot_canary_header *h;
    const struct allot_canary_header *next;
    bool all = true;

    enter(c);
    for (h = c->first; h != NULL && all; h = next) {
        next = h->next;
        all = front_is(c, h, FRONT) && visit(object_of(h), h->size, arg);
    }
    leave(c);
    return all;
}

static const struct allot_allocator_ops canary_ops = {
    .caps = ALLOT_CAP_UNSIZED | ALLOT_CAP_INDIVIDUAL,
    .kind = "canary",
    .alloc = canary_alloc,
    .resize = canary_resize,
    .remap = canary_remap,
    .free = canary_free,
    .usable = canary_usable,
    .owns = ali_pass_owns,
    .trim = ali_pass_trim,
    .reset = canary_reset,
    .stats = canary_stats,
    .visit = canary_visit,
};

void allot_canary_init(struct allot_canary *canary, allot_allocator *inner)
{
    uint64_t random[2];

    memset(canary, 0, sizeof *canary);
    ali_os_random(random);
    canary->secret = random[0] ^ (uintptr_t)canary;
    ali_decorate(canary, inner, &canary_ops, 0);
}

size_t allot_canary_release(struct allot_canary *canary)
{
    size_t damaged = allot_canary_check(canary);

    canary->under.inner = NULL;
    canary->first = NULL;
    return damaged;
}

/* The next allocator when one fails.
 *
 * Who owns an object is asked for. Where two or more of the list cannot tell, each object has a tag
 * in front of it, as far as its alignment needs:
 *
 *     |offset 8 B| ... |tag 8 B|object ...
 *     `- the block of the owner `- offset bytes behind its start: 16, or the alignment */
#include "alloc/decorate.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_fallback);

#define TAG UINT64_C(0xa110c7a9fa11bac0)
#define TAG_INDEX_MASK UINT64_C(0xf)

static struct allot_fallback *of(allot_allocator *a)
{
    return (struct allot_fallback *)a;
}

/* Its block is aligned to at least 16, for the tag. */
static allot_how how_of_block(const struct allot_fallback *f, allot_how how)
{
    if (!f->tagged || (how & ALLOT_HOW_ALIGN_BITS) >= ALLOT_ALIGN_DEFAULT)
        return how;
    return (how & ~ALLOT_HOW_ALIGN_BITS) | ALLOT_ALIGN_DEFAULT;
}

static size_t offset_for(const struct allot_fallback *f, allot_how how)
{
    return f->tagged ? allot_how_align(how_of_block(f, how)) : 0;
}

static size_t plus(size_t size, size_t offset)
{
    return size == ALLOT_SIZE_UNKNOWN ? size : size + offset;
}

static void set_tag(char *block, size_t offset, size_t index)
{
    uint64_t tag = TAG | index;
    uint64_t words = offset;

    memcpy(block, &words, sizeof words);
    memcpy(block + offset - sizeof tag, &tag, sizeof tag);
}

/* Where a block of an allocator is asked for, and what for. */
struct owned {
    allot_allocator *owner; /* NULL: nobody's */
    char *block;
    size_t offset;
    allot_how how;
};

static allot_allocator *owner_by_tag(const struct allot_fallback *f, const char *p)
{
    uint64_t tag;

    memcpy(&tag, p - sizeof tag, sizeof tag);
    if ((tag & ~TAG_INDEX_MASK) != TAG || (tag & TAG_INDEX_MASK) >= f->count)
        return NULL;
    return f->list[tag & TAG_INDEX_MASK];
}

/* What nobody owns is his who cannot tell, if there is one. */
static allot_allocator *owner_by_asking(const struct allot_fallback *f, const void *p)
{
    allot_allocator *silent = NULL;

    for (size_t i = 0; i < f->count; i++) {
        int owns = ali_inner_owns(f->list[i], p);

        if (owns == 1)
            return f->list[i];
        if (owns == -1)
            silent = f->list[i];
    }
    return silent;
}

static struct owned find(const struct allot_fallback *f, const void *p, allot_how how)
{
    struct owned o = {.offset = offset_for(f, how), .how = how_of_block(f, how)};

    o.owner = f->tagged ? owner_by_tag(f, p) : owner_by_asking(f, p);
    o.block = (char *)(uintptr_t)p - o.offset;
    return o;
}

/* --- the table ---------------------------------------------------------------------------- */

static void *fallback_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_fallback *f = of(a);
    size_t offset = offset_for(f, how);
    char *block;

    if (size > PTRDIFF_MAX - offset) {
        ali_tally(&f->failures, 1);
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    }
    for (size_t i = 0; i < f->count; i++) {
        block = ali_inner_alloc(f->list[i], size + offset, how_of_block(f, how), caller);
        if (block == NULL)
            continue;
        if (f->tagged)
            set_tag(block, offset, i);
        return block + offset;
    }
    ali_tally(&f->failures, 1);
    return NULL;
}

static void fallback_free(allot_allocator *a, void *p, size_t size, allot_how how,
                          const void *caller)
{
    struct owned o = find(of(a), p, how);
    uint64_t none = 0;

    if (o.owner == NULL) {
        ali_blame_object(ALLOT_MISUSE_INVALID_FREE, "allot_delete", p,
                         "no allocator of the list owns it", caller);
        return;
    }
    if (o.offset != 0)
        memcpy((char *)p - sizeof none, &none, sizeof none); /* a second free finds no tag */
    ali_inner_free(o.owner, o.block, plus(size, o.offset), o.how, caller);
}

static bool fallback_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                            allot_how how, const void *caller)
{
    struct owned o = find(of(a), p, how);

    return o.owner != NULL && new_size <= PTRDIFF_MAX - o.offset &&
           ali_inner_resize(o.owner, o.block, old_size + o.offset, new_size + o.offset, o.how,
                            caller);
}

/* The tag moves with the content. */
static void *fallback_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                            allot_how how, const void *caller)
{
    struct owned o = find(of(a), p, how);
    const struct ali_change change = {old_size + o.offset, new_size + o.offset, o.how, caller};
    void *block = o.block;

    if (o.owner == NULL) {
        ali_blame_object(ALLOT_MISUSE_INVALID_REALLOC, "allot_resize", p,
                         "no allocator of the list owns it", caller);
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_UNSUPPORTED, 0);
    }
    if (new_size > PTRDIFF_MAX - o.offset)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    if (ali_inner_move(o.owner, &block, &change) != 0)
        return NULL; /* the caller copies, perhaps to the next one */
    return (char *)block + o.offset;
}

static size_t fallback_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    struct owned o = find(of(a), p, how);
    size_t usable;

    if (o.owner == NULL)
        return 0;
    usable = ali_inner_usable(o.owner, o.block, plus(size, o.offset), o.how);
    return usable < o.offset ? 0 : usable - o.offset;
}

static int fallback_owns(allot_allocator *a, const void *p)
{
    const struct allot_fallback *f = of(a);
    int answer = 0;

    for (size_t i = 0; i < f->count && answer != 1; i++) {
        int owns = ali_inner_owns(f->list[i], p);

        if (owns != 0)
            answer = owns;
    }
    return answer;
}

static size_t fallback_trim(allot_allocator *a)
{
    const struct allot_fallback *f = of(a);
    size_t bytes = 0;

    for (size_t i = 0; i < f->count; i++)
        bytes += ali_inner_trim(f->list[i]);
    return bytes;
}

/* All can, or it is not in the table. */
static allot_status fallback_reset(allot_allocator *a, const void *caller)
{
    const struct allot_fallback *f = of(a);
    allot_status status = 0;

    for (size_t i = 0; i < f->count && status == 0; i++)
        status = ali_inner_reset(f->list[i], caller);
    return status;
}

static void fallback_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_fallback *f = of(a);

    ali_stats_sum(f->list, f->count, stats);
    stats->failures = ali_tally_get(&f->failures);
}

struct visit {
    allot_visit_fn fn;
    void *arg;
};

static bool visit_tagged(void *block, size_t bytes, void *arg)
{
    const struct visit *v = arg;
    uint64_t offset;

    memcpy(&offset, block, sizeof offset);
    return v->fn((char *)block + offset, bytes - (size_t)offset, v->arg);
}

static bool fallback_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    const struct allot_fallback *f = of(a);
    struct visit v = {visit, arg};

    for (size_t i = 0; i < f->count; i++)
        if (f->tagged ? !ali_inner_visit(f->list[i], visit_tagged, &v)
                      : !ali_inner_visit(f->list[i], visit, arg))
            return false;
    return true;
}

static const struct allot_allocator_ops fallback_ops = {
    .kind = "fallback",
    .alloc = fallback_alloc,
    .resize = fallback_resize,
    .remap = fallback_remap,
    .free = fallback_free,
    .usable = fallback_usable,
    .owns = fallback_owns,
    .trim = fallback_trim,
    .reset = fallback_reset,
    .stats = fallback_stats,
    .visit = fallback_visit,
};

allot_status allot_fallback_init(struct allot_fallback *fallback, allot_allocator *const *list,
                                 size_t count)
{
    size_t silent = 0;

    if (count == 0 || count > ALLOT_FALLBACK_MAX)
        return -EINVAL;
    memset(fallback, 0, sizeof *fallback);
    for (size_t i = 0; i < count; i++) {
        fallback->list[i] = ali_allocator_meant(list[i]);
        silent += !ali_inner_can(fallback->list[i], ALLOT_CAP_OWNS);
    }
    fallback->count = (uint32_t)count;
    fallback->tagged = silent > 1;
    ali_decorate_many(fallback, fallback->list, count, &fallback_ops);
    fallback->under.ops.caps |=
        ali_caps_of_any(fallback->list, count) & (ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN);
    if (fallback->tagged)
        fallback->under.ops.caps &= ~(uint32_t)ALLOT_CAP_CHECKED;
    return 0;
}

void allot_fallback_release(struct allot_fallback *fallback)
{
    fallback->count = 0;
}

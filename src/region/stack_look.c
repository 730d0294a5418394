/* A stack as an allocator, and looking at it. */
#include "region/stack.h"

/* --- looking ------------------------------------------------------------------------------ */

static const char *top_of(const struct ali_stack *s, const struct ali_stack_chunk *c)
{
    return c == s->chunk ? ali_stack_top(s) : c->top;
}

static bool is_alone_in(const struct ali_stack *s, const char *p)
{
    struct ali_record r;

    for (bool more = s->watched != 0 && ali_record_first(s, &r); more; more = ali_record_next(&r))
        if (r.tag == ALI_RECORD_WATCHED && (size_t)(p - r.object) < r.size)
            return true;
    return false;
}

static int stack_owns(allot_allocator *a, const void *p)
{
    const struct ali_stack *s = ((allot_stack *)a)->own;

    for (const struct ali_stack_chunk *c = s->chunk; c != NULL; c = c->prev)
        if ((const char *)p >= c->start && (const char *)p < top_of(s, c))
            return 1;
    return is_alone_in(s, p);
}

bool allot_stack_owns(const allot_stack *stack, const void *p)
{
    return stack_owns((allot_allocator *)(uintptr_t)&stack->base, p) == 1;
}

static bool stack_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    const struct ali_stack *s = ((allot_stack *)a)->own;
    const struct ali_stack_chunk *chunk = NULL;
    const char *end = NULL;
    struct ali_record r;

    for (bool more = ali_record_first(s, &r); more; more = ali_record_next(&r)) {
        size_t bytes;

        if (r.chunk != chunk)
            end = top_of(s, r.chunk);
        chunk = r.chunk;
        if (r.tag == ALI_RECORD_MARK)
            continue;
        bytes = r.words == 1 ? (size_t)(end - r.object) : r.size;
        if (ali_record_is_inside(&r))
            end = r.object;
        if (ali_record_is_live(&r) && !visit(r.object, bytes, arg))
            return false;
    }
    return true;
}

bool allot_stack_visit(allot_stack *stack, allot_visit_fn visit, void *arg)
{
    return stack_visit(&stack->base, visit, arg);
}

void allot_stack_stats_get(const allot_stack *stack, struct allot_stack_stats *stats)
{
    const struct ali_stack *s = stack->own;
    struct ali_record r;

    *stats =
        (struct allot_stack_stats){.reserved_bytes = s->reserved_bytes, .failures = s->failures};
    for (bool more = ali_record_first(s, &r); more; more = ali_record_next(&r)) {
        stats->live_objects += ali_record_is_live(&r);
        if (r.tag == ALI_RECORD_WATCHED && !ali_record_is_inside(&r))
            stats->live_bytes += r.size;
    }
    for (const struct ali_stack_chunk *c = s->chunk; c != &s->bottom; c = c->prev) {
        const uintptr_t *record = c == s->chunk ? stack->record : c->record;

        stats->chunks++;
        stats->live_bytes +=
            (size_t)(top_of(s, c) - c->start) + (size_t)(c->end - record) * sizeof *record;
    }
    stats->chunks += s->spare != NULL;
}

static void stack_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    const struct ali_stack *s = ((allot_stack *)a)->own;
    struct allot_stack_stats own;

    allot_stack_stats_get((allot_stack *)a, &own);
    stats->live_bytes = own.live_bytes;
    stats->live_objects = own.live_objects;
    stats->reserved_bytes = own.reserved_bytes;
    stats->limit_bytes = s->limit_bytes;
    stats->failures = own.failures;
}

/* --- the check ---------------------------------------------------------------------------- */

static size_t audit_chunk(const struct ali_stack *s, const struct ali_stack_chunk *c)
{
    const uintptr_t *record = c == s->chunk ? s->stack->record : c->record;
    const char *top = top_of(s, c);

    return (size_t)(*c->end != ali_record_word(ALI_RECORD_SENTINEL, 0)) +
           (record > c->end || (const char *)record < top) + (top < c->start);
}

size_t allot_stack_audit(const allot_stack *stack)
{
    const struct ali_stack *s = stack->own;
    const struct ali_stack_chunk *chunk = NULL;
    const char *end = NULL;
    size_t wrong = 0;
    size_t watched = 0;
    struct ali_record r;

    for (const struct ali_stack_chunk *c = s->chunk; c != NULL; c = c->prev)
        wrong += audit_chunk(s, c);
    if (wrong != 0)
        return wrong; /* the records cannot be walked */
    for (bool more = ali_record_first(s, &r); more; more = ali_record_next(&r)) {
        if (r.chunk != chunk)
            end = top_of(s, r.chunk);
        chunk = r.chunk;
        watched += r.tag == ALI_RECORD_WATCHED;
        wrong += r.tag > ALI_RECORD_GONE;
        if (r.tag == ALI_RECORD_MARK || !ali_record_is_inside(&r))
            continue;
        wrong += r.object < r.chunk->start || r.object >= end;
        end = r.object;
    }
    return wrong + (watched != s->watched);
}

/* --- the table ---------------------------------------------------------------------------- */

static void *stack_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    void *p = ali_stack_push((allot_stack *)a, size, how, caller);

    if (p != NULL && (how & ALLOT_ZERO))
        memset(p, 0, size);
    return p;
}

static void stack_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    const struct ali_stack_site site = {"allot_delete", caller};

    (void)size;
    (void)how;
    ali_stack_pop((allot_stack *)a, p, true, &site);
}

struct seek {
    const void *object;
    size_t bytes;
};

static bool seek(void *object, size_t bytes, void *arg)
{
    struct seek *s = arg;

    if (object == s->object)
        s->bytes = bytes;
    return object != s->object;
}

/* Bytes from a live object to the next one; 0: none is at p. */
static size_t extent(const struct ali_stack *s, const void *p)
{
    struct seek found = {p, 0};

    (void)stack_visit(&s->stack->base, seek, &found);
    return found.bytes;
}

static size_t stack_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    (void)how;
    return ali_min(size, extent(((allot_stack *)a)->own, p));
}

static bool is_last(const allot_stack *stack, const void *p)
{
    uintptr_t word = *stack->record;

    return word == (uintptr_t)p || word == ali_record_word(ALI_RECORD_LOOK, (uintptr_t)p);
}

/* The last object grows into what is free; any other can only shrink, which gives nothing back. */
static bool stack_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                         allot_how how, const void *caller)
{
    allot_stack *stack = (allot_stack *)a;
    struct ali_stack *s = stack->own;

    (void)caller;
    if (s->watched != 0)
        return new_size == old_size &&
               old_size <= extent(s, p); /* the observer is told by a move */
    if (!is_last(stack, p))
        return new_size <= old_size && old_size <= extent(s, p);
    if (old_size > (size_t)(ali_stack_top(s) - (char *)p))
        return false;
    if (new_size > (size_t)((char *)stack->record - (char *)p))
        return false;
    if (s->has_checker && new_size > old_size)
        ali_os_allow((char *)p + old_size, new_size - old_size, false);
    if (s->has_checker && new_size < old_size)
        ali_os_forbid((char *)p + new_size, old_size - new_size);
    if ((how & ALLOT_ZERO) && new_size > old_size)
        memset((char *)p + old_size, 0, new_size - old_size);
    ali_stack_set_top(s, (char *)p + new_size);
    return true;
}

static void blame_size(const struct ali_stack *s, const void *p, size_t size, const void *caller)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_REALLOC,
                             .call = "allot_resize",
                             .pointer = p,
                             .told_bytes = size,
                             .true_bytes = extent(s, p),
                             .detail = "no object of that size"};

    ali_report_misuse(&m, caller);
}

/* A new object on top; the old one's memory comes back when all above it is popped. */
static void *stack_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                         allot_how how, const void *caller)
{
    allot_stack *stack = (allot_stack *)a;
    struct ali_record r, newer;
    char *to = NULL;
    bool more;

    if (old_size <= extent(stack->own, p))
        to = stack_alloc(a, new_size, how & ALLOT_HOW_ALIGN_BITS, caller);
    else
        blame_size(stack->own, p, old_size, caller);
    if (to == NULL)
        return NULL;
    memcpy(to, p, ali_min(old_size, new_size));
    if ((how & ALLOT_ZERO) && new_size > old_size)
        memset(to + old_size, 0, new_size - old_size);
    more = ali_record_first(stack->own, &r);
    for (newer = r; more && !(ali_record_is_live(&r) && r.object == p);) {
        if (ali_record_is_live(&r))
            newer = r;
        more = ali_record_next(&r);
    }
    if (more)
        ali_stack_free_record(stack->own, &r, &newer, caller);
    return to;
}

static size_t stack_trim(allot_allocator *a)
{
    return allot_stack_trim((allot_stack *)a);
}

static allot_status stack_reset(allot_allocator *a, const void *caller)
{
    ali_stack_reset((allot_stack *)a, caller);
    return 0;
}

const struct allot_allocator_ops ali_stack_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_LIFO_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN | ALLOT_CAP_OWNS |
            ALLOT_CAP_RESET | ALLOT_CAP_CHECKED | ALLOT_CAP_INDIVIDUAL,
    .kind = "stack",
    .alloc = stack_alloc,
    .resize = stack_resize,
    .remap = stack_remap,
    .free = stack_free,
    .usable = stack_usable,
    .owns = stack_owns,
    .trim = stack_trim,
    .reset = stack_reset,
    .stats = stack_stats,
    .visit = stack_visit,
};

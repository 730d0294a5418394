/* The calls of a stack. See stack.h for its structure. */
#include "region/stack.h"

#include <errno.h>

enum { CHUNK_BYTES = 16 << 10, ALIGN_MIN = 8 };

/* --- making ------------------------------------------------------------------------------- */

static allot_status refuse(enum allot_cause cause)
{
    ali_error_set(ALLOT_LAYER_PROGRAM, cause, 0);
    errno = EINVAL;
    return -EINVAL;
}

static void copy_name(char *to, size_t bytes, const char *name)
{
    struct ali_text t;

    ali_text_init(&t, to, bytes);
    ali_text_str(&t, name != NULL ? name : "");
}

static void fill_in(struct ali_stack *s, allot_stack *stack,
                    const struct allot_stack_options *options)
{
    *s = (struct ali_stack){
        .stack = stack,
        .flags = options->flags,
        .limit_bytes = options->limit_bytes,
        .next_bytes = ali_max(options->chunk_bytes, sizeof(struct ali_stack_chunk) + 64),
        .has_checker = ali_os_has_checker(),
    };
    if (options->chunk_bytes == 0)
        s->next_bytes = CHUNK_BYTES;
    if (!(s->flags & ALLOT_STACK_FIXED))
        s->source = options->source != NULL ? options->source : allot_allocator_default();
    s->bottom_sentinel = ali_record_word(ALI_RECORD_SENTINEL, 0);
    s->bottom.start = (char *)&s->bottom_sentinel;
    s->bottom.end = &s->bottom_sentinel;
    s->chunk = &s->bottom;
    copy_name(s->name, sizeof s->name, options->name);
}

static void show(allot_stack *stack, struct ali_stack *s)
{
    *stack = (allot_stack){.base = {&ali_stack_ops}, .record = s->chunk->end, .own = s};
    ali_stack_set_top(s, s->chunk->start);
}

/* The buffer, or what our own struct leaves of it, as the first chunk. */
static bool use_buffer(struct ali_stack *s, const struct allot_stack_options *options)
{
    char *at = options->buffer;
    size_t bytes = options->buffer_bytes;
    struct ali_stack_chunk *c;

    if (s->in_buffer) {
        bytes -= (size_t)((char *)(s + 1) - at);
        at = (char *)(s + 1);
    }
    c = at == NULL ? NULL : ali_stack_chunk_make(at, bytes);
    if (c == NULL)
        return false;
    s->reserved_bytes += bytes;
    s->bottom.record = s->bottom.end;
    s->bottom.top = s->bottom.start;
    c->prev = &s->bottom;
    s->chunk = c;
    if (s->has_checker)
        ali_os_forbid(c->start, (size_t)((char *)c->end - c->start));
    return true;
}

static allot_status init_fixed(allot_stack *stack, const struct allot_stack_options *options)
{
    uintptr_t at = ali_align_up((uintptr_t)options->buffer, 16);
    struct ali_stack *s = (struct ali_stack *)at;

    if (options->buffer == NULL ||
        at - (uintptr_t)options->buffer + sizeof *s > options->buffer_bytes)
        return refuse(ALLOT_CAUSE_EXHAUSTED);
    fill_in(s, stack, options);
    s->in_buffer = true;
    if (!use_buffer(s, options))
        return refuse(ALLOT_CAUSE_EXHAUSTED);
    show(stack, s);
    return 0;
}

allot_status allot_stack_init(allot_stack *stack, const struct allot_stack_options *options)
{
    static const struct allot_stack_options defaults;
    struct ali_stack local;
    struct ali_stack *s;

    ali_os_init();
    *stack = (allot_stack){.own = NULL};
    if (options == NULL)
        options = &defaults;
    if (options->flags & ALLOT_STACK_FIXED)
        return init_fixed(stack, options);
    fill_in(&local, stack, options);
    s = ali_seam_alloc(local.source, sizeof *s, ALLOT_ALIGN_DEFAULT, __builtin_return_address(0));
    if (s == NULL)
        return -ENOMEM;
    fill_in(s, stack, options);
    s->reserved_bytes = sizeof *s;
    (void)use_buffer(s, options); /* one too small for an object is left alone */
    show(stack, s);
    return 0;
}

/* The chunk below all that come from the source. */
static struct ali_stack_chunk *lowest(struct ali_stack *s)
{
    struct ali_stack_chunk *c = s->chunk;

    while (c->bytes != 0)
        c = c->prev;
    return c;
}

void ali_stack_reset(allot_stack *stack, const void *caller)
{
    struct ali_stack *s = stack->own;
    struct ali_stack_chunk *c = lowest(s);

    ali_stack_end_watched_above(s, NULL, caller);
    ali_stack_drop_to(s, c, c->end, c->start);
}

void allot_stack_reset(allot_stack *stack)
{
    ali_stack_reset(stack, __builtin_return_address(0));
}

size_t allot_stack_trim(allot_stack *stack)
{
    struct ali_stack *s = stack->own;
    struct ali_stack_chunk *c = s->spare;
    size_t bytes = c != NULL ? c->bytes : 0;

    s->spare = NULL;
    if (c != NULL)
        ali_stack_free_chunk(s, c);
    return bytes;
}

void allot_stack_release(allot_stack *stack)
{
    struct ali_stack *s = stack->own;

    if (s == NULL)
        return;
    ali_stack_reset(stack, __builtin_return_address(0));
    (void)allot_stack_trim(stack);
    if (s->has_checker && s->chunk != &s->bottom) /* the buffer, the caller's again */
        ali_os_allow(s->chunk->start, (size_t)((char *)s->chunk->end - s->chunk->start), true);
    *stack = (allot_stack){.own = NULL};
    if (!s->in_buffer)
        ali_seam_free(s->source, s, sizeof *s, ALLOT_ALIGN_DEFAULT);
}

/* --- push --------------------------------------------------------------------------------- */

struct want {
    size_t size;
    allot_how how;
    uint32_t turn; /* of the observer to be told; 0 none */
    bool alone;    /* an allocation of its own, which the source tells of */
    const void *caller;
};

static size_t words_of(const struct want *w)
{
    return w->turn != 0 || w->alone ? ALI_RECORD_WORDS_MAX : 1;
}

static void write_record(struct ali_stack *s, uintptr_t object, const struct want *w)
{
    bool is_watched = words_of(w) != 1;
    uintptr_t *record = s->stack->record - words_of(w);

    if (s->has_checker)
        ali_os_allow(record, words_of(w) * sizeof *record, false);
    s->stack->record = record;
    record[0] = ali_record_word(is_watched               ? ALI_RECORD_WATCHED
                                : ali_stack_must_hide(s) ? ALI_RECORD_LOOK
                                                         : ALI_RECORD_PLAIN,
                                object);
    if (!is_watched)
        return;
    record[1] = w->size;
    record[2] = (uintptr_t)(w->how & ALLOT_HOW_ALIGN_BITS) << ALI_WATCHED_HOW_SHIFT |
                (w->alone ? ALI_WATCHED_ALONE : 0) | w->turn;
    s->watched++;
}

static uintptr_t place_of(char *top, const struct want *w)
{
    return ali_align_up((uintptr_t)top, ali_max(allot_how_align(w->how), (size_t)ALIGN_MIN));
}

static bool has_room(const struct ali_stack *s, const struct want *w)
{
    uintptr_t at = place_of(ali_stack_top(s), w);
    uintptr_t end = (uintptr_t)(s->stack->record - words_of(w));

    return at <= end && end - at >= w->size;
}

static void *push_inside(struct ali_stack *s, const struct want *w)
{
    size_t need = w->size + words_of(w) * sizeof(uintptr_t);
    uintptr_t at;

    if (ali_add_overflows(need, allot_how_align(w->how), &need))
        need = SIZE_MAX;
    if (!has_room(s, w) && !ali_stack_add_chunk(s, need, w->caller))
        return NULL;
    at = place_of(ali_stack_top(s), w);
    write_record(s, at, w);
    if (s->has_checker)
        ali_os_allow((void *)at, w->size, false);
    ali_stack_set_top(s, (char *)at + w->size);
    return (void *)at;
}

/* The record stays in order, wherever the object is. */
static void *push_alone(struct ali_stack *s, const struct want *w)
{
    size_t words = ALI_RECORD_WORDS_MAX * sizeof(uintptr_t);
    void *p;

    if ((size_t)((char *)s->stack->record - ali_stack_top(s)) < words &&
        !ali_stack_add_chunk(s, words, w->caller))
        return NULL;
    p = s->source->ops->alloc(s->source, w->size, w->how, w->caller);
    if (p == NULL) {
        s->failures++;
        return NULL;
    }
    s->reserved_bytes += w->size;
    write_record(s, (uintptr_t)p, w);
    ali_stack_set_top(s, ali_stack_top(s));
    return p;
}

void *ali_stack_push(allot_stack *stack, size_t size, allot_how how, const void *caller)
{
    struct ali_stack *s = stack->own;
    struct want w = {
        .size = size + (size == 0), .how = how & ALLOT_HOW_ALIGN_BITS, .caller = caller};
    void *p;

    if (w.how < ALLOT_ALIGN(ALIGN_MIN))
        w.how = ALLOT_ALIGN(ALIGN_MIN);
    if (size > PTRDIFF_MAX) {
        s->failures++;
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        errno = ENOMEM;
        return NULL;
    }
    w.alone = ali_seam_wants_individual(s->source);
    if (w.alone)
        return push_alone(s, &w);
    w.turn = ali_sampler_due(&s->sampler, w.size);
    p = push_inside(s, &w);
    if (p != NULL)
        ali_seam_tell_allocated(w.turn, p, w.size, w.size, caller);
    return p;
}

void *allot_stack_push_slow(allot_stack *stack, size_t size, size_t align)
{
    if (!ali_is_pow2(align) || align > ALLOT_ALIGN_MAX) {
        (void)refuse(ALLOT_CAUSE_BAD_ALIGNMENT);
        return NULL;
    }
    return ali_stack_push(stack, size, ALLOT_ALIGN(align), __builtin_return_address(0));
}

/* --- pop ---------------------------------------------------------------------------------- */

static bool is_done(const struct ali_record *r)
{
    return r->tag == ALI_RECORD_FREED || r->tag == ALI_RECORD_GONE;
}

/* r is the last object: it goes, and those that were freed before and are the last then; and the
 * marks above each. */
static void pop_record(struct ali_stack *s, struct ali_record r)
{
    struct ali_record below = r;
    struct ali_stack_chunk *c = r.chunk;
    uintptr_t *record = r.slot + r.words;
    char *top = c == s->chunk ? ali_stack_top(s) : c->top;

    if (ali_record_is_inside(&r))
        top = r.object;
    while (ali_record_next(&below)) {
        if (below.tag == ALI_RECORD_MARK)
            continue;
        if (!is_done(&below))
            break;
        if (c != below.chunk)
            top = below.chunk->top;
        c = below.chunk;
        record = below.slot + below.words;
        if (ali_record_is_inside(&below))
            top = below.object;
    }
    ali_stack_drop_to(s, c, record, top);
}

void ali_stack_free_record(struct ali_stack *s, const struct ali_record *r,
                           const struct ali_record *newer, const void *caller)
{
    bool was_watched = r->tag == ALI_RECORD_WATCHED;

    if (was_watched)
        ali_stack_end_watched(s, r, caller);
    if (newer == NULL) {
        pop_record(s, *r);
        return;
    }
    ali_record_tag_as(r, was_watched ? ALI_RECORD_GONE : ALI_RECORD_FREED);
    if (newer->tag == ALI_RECORD_PLAIN) /* whose inlined pop must not leave this one behind */
        ali_record_tag_as(newer, ALI_RECORD_LOOK);
}

/* Finds the live object at p; *newer is the next newer one that is not freed, *has_newer if there
 * is one. */
static bool find(const struct ali_stack *s, const void *p, struct ali_record *r,
                 struct ali_record *newer, bool *has_newer)
{
    bool more = ali_record_first(s, r);

    *has_newer = false;
    for (; more; more = ali_record_next(r)) {
        if (!ali_record_is_live(r))
            continue;
        if (r->object == p)
            return true;
        *newer = *r;
        *has_newer = true;
    }
    return false;
}

/* The live object that p points into. */
static const void *around(const struct ali_stack *s, const char *p, size_t *bytes)
{
    struct ali_record r;
    const struct ali_stack_chunk *chunk = NULL;
    const char *end = NULL;

    for (bool more = ali_record_first(s, &r); more; more = ali_record_next(&r)) {
        if (r.chunk != chunk)
            end = r.chunk == s->chunk ? ali_stack_top(s) : r.chunk->top;
        chunk = r.chunk;
        if (r.tag == ALI_RECORD_MARK)
            continue;
        *bytes = ali_record_is_inside(&r) ? (size_t)(end - r.object) : r.size;
        if (ali_record_is_live(&r) && (size_t)(p - r.object) < *bytes)
            return r.object;
        if (ali_record_is_inside(&r))
            end = r.object;
    }
    return NULL;
}

static bool is_in_chunks(const struct ali_stack *s, const char *p)
{
    for (const struct ali_stack_chunk *c = s->chunk; c != NULL; c = c->prev)
        if (p >= c->start && p < (const char *)c->end)
            return true;
    return false;
}

static void blame(const struct ali_stack *s, const void *p, bool is_live,
                  const struct ali_stack_site *site)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_INVALID_FREE,
                             .call = site->call,
                             .pointer = p,
                             .heap = s->name[0] != '\0' ? s->name : NULL};

    m.block = around(s, p, &m.block_bytes);
    if (is_live) {
        m.kind = ALLOT_MISUSE_OUT_OF_ORDER;
        m.detail = "not the object that was pushed last";
    }
    if (m.block != NULL) {
        m.place = ALLOT_PLACE_LIVE_BLOCK;
    } else if (is_in_chunks(s, p)) {
        m.place = ALLOT_PLACE_FREED_BLOCK;
        m.block_bytes = 0;
        if (ali_is_aligned(p, ALIGN_MIN))
            m.kind = ALLOT_MISUSE_DOUBLE_FREE;
    }
    ali_report_misuse(&m, site->caller);
}

void ali_stack_pop(allot_stack *stack, void *object, bool any, const struct ali_stack_site *site)
{
    struct ali_stack *s = stack->own;
    struct ali_record r, newer;
    bool has_newer;

    if (object == NULL)
        return;
    if (!find(s, object, &r, &newer, &has_newer))
        blame(s, object, false, site);
    else if (has_newer && !any)
        blame(s, object, true, site);
    else
        ali_stack_free_record(s, &r, has_newer ? &newer : NULL, site->caller);
}

void allot_stack_pop_slow(allot_stack *stack, void *object)
{
    const struct ali_stack_site site = {"allot_stack_pop", __builtin_return_address(0)};

    ali_stack_pop(stack, object, (stack->own->flags & ALLOT_STACK_ROLLBACK) != 0, &site);
}

/* --- marks -------------------------------------------------------------------------------- */

allot_stack_mark allot_stack_mark_get(allot_stack *stack)
{
    struct ali_stack *s = stack->own;
    char *top = ali_stack_top(s);
    uintptr_t word = *stack->record;
    uint64_t id;

    if ((word & ALI_RECORD_TAGGED) && (word & 7) == ALI_RECORD_MARK)
        return (allot_stack_mark){stack->record, top, (word & ~ALI_RECORD_TAGGED) >> 3};
    if ((size_t)((char *)stack->record - top) < sizeof *stack->record) {
        if (!ali_stack_add_chunk(s, sizeof *stack->record, __builtin_return_address(0)))
            return (allot_stack_mark){NULL, NULL, 0};
        top = ali_stack_top(s);
    }
    id = ++s->last_id;
    if (s->has_checker)
        ali_os_allow(stack->record - 1, sizeof *stack->record, false);
    *--stack->record = ali_mark_word(id);
    ali_stack_set_top(s, top);
    return (allot_stack_mark){stack->record, top, id};
}

/* The chunk that the mark is in, as long as it is good. */
static struct ali_stack_chunk *chunk_of_mark(const struct ali_stack *s, allot_stack_mark mark)
{
    const uintptr_t *record = s->stack->record;

    for (struct ali_stack_chunk *c = s->chunk; c != NULL; c = c->prev) {
        if (c != s->chunk)
            record = c->record;
        if (mark.record >= record && mark.record < c->end)
            return *mark.record == ali_mark_word(mark.id) ? c : NULL;
    }
    return NULL;
}

allot_status allot_stack_rewind(allot_stack *stack, allot_stack_mark mark)
{
    struct ali_stack *s = stack->own;
    struct ali_stack_chunk *c = mark.id != 0 ? chunk_of_mark(s, mark) : NULL;

    if (c == NULL) {
        struct allot_misuse m = {.kind = ALLOT_MISUSE_STALE_MARK,
                                 .call = "allot_stack_rewind",
                                 .pointer = mark.record,
                                 .place = ALLOT_PLACE_FREED_BLOCK,
                                 .heap = s->name[0] != '\0' ? s->name : NULL,
                                 .detail = "something below the mark was popped"};

        ali_report_misuse(&m, __builtin_return_address(0));
        return -EINVAL;
    }
    ali_stack_end_watched_above(s, mark.record, __builtin_return_address(0));
    ali_stack_drop_to(s, c, mark.record, mark.top);
    return 0;
}

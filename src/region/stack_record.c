/* Records and chunks of a stack. See stack.h. */
#include <errno.h>

#include "region/stack.h"

enum { CHUNK_BYTES_MAX = 1 << 20, RECORD_BYTES = sizeof(uintptr_t) };

/* --- records ------------------------------------------------------------------------------ */

static void decode(struct ali_record *r)
{
    uintptr_t word = *r->slot;

    r->tag = word & ALI_RECORD_TAGGED ? (enum ali_record_tag)(word & 7) : ALI_RECORD_PLAIN;
    r->object = (char *)(word & ~(ALI_RECORD_TAGGED | 7));
    r->words = 1;
    if (r->tag != ALI_RECORD_WATCHED && r->tag != ALI_RECORD_GONE)
        return;
    r->words = ALI_RECORD_WORDS_MAX;
    r->size = r->slot[1];
    r->info = r->slot[2];
}

/* At the end of a chunk, on in the one before. */
static bool settle(struct ali_record *r)
{
    while (decode(r), r->tag == ALI_RECORD_SENTINEL) {
        r->chunk = r->chunk->prev;
        if (r->chunk == NULL)
            return false;
        r->slot = r->chunk->record;
    }
    return true;
}

bool ali_record_first(const struct ali_stack *s, struct ali_record *r)
{
    *r = (struct ali_record){.chunk = s->chunk, .slot = s->stack->record};
    return settle(r);
}

bool ali_record_next(struct ali_record *r)
{
    r->slot += r->words;
    return settle(r);
}

void ali_record_tag_as(const struct ali_record *r, enum ali_record_tag tag)
{
    *r->slot = ali_record_word(tag, (uintptr_t)r->object);
}

/* --- how far it is filled ----------------------------------------------------------------- */

bool ali_stack_must_hide(const struct ali_stack *s)
{
    return s->has_checker || ali_seam_turn() != 0 || ali_seam_wants_individual(s->source);
}

void ali_stack_set_top(struct ali_stack *s, char *top)
{
    s->top = top;
    s->stack->top = ali_stack_must_hide(s) ? (char *)s->chunk->end : top;
}

static void keep_or_free(struct ali_stack *s, struct ali_stack_chunk *c)
{
    struct ali_stack_chunk *spare = s->spare;

    if (spare == NULL || spare->bytes < c->bytes) {
        s->spare = c;
        c = spare;
    }
    if (c != NULL)
        ali_stack_free_chunk(s, c);
}

void ali_stack_drop_to(struct ali_stack *s, struct ali_stack_chunk *c, uintptr_t *record, char *top)
{
    while (s->chunk != c) {
        struct ali_stack_chunk *gone = s->chunk;

        s->chunk = gone->prev;
        if (s->has_checker)
            ali_os_forbid(gone->start, (size_t)((char *)gone->end - gone->start));
        keep_or_free(s, gone);
    }
    if (s->has_checker)
        ali_os_forbid(top, (size_t)((char *)record - top));
    s->stack->record = record;
    ali_stack_set_top(s, top);
}

/* --- chunks ------------------------------------------------------------------------------- */

struct ali_stack_chunk *ali_stack_chunk_make(void *memory, size_t bytes)
{
    uintptr_t at = ali_align_up((uintptr_t)memory, _Alignof(max_align_t));
    uintptr_t end = ali_align_down((uintptr_t)memory + bytes, RECORD_BYTES);
    struct ali_stack_chunk *c = (struct ali_stack_chunk *)at;

    if (at > end || end - at < sizeof *c + 4 * RECORD_BYTES)
        return NULL;
    *c = (struct ali_stack_chunk){.start = (char *)(c + 1), .end = (uintptr_t *)end - 1};
    *c->end = ali_record_word(ALI_RECORD_SENTINEL, 0);
    return c;
}

void ali_stack_free_chunk(struct ali_stack *s, struct ali_stack_chunk *c)
{
    size_t bytes = c->bytes;

    s->reserved_bytes -= bytes;
    s->source_bytes -= bytes;
    if (s->has_checker)
        ali_os_allow(c, bytes, false);
    ali_seam_free(s->source, c, bytes, ALLOT_ALIGN_DEFAULT);
}

static bool fail(struct ali_stack *s, enum allot_cause cause)
{
    s->failures++;
    ali_error_set(ALLOT_LAYER_REGION, cause, 0);
    errno = ENOMEM;
    return false;
}

static size_t room_of(const struct ali_stack_chunk *c)
{
    return (size_t)((char *)c->end - c->start);
}

static bool new_chunk(struct ali_stack *s, size_t need, const void *caller)
{
    size_t bytes = s->next_bytes;
    struct ali_stack_chunk *c;
    void *memory;

    if (need > PTRDIFF_MAX - sizeof *c - 2 * RECORD_BYTES - 16)
        return fail(s, ALLOT_CAUSE_TOO_LARGE);
    need += sizeof *c + 2 * RECORD_BYTES;
    if (s->limit_bytes != 0 && bytes > s->limit_bytes - s->source_bytes)
        bytes = ali_align_down(s->limit_bytes - s->source_bytes, 16);
    if (bytes < need) /* of its own, which does not change how chunks grow */
        bytes = ali_align_up(need, 16);
    else if (s->next_bytes < CHUNK_BYTES_MAX)
        s->next_bytes *= 2;
    if (s->limit_bytes != 0 && bytes > s->limit_bytes - s->source_bytes)
        return fail(s, ALLOT_CAUSE_LIMIT);
    memory = ali_seam_alloc(s->source, bytes, ALLOT_ALIGN_DEFAULT, caller);
    if (memory == NULL) {
        s->failures++;
        return false;
    }
    c = ali_stack_chunk_make(memory, bytes);
    c->bytes = bytes;
    s->reserved_bytes += bytes;
    s->source_bytes += bytes;
    s->spare = c;
    return true;
}

/* The spare one is the chunk from now on. */
static void use_spare(struct ali_stack *s)
{
    struct ali_stack_chunk *c = s->spare;

    s->chunk->top = ali_stack_top(s);
    s->chunk->record = s->stack->record;
    c->prev = s->chunk;
    s->spare = NULL;
    s->chunk = c;
    if (s->has_checker)
        ali_os_forbid(c->start, room_of(c));
    if (s->has_checker)
        ali_os_allow(c->end, RECORD_BYTES, true);
    s->stack->record = c->end;
    ali_stack_set_top(s, c->start);
}

bool ali_stack_add_chunk(struct ali_stack *s, size_t bytes, const void *caller)
{
    struct ali_stack_chunk *spare = s->spare;

    if (s->source == NULL)
        return fail(s, ALLOT_CAUSE_EXHAUSTED);
    if (spare != NULL && room_of(spare) < bytes) {
        s->spare = NULL;
        ali_stack_free_chunk(s, spare);
    }
    if (s->spare == NULL && !new_chunk(s, bytes, caller))
        return false;
    use_spare(s);
    return true;
}

/* --- what is watched ---------------------------------------------------------------------- */

void ali_stack_end_watched(struct ali_stack *s, const struct ali_record *r, const void *caller)
{
    s->watched--;
    ali_seam_tell_freed((uint32_t)(r->info & ALI_WATCHED_TURN), r->object, r->size, caller);
    if (!(r->info & ALI_WATCHED_ALONE))
        return;
    s->source->ops->free(s->source, r->object, r->size,
                         (allot_how)(r->info >> ALI_WATCHED_HOW_SHIFT), caller);
    s->reserved_bytes -= r->size;
}

void ali_stack_end_watched_above(struct ali_stack *s, const uintptr_t *slot, const void *caller)
{
    struct ali_record r;
    bool more = s->watched != 0 && ali_record_first(s, &r);

    for (; more && r.slot != slot; more = ali_record_next(&r))
        if (r.tag == ALI_RECORD_WATCHED)
            ali_stack_end_watched(s, &r, caller);
}

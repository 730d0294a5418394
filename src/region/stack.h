/* What the files of the stack share.
 *
 *     | ali_stack_chunk | objects ... top >   free   < record ... records | sentinel |
 *
 * A record is one word, the start of an object; the newest has the lowest address. A word with bit
 * 63 set is no address that a program can pass to pop, so the inlined pop misses it:
 *
 *     MARK      a mark was taken here: its id, above the tag
 *     FREED     popped out of order; goes when it is the last
 *     LOOK      an ordinary object, but the pop has more to do: the object below it is FREED, a
 *               checker is to be told, or `top` is to stay hidden
 *     WATCHED   told to an observer, or an allocation of its own; two more words: its size, and
 * turn, alignment and whether it is an allocation of its own (ALONE_BIT) GONE      WATCHED and
 * FREED SENTINEL  no more in this chunk
 *
 * Where the program must not push inline, `top` of the public struct is the end of the chunk, and
 * `top` here the true one. */
#ifndef ALI_REGION_STACK_H
#define ALI_REGION_STACK_H

#include "allot/stack.h"
#include "region/seam.h"

enum ali_record_tag {
    ALI_RECORD_PLAIN,
    ALI_RECORD_MARK,
    ALI_RECORD_FREED,
    ALI_RECORD_LOOK,
    ALI_RECORD_WATCHED,
    ALI_RECORD_GONE,
    ALI_RECORD_SENTINEL = 7,
};
#define ALI_RECORD_TAGGED ((uintptr_t)1 << 63)
#define ALI_RECORD_WORDS_MAX 3

/* The last word of a watched object. */
#define ALI_WATCHED_TURN 127u
#define ALI_WATCHED_ALONE 128u
#define ALI_WATCHED_HOW_SHIFT 8

struct ali_stack_chunk {
    struct ali_stack_chunk *prev;
    char *start;
    uintptr_t *end;    /* the sentinel */
    char *top;         /* while it is not the newest: as it was then */
    uintptr_t *record; /* likewise */
    size_t bytes;      /* of the source; 0: the buffer, or none at all */
};

struct ali_stack {
    allot_stack *stack;
    allot_allocator *source; /* NULL: FIXED */
    uint32_t flags;
    size_t limit_bytes;
    size_t next_bytes;
    size_t reserved_bytes;
    size_t source_bytes;
    size_t failures;
    char name[32];
    bool in_buffer;
    bool has_checker;
    struct ali_stack_chunk *chunk; /* the newest */
    struct ali_stack_chunk *spare; /* kept for the next time */
    char *top;                     /* where the public one is hidden */
    uint64_t last_id;              /* of marks */
    size_t watched;                /* records of WATCHED */
    struct ali_sampler sampler;
    struct ali_stack_chunk bottom; /* below all, without room */
    uintptr_t bottom_sentinel;
};

/* A record, decoded. */
struct ali_record {
    struct ali_stack_chunk *chunk;
    uintptr_t *slot;
    enum ali_record_tag tag;
    char *object;
    size_t words;
    size_t size;    /* of a watched one */
    uintptr_t info; /* likewise: the last word */
};

struct ali_stack_site {
    const char *call;
    const void *caller;
};

ALI_INLINE uintptr_t ali_record_word(enum ali_record_tag tag, uintptr_t value)
{
    return tag == ALI_RECORD_PLAIN ? value : ALI_RECORD_TAGGED | value | (uintptr_t)tag;
}

ALI_INLINE uintptr_t ali_mark_word(uint64_t id)
{
    return ali_record_word(ALI_RECORD_MARK, id << 3);
}

ALI_INLINE bool ali_stack_is_hidden(const struct ali_stack *s)
{
    return s->stack->top == (char *)s->chunk->end;
}

ALI_INLINE char *ali_stack_top(const struct ali_stack *s)
{
    return ali_stack_is_hidden(s) ? s->top : s->stack->top;
}

/* --- stack_record.c: records and chunks */

/* The newest record, and the next older one of any chunk; false: none. */
bool ali_record_first(const struct ali_stack *s, struct ali_record *r);
bool ali_record_next(struct ali_record *r);
ALI_INLINE bool ali_record_is_live(const struct ali_record *r)
{
    return r->tag == ALI_RECORD_PLAIN || r->tag == ALI_RECORD_LOOK || r->tag == ALI_RECORD_WATCHED;
}
/* Whether the object lies in the chunk, and not somewhere else. */
ALI_INLINE bool ali_record_is_inside(const struct ali_record *r)
{
    return r->words == 1 || !(r->info & ALI_WATCHED_ALONE);
}
void ali_record_tag_as(const struct ali_record *r, enum ali_record_tag tag);

/* The newest chunk, this far filled; newer ones go. */
void ali_stack_drop_to(struct ali_stack *s, struct ali_stack_chunk *c, uintptr_t *record,
                       char *top);
/* Whether every push and pop is to be seen. */
bool ali_stack_must_hide(const struct ali_stack *s);
/* How the inlined paths are to find it: after each change here. */
void ali_stack_set_top(struct ali_stack *s, char *top);
/* A chunk with room for `bytes` and their records; the newest from now on. */
bool ali_stack_add_chunk(struct ali_stack *s, size_t bytes, const void *caller);
struct ali_stack_chunk *ali_stack_chunk_make(void *memory, size_t bytes);
void ali_stack_free_chunk(struct ali_stack *s, struct ali_stack_chunk *c);

/* --- stack_record.c: what is watched */

/* Tells, and frees an object that is alone. */
void ali_stack_end_watched(struct ali_stack *s, const struct ali_record *r, const void *caller);
/* All watched ones down to this slot of that chunk; NULL: all. */
void ali_stack_end_watched_above(struct ali_stack *s, const uintptr_t *slot, const void *caller);

/* --- stack.c, for the table and frames */

void *ali_stack_push(allot_stack *stack, size_t size, allot_how how, const void *caller);
/* `any`: not only the last one. */
void ali_stack_pop(allot_stack *stack, void *object, bool any, const struct ali_stack_site *site);
void ali_stack_reset(allot_stack *stack, const void *caller);
/* Marks a live object FREED, or pops it when it is the last. */
void ali_stack_free_record(struct ali_stack *s, const struct ali_record *r,
                           const struct ali_record *newer, const void *caller);

extern const struct allot_allocator_ops ali_stack_ops;

#endif

/* Telling what a bad pointer is: the heap's part of a report. Cold; nothing here is fast. */
#include "heap/internal.h"

static bool is_free_kind(enum ali_call call)
{
    return call == ALI_CALL_FREE || call == ALI_CALL_CFREE || call == ALI_CALL_FREE_SIZED ||
           call == ALI_CALL_FREE_ALIGNED_SIZED || call == ALI_CALL_DELETE ||
           call == ALI_CALL_DELETE_ARRAY || call == ALI_CALL_HEAP_FREE ||
           call == ALI_CALL_DELETE_OBJECT || call == ALI_CALL_ALLOT_FREE;
}

static const char *heap_name_of(const struct ali_found *f)
{
    struct allot_heap *heap = ali_found_heap(f);

    return heap == NULL || heap->name[0] == '\0' ? NULL : heap->name;
}

/* In the mask of a slot that was fresh when it was taken, and not handed out since. */
static bool is_waiting_fresh(const struct ali_slab *slab, size_t index)
{
    struct ali_block *b = atomic_load_explicit(&slab->holder, memory_order_relaxed);
    unsigned class_index = ali_peek(slab->class_index);
    const struct ali_slot *slot;
    ptrdiff_t bit;

    if (b == NULL)
        return false;
    slot = &b->slots[class_index];
    bit = (ali_peek(slab->states) + index) - ali_peek(slot->states);
    return ali_peek(slot->slab) == slab && ali_peek(slot->fresh) && bit >= 0 &&
           bit < ALI_WORD_BLOCKS &&
           ((ali_peek(slot->bits) | ali_peek(b->parked_bits[class_index])) >> bit & 1) != 0;
}

static bool was_issued(const struct ali_found *f)
{
    struct ali_look look;
    unsigned high;
    size_t index;

    if (f->slab == NULL)
        return true;
    /* acquire: pairs with the release in ali_slab_clear; the slab may be going at this moment */
    high = __atomic_load_n(&f->slab->high, __ATOMIC_ACQUIRE);
    if (!ali_slab_look(f->slab, &look))
        return true;
    index = (size_t)(f->block - ali_slab_base(f->slab)) / f->block_bytes;
    return index < high && !is_waiting_fresh(f->slab, index);
}

static void describe_block(struct allot_misuse *m, const struct ali_found *f)
{
    m->block = f->block;
    m->block_bytes = f->block_bytes;
    m->heap = heap_name_of(f);
    if (ali_state_is_live(ali_state_get(f->state)))
        m->place = ALLOT_PLACE_LIVE_BLOCK;
    else
        m->place = was_issued(f) ? ALLOT_PLACE_FREED_BLOCK : ALLOT_PLACE_UNISSUED_BLOCK;
}

/* A pointer into the window that is in no slab or large block that exists now. */
static void describe_gap(struct allot_misuse *m, const void *p)
{
    struct ali_span *head = ali_span_find_head(ali_region_offset(p));
    struct ali_found found;
    uint64_t kind;

    m->place = ALLOT_PLACE_HEAP_GAP;
    if (head == NULL)
        return;
    kind = atomic_load_explicit(&head->head, memory_order_relaxed) >> 32;
    if (kind == ALI_SPAN_HOLE) {
        m->place = ALLOT_PLACE_UNKNOWN; /* somebody else's mapping: the report looks it up */
        return;
    }
    if (kind == ALI_SPAN_USED && ali_heap_find(ali_span_base(head), &found)) {
        if (found.large != NULL) /* inside it; in a slab, behind the last block */
            describe_block(m, &found);
        return;
    }
    m->place = ali_heap_was_destroyed_at(p) ? ALLOT_PLACE_DESTROYED_HEAP : ALLOT_PLACE_FREED_BLOCK;
}

static void describe(struct allot_misuse *m, const void *p)
{
    struct ali_found found;

    if (ali_region_offset(p) >= atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire))
        return; /* foreign: the report looks it up */
    if (ali_heap_find(p, &found))
        describe_block(m, &found);
    else
        describe_gap(m, p);
}

void ali_heap_blame(enum allot_misuse_kind kind, const void *p, enum ali_call call,
                    const void *caller)
{
    struct allot_misuse m = {.kind = kind, .call = ali_call_name(call), .pointer = p};

    describe(&m, p);
    /* a free of the start of a freed block is a double free; inside it, an invalid one */
    if ((kind == ALLOT_MISUSE_INVALID_FREE || is_free_kind(call)) &&
        m.place == ALLOT_PLACE_FREED_BLOCK &&
        (m.block == p || (m.block == NULL && ali_is_aligned(p, 16)))) /* its slab is gone */
        m.kind = ALLOT_MISUSE_DOUBLE_FREE;
    else if (kind == ALLOT_MISUSE_DOUBLE_FREE && m.block != p)
        m.kind = ALLOT_MISUSE_INVALID_FREE;
    ali_report_misuse(&m, caller);
}

void ali_heap_blame_claim(const void *p, size_t told, size_t truth, const char *detail,
                          enum ali_call call, const void *caller)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_MISMATCHED_FREE,
                             .call = ali_call_name(call),
                             .pointer = p,
                             .told_bytes = told,
                             .true_bytes = truth,
                             .detail = detail};

    describe(&m, p);
    m.place = ALLOT_PLACE_LIVE_BLOCK; /* but for this call, which has made it HELD already */
    ali_report_misuse(&m, caller);
}

void ali_heap_blame_overflow(size_t count, size_t size, enum ali_call call, const void *caller)
{
    struct allot_misuse m = {.kind = ALLOT_MISUSE_SIZE_OVERFLOW,
                             .call = ali_call_name(call),
                             .told_bytes = count,
                             .true_bytes = size,
                             .detail = "count times size does not fit"};

    ali_report_misuse(&m, caller);
}

void ali_heap_blame_content(enum allot_misuse_kind kind, const struct ali_found *f,
                            const char *detail, enum ali_call call, const void *caller)
{
    struct allot_misuse m = {
        .kind = kind, .call = ali_call_name(call), .pointer = f->block, .detail = detail};

    describe(&m, f->block);
    if (kind == ALLOT_MISUSE_HEAP_OVERFLOW)
        m.place = ALLOT_PLACE_LIVE_BLOCK; /* as above */
    ali_report_misuse(&m, caller);
}

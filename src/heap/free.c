/* Freeing beyond the hit path: other threads' blocks, wide and large ones, watched ones, and
 * whatever is no live block. */
#include "heap/internal.h"

/* --- what a pointer is -------------------------------------------------------------------- */

static void find_in_slab(struct ali_found *f, struct ali_span *span, const struct ali_look *look,
                         size_t offset)
{
    size_t block_bytes = look->class->block_bytes;
    size_t index = offset / block_bytes;

    f->span = span;
    f->slab = ali_slab_of(span);
    f->block_bytes = block_bytes;
    if (index >= look->class->count)
        return; /* the rest behind the last block */
    f->block = (char *)ali_span_base(span) + index * block_bytes;
    f->state = look->states + index;
    f->exact = offset == index * block_bytes;
}

static void find_in_large(struct ali_found *f, struct ali_span *span, const void *p)
{
    f->span = span;
    f->large = ali_large_of(span);
    f->block = ali_span_base(span);
    f->block_bytes = ali_peek(f->large->bytes);
    f->state = (uint8_t *)(uintptr_t)&f->large->state;
    f->exact = p == f->block;
}

bool ali_heap_find(const void *p, struct ali_found *found)
{
    uintptr_t offset = ali_region_offset(p);
    struct ali_span *span;
    struct ali_look look;

    memset(found, 0, sizeof *found);
    if (offset >= atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire))
        return false;
    span = ali_span_at(offset);
    if (ali_peek(ali_slab_of(span)->kind) == ALI_KIND_PART)
        span -= ali_peek(ali_slab_of(span)->part);
    if (ali_peek(ali_slab_of(span)->kind) == ALI_KIND_LARGE)
        find_in_large(found, span, p);
    else if (ali_slab_look(ali_slab_of(span), &look))
        find_in_slab(found, span, &look, (size_t)((const char *)p - (char *)ali_span_base(span)));
    return found->block != NULL;
}

struct allot_heap *ali_found_heap(const struct ali_found *f)
{
    struct ali_block *b;

    if (f->large != NULL)
        return ali_peek(f->large->heap);
    b = atomic_load_explicit(&f->slab->holder, memory_order_acquire);
    return b == NULL ? NULL : ali_peek(b->heap);
}

bool ali_find_live(const void *p, struct ali_found *f)
{
    return ali_heap_find(p, f) && f->exact && ali_state_is_live(ali_state_get(f->state));
}

/* --- freeing ------------------------------------------------------------------------------ */

void ali_block_free_local(struct ali_block *b, struct ali_slab *slab, uint8_t *state)
{
    ali_state_set(state, ALI_STATE_FREE);
    /* the hit path has counted already when it found the trigger at its end */
    if (slab->trigger == 0 || --slab->trigger == 0) {
        ali_slab_event(b, slab);
        ali_inbox_drain(b); /* a thread that only frees comes here, and to no refill */
    }
}

/* The block is LIVE or HELD, and this call has the right to free it. */
static void free_plain(struct ali_slab *slab, uint8_t *state)
{
    struct ali_block *holder = atomic_load_explicit(&slab->holder, memory_order_acquire);
    uint32_t batch;

    if (holder != NULL && ali_block_is_mine(holder)) {
        ali_block_free_local(holder, slab, state);
        return;
    }
    batch = (uint32_t)ali_min(ali_max(slab->count / 16, 1), 64);
    /* release: what this thread did with the block is before what its next owner does; pairs with
     * the acquire of the refill. From here on the slab may go at any moment: only the words that
     * outlive it are touched. */
    atomic_store_explicit((_Atomic(uint8_t) *)state, ALI_STATE_FREE, memory_order_release);
    ali_remote_note(ali_self, slab, batch);
}

void ali_heap_free_held(struct ali_found *f)
{
    if (f->large != NULL) {
        atomic_store_explicit(&f->large->state, ALI_STATE_FREE, memory_order_release);
        ali_large_release(f->span);
    } else {
        free_plain(f->slab, f->state);
    }
}

static void free_watched(struct ali_found *f, uint8_t state, enum ali_call call, const void *caller)
{
    /* Only one of two threads that free the same block gets past this. */
    if (!atomic_compare_exchange_strong_explicit((_Atomic(uint8_t) *)f->state, &state,
                                                 ALI_STATE_HELD, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        ali_heap_blame(ALLOT_MISUSE_DOUBLE_FREE, f->block, call, caller);
        return;
    }
    if (!ali_watch_freed(f, state, call, caller))
        ali_state_set(f->state, state);
    else if (!ali_quarantine_take(f, call, caller))
        ali_heap_free_held(f);
}

void ali_heap_free_found(struct ali_found *f, enum ali_call call, const void *caller)
{
    uint8_t state = ali_state_get(f->state);

    if (state == ALI_STATE_HARDENED || ali_state_is_watched(state))
        free_watched(f, state, call, caller);
    else if (state != ALI_STATE_LIVE) /* another thread frees it, too, and was faster */
        ali_heap_blame(ALLOT_MISUSE_DOUBLE_FREE, f->block, call, caller);
    else if (f->large != NULL)
        ali_large_free(f->span, call, caller);
    else
        free_plain(f->slab, f->state);
}

ALI_NOINLINE static void free_odd(void *p, enum ali_call call, const void *caller)
{
    struct ali_found found;

    if (!ali_find_live(p, &found))
        ali_heap_blame(ALLOT_MISUSE_INVALID_FREE, p, call, caller);
    else
        ali_heap_free_found(&found, call, caller);
}

/* The state byte of a LIVE block that begins at `within` of a slab; NULL: something else. */
ALI_INLINE uint8_t *find_plain(const struct ali_slab *slab, uint32_t within)
{
    uint32_t index =
        ali_block_index(ali_peek(slab->recip), ali_peek(slab->kind) == ALI_KIND_WIDE, within);
    uint8_t *state = ali_peek(slab->states);

    if (index >= ali_peek(slab->count) || state == NULL) /* NULL: misuse, and the slab is going */
        return NULL;
    state += index;
    return ali_state_get(state) == ALI_STATE_LIVE ? state : NULL;
}

/* The slab in which the offset lies, and where in it; NULL: in none. */
ALI_INLINE struct ali_slab *slab_at(uintptr_t offset, uint32_t *within)
{
    struct ali_span *span = ali_span_at(offset);
    struct ali_slab *slab = ali_slab_of(span);
    uint8_t kind = ali_peek(slab->kind);

    *within = (uint16_t)offset;
    if (kind == ALI_KIND_PART) {
        uint8_t part = ali_peek(slab->part);

        *within += (uint32_t)part << ALI_SLICE_SHIFT;
        slab = ali_slab_of(span - part);
        kind = ali_peek(slab->kind);
    }
    return kind == ALI_KIND_SLAB || kind == ALI_KIND_WIDE ? slab : NULL;
}

/* True when it was freed: a large block that begins at this offset. */
static bool free_large(uintptr_t offset, enum ali_call call, const void *caller)
{
    struct ali_span *span = ali_span_at(offset);
    struct ali_large *large = ali_large_of(span);

    if (ali_peek(large->kind) != ALI_KIND_LARGE || (uint16_t)offset != 0 ||
        atomic_load_explicit(&large->state, memory_order_relaxed) != ALI_STATE_LIVE)
        return false;
    ali_large_free(span, call, caller);
    return true;
}

/* True when it was freed: a live, unwatched block that begins at this offset. */
ALI_INLINE bool free_by_offset(uintptr_t offset, enum ali_call call, const void *caller)
{
    uint32_t within;
    struct ali_slab *slab = slab_at(offset, &within);
    uint8_t *state;

    if (slab == NULL)
        return free_large(offset, call, caller);
    state = find_plain(slab, within);
    if (state == NULL)
        return false;
    free_plain(slab, state);
    return true;
}

const struct ali_slab *ali_find_plain(const void *p)
{
    uintptr_t offset = ali_region_offset(p);
    const struct ali_slab *slab;
    uint32_t within;

    if (offset >= atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire))
        return NULL;
    slab = slab_at(offset, &within);
    return slab != NULL && find_plain(slab, within) != NULL ? slab : NULL;
}

void ali_heap_free_miss(void *p, enum ali_call call, const void *caller)
{
    uintptr_t offset = ali_region_offset(p);

    if (p == NULL)
        return;
    if (ali_unlikely(offset >=
                     atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire)) ||
        ali_unlikely(!free_by_offset(offset, call, caller)))
        free_odd(p, call, caller);
}

/* --- claims and questions ----------------------------------------------------------------- */

/* Exact for the class: a size below the class's own range, or above the block, is wrong. */
bool ali_claim_fits(const struct ali_found *f, size_t size, size_t align)
{
    size_t asked = size + (size == 0);

    if (ali_watch_knows_size(f))
        return size == ali_watch_size(f) || asked == ali_watch_size(f);
    if (asked > f->block_bytes)
        return false;
    if (f->large != NULL)
        return asked > ALI_SMALL_MAX || align > 16;
    if (align > 16)
        return ali_class_aligned(asked, align) == f->slab->class_index;
    return ali_class_of(asked) == f->slab->class_index;
}

bool ali_claim_check(const struct ali_found *f, size_t size_bytes, size_t align, enum ali_call call,
                     const void *caller)
{
    size_t truth = ali_watch_size(f);

    if (align != 0 && !ali_is_aligned(f->block, align)) {
        ali_heap_blame_claim(f->block, align, (size_t)1 << ali_low_bit((uintptr_t)f->block),
                             "wrong alignment", call, caller);
        return false;
    }
    if (size_bytes != SIZE_MAX && !ali_claim_fits(f, size_bytes, align)) {
        ali_heap_blame_claim(f->block, size_bytes, truth, "wrong size", call, caller);
        return false;
    }
    return true;
}

void ali_heap_free_claimed(void *p, size_t size_bytes, size_t align, enum ali_call call,
                           const void *caller)
{
    struct ali_found found;

    if (p == NULL)
        return;
    if (!ali_find_live(p, &found))
        ali_heap_blame(ALLOT_MISUSE_INVALID_FREE, p, call, caller);
    else if (ali_claim_check(&found, size_bytes, align, call, caller))
        ali_heap_free_found(&found, call, caller);
}

size_t ali_heap_usable(const void *p, enum ali_call call, const void *caller)
{
    const struct ali_slab *slab = ali_hardens(~0U) ? NULL : ali_find_plain(p);
    struct ali_found found;

    if (ali_likely(slab != NULL))
        return slab->block_bytes;
    if (p == NULL)
        return 0;
    if (!ali_find_live(p, &found)) {
        ali_heap_blame(ALLOT_MISUSE_INVALID_USABLE_SIZE, p, call, caller);
        return 0;
    }
    return ali_harden_check(&found, false, call, caller) ? ali_watch_size(&found) : 0;
}

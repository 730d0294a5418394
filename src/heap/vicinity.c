/* Hardening looks at more than the block in hand, so that a mistake is told near to where it was
 * made, and also when the block that was overrun is never freed:
 *
 *   in time    at each allocation, at the blocks handed out and freed last: a program that writes
 *              too far, or still uses what it has freed, has mostly just done so;
 *   in place   at each free, at the ends of the two blocks beside.
 *
 * Blocks beside, and those handed out last, may belong to other threads by now. Metadata is read of
 * slabs only that are this thread's, which stay; what is in use is looked at with
 * ali_harden_is_damaged; what is free is nobody's but the owner's, who alone hands it out. */
#include "heap/internal.h"

/* How much of a free block beside is looked at. */
#define SIDE_BYTES ((size_t)64)

/* --- what was reported ------------------------------------------------------------------- */

/* With misuse=report a damaged block stays as it is; the last few are not told again by others'
 * calls. Empty in nearly all programs. */
#define REPORTED 16
static _Atomic(char *) reported[REPORTED];
static _Atomic(uint32_t) reported_count;

void ali_near_reported(const struct ali_found *f)
{
    uint32_t place = atomic_fetch_add_explicit(&reported_count, 1, memory_order_relaxed) % REPORTED;

    atomic_store_explicit(&reported[place], f->block, memory_order_relaxed);
}

/* `forget`: it is not that block any more. */
static bool was_reported(const char *block, bool forget)
{
    bool was = false;
    unsigned i;

    if (ali_likely(atomic_load_explicit(&reported_count, memory_order_relaxed) == 0))
        return false;
    for (i = 0; i < REPORTED; i++) {
        if (atomic_load_explicit(&reported[i], memory_order_relaxed) != block)
            continue;
        was = true;
        if (forget)
            atomic_store_explicit(&reported[i], NULL, memory_order_relaxed);
    }
    return was;
}

/* --- in time ------------------------------------------------------------------------------ */

void ali_near_note(struct ali_block *b, struct ali_slab *slab, char *block,
                   const struct ali_request *request)
{
    if (ali_hardening.extra_bytes == 0 || ali_guard_is_void(b->heap))
        return;
    (void)was_reported(block, true);
    b->newest[b->newest_next++ % ALI_NEWEST] = (struct ali_newest){
        .slab = slab, .block = block, .size = request->size, .call = request->call};
}

/* A block of one of b's slabs. */
static bool find_near(struct ali_found *f, struct ali_slab *slab, size_t index)
{
    if (index >= slab->count)
        return false;
    *f = (struct ali_found){.span = ali_slab_span(slab),
                            .slab = slab,
                            .block = ali_slab_base(slab) + index * slab->block_bytes,
                            .block_bytes = slab->block_bytes,
                            .state = slab->states + index,
                            .exact = true};
    return true;
}

static void look_at_newest(struct ali_block *b, struct ali_newest newest,
                           const struct ali_request *request)
{
    struct ali_slab *slab = newest.slab;
    struct ali_found f;
    size_t offset;

    /* acquire: pairs with the release in set_holder; a slab that has come back to b may be of
     * another class by now */
    if (slab == NULL || atomic_load_explicit(&slab->holder, memory_order_acquire) != b)
        return;
    offset = (size_t)(newest.block - ali_slab_base(slab));
    if (offset % slab->block_bytes != 0 || !find_near(&f, slab, offset / slab->block_bytes) ||
        newest.size > f.block_bytes - ali_hardening.extra_bytes || was_reported(f.block, false) ||
        !ali_harden_is_damaged(&f))
        return;
    (void)ali_harden_check(&f, false, request->call, request->caller);
    ali_harden_reseal(&f, newest.size, (enum ali_call)newest.call);
}

void ali_near_look(struct ali_block *b, const struct ali_request *request)
{
    unsigned i;

    for (i = 0; i < ALI_NEWEST; i++)
        look_at_newest(b, b->newest[i], request);
    ali_quarantine_look(request->call, request->caller);
}

/* --- in place ----------------------------------------------------------------------------- */

static void blame_side(const struct ali_found *f, const char *side, enum ali_call call,
                       const void *caller)
{
    char detail[96];
    struct ali_text t;

    ali_text_init(&t, detail, sizeof detail);
    ali_text_str(&t, "bytes right ");
    ali_text_str(&t, side);
    ali_text_str(&t, " the block, which are nobody's, were written");
    ali_heap_blame_content(ALLOT_MISUSE_HEAP_OVERFLOW, f, detail, call, caller);
}

void ali_near_check_sides(const struct ali_found *f, enum ali_call call, const void *caller)
{
    struct ali_block *holder;
    struct ali_found side;
    size_t index, part;

    if (f->slab == NULL || ali_guard_is_void_block(f))
        return;
    holder = atomic_load_explicit(&f->slab->holder, memory_order_acquire);
    if (holder == NULL || !ali_block_is_mine(holder))
        return;
    part = ali_min(SIDE_BYTES, f->block_bytes);
    index = (size_t)(f->block - ali_slab_base(f->slab)) / f->block_bytes;
    if (index > 0 && find_near(&side, f->slab, index - 1)) {
        /* acquire: pairs with the release of a free by another thread, which filled it before */
        if (__atomic_load_n(side.state, __ATOMIC_ACQUIRE) == ALI_STATE_FREE) {
            if (ali_harden_side_spoilt(side.block + side.block_bytes - part, part))
                blame_side(f, "in front of", call, caller);
        } else if (ali_hardening.extra_bytes != 0 && !was_reported(side.block, false) &&
                   ali_harden_is_damaged(&side)) {
            (void)ali_harden_check(&side, false, call, caller);
        }
    }
    if (find_near(&side, f->slab, index + 1) &&
        __atomic_load_n(side.state, __ATOMIC_ACQUIRE) == ALI_STATE_FREE &&
        ali_harden_side_spoilt(side.block, part))
        blame_side(f, "behind", call, caller);
}

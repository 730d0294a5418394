/* The life of a slab: made, taken into a slot, parked, listed, woken, retired. */
#include "heap/internal.h"

/* State bytes come from pools by size, 64 to 4096. */
static struct ali_pool state_pools[] = {
    ALI_POOL_INIT(64),   ALI_POOL_INIT(128),  ALI_POOL_INIT(256),  ALI_POOL_INIT(512),
    ALI_POOL_INIT(1024), ALI_POOL_INIT(2048), ALI_POOL_INIT(4096),
};

struct ali_pool *ali_state_pool(unsigned state_bytes)
{
    unsigned i = 0;

    while (state_pools[i].piece_bytes < state_bytes)
        i++;
    ali_require(i < ALI_ARRAY_COUNT(state_pools));
    return &state_pools[i];
}

void *ali_heap_piece(struct ali_pool *pool)
{
    struct ali_span_request want = {.slices = 1, .align_slices = 1};
    struct ali_span *span;
    void *piece = ali_pool_take(pool);
    bool zero;

    if (ali_likely(piece != NULL))
        return piece;
    span = ali_span_alloc(&want, &zero);
    if (span == NULL)
        return NULL;
    ali_metadata_offer(ali_span_base(span), ALI_SLICE_BYTES);
    return ali_pool_take(pool);
}

/* Eight bytes of anything. */
struct word {
    uint64_t bits;
} __attribute__((may_alias));

/* --- counts ------------------------------------------------------------------------------- */

void ali_slab_arm(struct ali_slab *slab, int32_t used, int32_t event_used)
{
    bool is_active = event_used == -1; /* nobody needs to be told: its owner looks at it anyway */
    int32_t trigger = used - event_used;

    if (trigger < 1) {
        event_used = used - 1;
        trigger = 1;
    }
    slab->event_used = event_used;
    slab->trigger = trigger;
    /* relaxed: ordered by the read-modify-write in ali_slab_recheck */
    atomic_store_explicit(&slab->remote_threshold, is_active ? UINT32_MAX : (uint32_t)trigger,
                          memory_order_relaxed);
    if (!is_active)
        ali_slab_recheck(slab);
}

int32_t ali_slab_collect(struct ali_slab *slab)
{
    /* acq_rel: release pairs with the acquire of the publisher's add, so that a publisher that
     * comes after this sees the link open (remote.c) */
    uint32_t freed = atomic_exchange_explicit(&slab->remote_freed, 0, memory_order_acq_rel);
    int32_t used = ali_slab_used(slab) - (int32_t)freed;

    if (used < 0)
        used = 0; /* counts drift when programs race; whoever acts on 0 looks at the states */
    if (used > slab->count)
        used = slab->count; /* frees that a refill has seen, and nobody has published yet */
    slab->trigger = used - slab->event_used;
    return used;
}

/* --- the owner's lists -------------------------------------------------------------------- */

void ali_slab_list(struct ali_block *b, struct ali_slab *slab)
{
    uint32_t index = ali_slab_index(slab);
    uint32_t *first = &b->partial[slab->class_index];

    slab->prev = 0;
    slab->next = *first;
    if (*first != 0)
        ali_slab_by_index(*first)->prev = index;
    else
        b->partial_last[slab->class_index] = index;
    *first = index;
    slab->listed = true;
}

void ali_slab_unlist(struct ali_block *b, struct ali_slab *slab)
{
    if (slab->prev != 0)
        ali_slab_by_index(slab->prev)->next = slab->next;
    else
        b->partial[slab->class_index] = slab->next;
    if (slab->next != 0)
        ali_slab_by_index(slab->next)->prev = slab->prev;
    else
        b->partial_last[slab->class_index] = slab->prev;
    slab->next = slab->prev = 0;
    slab->listed = false;
    ali_sparse_forget(b, slab);
}

/* --- modes -------------------------------------------------------------------------------- */

/* From PARKED only: false while another thread purges it. Acquire: what the purger did with the
 * pages is before what we do with them. */
static bool activate(struct ali_slab *slab)
{
    uint8_t parked = ALI_MODE_PARKED;

    return atomic_compare_exchange_strong_explicit(&slab->mode, &parked, ALI_MODE_ACTIVE,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Release: a purger that sees PARKED sees the blocks handed out before as live. */
static void park(struct ali_slab *slab)
{
    atomic_store_explicit(&slab->mode, ALI_MODE_PARKED, memory_order_release);
}

void ali_slab_put_away(struct ali_block *b, struct ali_slab *slab)
{
    struct ali_slot *slot = &b->slots[slab->class_index];

    ali_poke(slot->slab, NULL);
    ali_poke(slot->bits, 0);
    park(slab);
    /* Blocks may have become free since they were looked at, and their frees been collected: then
     * nobody would speak of them again. So the counts decide where it goes. */
    ali_slab_event(b, slab);
}

void ali_slot_empty(struct ali_block *b, unsigned class_index)
{
    struct ali_slot *slot = &b->slots[class_index];

    if (slot->slab == NULL)
        return;
    slot->slab->trigger -= (int32_t)ali_bit_count(slot->bits | b->parked_bits[class_index]);
    ali_poke(b->parked_bits[class_index], 0);
    ali_slab_put_away(b, slot->slab);
}

static void take_into_slot(struct ali_block *b, struct ali_slab *slab)
{
    const struct ali_class *class = &ali_classes[slab->class_index];

    slab->pass_left = (uint16_t)((slab->count + class->window - 1U) / class->window);
    slab->pass_found = true;
    ali_slab_arm(slab, ali_slab_used(slab), -1);
    ali_poke(b->slots[slab->class_index].slab, slab);
    b->slots[slab->class_index].block_bytes = slab->block_bytes;
}

/* --- birth and death ---------------------------------------------------------------------- */

/* The link is CLOSED. */
static void set_holder(struct ali_slab *slab, struct ali_block *b)
{
    atomic_store_explicit(&slab->holder, b, memory_order_release);
    /* the fast free compares this with ali_self; wide slabs are freed on the slow path */
    if (slab->kind == ALI_KIND_SLAB)
        atomic_store_explicit(&slab->owner, b, memory_order_release);
    ali_slab_open(slab);
}

/* A whole word at a time, and not by memset: somebody who walks the heap may look at the states of
 * the slab that had this piece before. */
static void make_states(uint8_t *states, const struct ali_class *class)
{
    struct word *words = (struct word *)(void *)states;
    unsigned whole = class->count / 8;
    unsigned i;

    for (i = 0; i < whole; i++)
        ali_poke(words[i].bits, 0);
    for (; i < class->state_bytes / 8U; i++)
        ali_poke(words[i].bits, UINT64_MAX);
    for (i = whole * 8; i < class->count; i++)
        ali_state_set(states + i, ALI_STATE_FREE);
}

static struct ali_slab *make_slab(struct ali_block *b, struct ali_span *span, unsigned class_index,
                                  bool zero)
{
    const struct ali_class *class = &ali_classes[class_index];
    struct ali_slab *slab = ali_slab_of(span);
    uint8_t *states = ali_heap_piece(ali_state_pool(class->state_bytes));
    unsigned i;

    if (states == NULL)
        return NULL;
    make_states(states, class);
    ali_poke(slab->recip, class->recip); /* these are read by threads that are late, too */
    ali_poke(slab->block_bytes, class->block_bytes);
    ali_poke(slab->count, class->count);
    /* in this order for ali_slab_look() */
    __atomic_store_n(&slab->class_index, (uint8_t)class_index, __ATOMIC_RELEASE);
    __atomic_store_n(&slab->states, states, __ATOMIC_RELEASE);
    slab->cursor = ali_harden_first(b, class);
    ali_poke(slab->high, 0);
    slab->clean = zero;
    slab->listed = false;
    slab->next = slab->prev = 0;
    atomic_store_explicit(&slab->remote_freed, 0, memory_order_relaxed);
    ali_slab_arm(slab, 0, -1);
    __atomic_store_n(&slab->kind, class->slices == 1 ? ALI_KIND_SLAB : ALI_KIND_WIDE,
                     __ATOMIC_RELEASE);
    for (i = 1; i < class->slices; i++) {
        struct ali_slab *rest = ali_slab_of(span + i);

        ali_poke(rest->part, (uint8_t)i);
        __atomic_store_n(&rest->kind, ALI_KIND_PART, __ATOMIC_RELEASE);
    }
    slab->sparse_bytes = slab->purged_bytes = 0;
    b->slab_bytes += (size_t) class->slices << ALI_SLICE_SHIFT;
    if (!zero)
        ali_harden_forget(b, slab);
    set_holder(slab, b);
    return slab;
}

void ali_slab_clear(struct ali_span *span, unsigned slices)
{
    unsigned i;

    for (i = 0; i < slices; i++) {
        struct ali_slab *slab = ali_slab_of(span + i);

        struct word *words = (struct word *)(void *)slab;
        size_t k;

        atomic_store_explicit(&slab->owner, NULL, memory_order_release);
        ali_poke(slab->kind, ALI_KIND_NONE);
        atomic_store_explicit(&slab->holder, NULL, memory_order_release);
        for (k = 1; k < offsetof(struct ali_slab, holder) / sizeof *words; k++)
            __atomic_store_n(&words[k].bits, 0, __ATOMIC_RELEASE);
        atomic_store_explicit(&slab->mode, ALI_MODE_ACTIVE, memory_order_relaxed);
        ali_poke(slab->part, 0);
    }
}

static void strip(struct ali_slab *slab)
{
    unsigned slices = ali_classes[slab->class_index].slices;
    struct ali_block *b = atomic_load_explicit(&slab->holder, memory_order_relaxed);

    uint8_t *states = slab->states;
    struct ali_pool *pool = ali_state_pool(ali_classes[slab->class_index].state_bytes);

    b->slab_bytes -= (size_t)slices << ALI_SLICE_SHIFT;
    /* In this order: a fork between the two loses the states, the other would share them. */
    ali_slab_clear(ali_slab_span(slab), slices);
    ali_pool_give(pool, states);
}

static void return_span(struct allot_heap *heap, struct ali_span *span)
{
    size_t bytes = ali_span_slices(span) << ALI_SLICE_SHIFT;

    ali_heap_delist(heap, span);
    ali_guard_return(heap, span);
    ali_heap_uncharge(heap, bytes);
}

void ali_slab_discard(struct ali_slab *slab)
{
    struct ali_block *b = atomic_load_explicit(&slab->holder, memory_order_relaxed);

    strip(slab);
    return_span(b->heap, ali_slab_span(slab));
}

/* Some thread purges the slab, whose link is open: it will put it into the inbox afterwards. False:
 * it has finished already. acq_rel, also where it is WANTED before: with the exchange in
 * ali_slab_purge, which comes after this and then finds the link open. */
static bool want(struct ali_slab *slab)
{
    uint8_t mode = atomic_load_explicit(&slab->mode, memory_order_relaxed);

    while (mode != ALI_MODE_PARKED)
        if (atomic_compare_exchange_weak_explicit(&slab->mode, &mode, ALI_MODE_WANTED,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return true;
    return false;
}

/* The states are all 0, and only we could change that. False when the slab cannot go now: it is in
 * an inbox, or will be when it has been purged. Draining will bring us here again. */
static bool retire(struct ali_block *b, struct ali_slab *slab)
{
    if (!ali_slab_close(slab))
        return false;
    while (!activate(slab)) {
        ali_slab_open(slab); /* the caller arms it, which looks at what was missed */
        if (want(slab) || !ali_slab_close(slab))
            return false;
    }
    if (slab->listed)
        ali_slab_unlist(b, slab);
    if (slab->kind == ALI_KIND_SLAB && b->empty_count < ALI_EMPTY_SLABS) {
        strip(slab);
        b->empties[b->empty_count++] = ali_slab_span(slab);
    } else {
        ali_slab_discard(slab);
    }
    return true;
}

void ali_block_release_kept(struct ali_block *b)
{
    while (b->empty_count > 0)
        return_span(b->heap, b->empties[--b->empty_count]);
    ali_large_release_kept(b);
}

/* --- events ------------------------------------------------------------------------------- */

static void resync_active(struct ali_block *b, struct ali_slab *slab)
{
    uint64_t bits = b->slots[slab->class_index].bits | b->parked_bits[slab->class_index];

    ali_slab_arm(slab, (int32_t)(ali_states_used(slab) + ali_bit_count(bits)), -1);
}

void ali_slab_event(struct ali_block *b, struct ali_slab *slab)
{
    int32_t eighth = (int32_t)ali_max(slab->count / 8, 1);
    int32_t used = ali_slab_collect(slab);

    if (b->slots[slab->class_index].slab == slab) {
        resync_active(b, slab);
        return;
    }
    if (used == 0) {
        used = (int32_t)ali_states_used(slab);
        if (used == 0 && retire(b, slab))
            return;
    }
    if (!slab->listed) {
        if (used > slab->count - eighth) {
            ali_slab_arm(slab, used, slab->count - eighth);
            return;
        }
        ali_slab_list(b, slab);
    }
    /* Half of what is left: whether this thread or others free it, one of the two counts fires. */
    ali_slab_arm(slab, used, used / 2);
    if (used * 2 <= slab->count)
        ali_sparse_note(b, slab);
}

/* --- acquisition -------------------------------------------------------------------------- */

static struct ali_slab *take_partial(struct ali_block *b, unsigned class_index)
{
    uint32_t index = b->partial[class_index];

    while (index != 0) {
        struct ali_slab *slab = ali_slab_by_index(index);

        if (activate(slab)) {
            ali_slab_unlist(b, slab);
            ali_slab_collect(slab);
            return slab;
        }
        index = slab->next;
    }
    return NULL;
}

/* Gives an ACTIVE slab another holder. False: it is in the inbox of the old one again. */
static bool hand_over(struct ali_slab *slab, struct ali_block *from, struct ali_block *to)
{
    size_t bytes = (size_t)ali_classes[slab->class_index].slices << ALI_SLICE_SHIFT;

    if (!ali_slab_close(slab)) {
        ali_slab_list(from, slab);
        park(slab);
        return false;
    }
    from->slab_bytes -= bytes;
    to->slab_bytes += bytes;
    set_holder(slab, to);
    return true;
}

/* A partly used slab of a block whose thread has ended. */
static struct ali_slab *take_from_parked(struct ali_block *b, unsigned class_index)
{
    struct ali_block *parked = ali_parked_take(b->heap);
    struct ali_slab *slab;

    if (parked == NULL)
        return NULL;
    ali_inbox_drain(parked);
    slab = take_partial(parked, class_index);
    if (slab != NULL && !hand_over(slab, parked, b))
        slab = NULL;
    ali_parked_give(parked);
    return slab;
}

/* *is_short: there is no memory for one, and the heap's own limit is not why. */
static struct ali_slab *take_new(struct ali_block *b, unsigned class_index, bool *is_short)
{
    unsigned slices = ali_classes[class_index].slices;
    struct ali_span_request want = {.slices = slices + ali_guard_slices(), .align_slices = 1};
    struct ali_span *span;
    struct ali_slab *slab;
    bool zero = false;

    if (slices == 1 && b->empty_count > 0) {
        span = b->empties[--b->empty_count];
    } else {
        if (!ali_heap_charge(b->heap, b, want.slices << ALI_SLICE_SHIFT))
            return NULL;
        span = ali_span_alloc(&want, &zero);
        if (span == NULL) {
            ali_heap_uncharge(b->heap, want.slices << ALI_SLICE_SHIFT);
            *is_short = true;
            return NULL;
        }
        ali_heap_enlist(b->heap, span);
        ali_guard_slab(b, span, slices);
    }
    slab = make_slab(b, span, class_index, zero);
    if (slab == NULL) {
        return_span(b->heap, span);
        *is_short = true;
    }
    return slab;
}

static struct ali_slab *take_any(struct ali_block *b, unsigned class_index, bool *is_short)
{
    struct ali_slab *slab = take_partial(b, class_index);

    if (slab == NULL)
        slab = take_from_parked(b, class_index);
    if (slab == NULL)
        slab = take_new(b, class_index, is_short);
    return slab;
}

bool ali_slot_acquire(struct ali_block *b, unsigned class_index)
{
    struct ali_slab *slab;
    bool is_short = false;

    ali_inbox_drain(b);
    slab = take_any(b, class_index, &is_short);
    if (slab == NULL && is_short) {
        ali_heap_make_room(b);
        slab = take_any(b, class_index, &is_short);
    }
    if (slab == NULL)
        return false;
    ali_slot_empty(b, class_index); /* a limit's callback may have allocated */
    take_into_slot(b, slab);
    return true;
}

void ali_state_pools_fork_child(void)
{
    unsigned i;

    for (i = 0; i < ALI_ARRAY_COUNT(state_pools); i++)
        ali_pool_fork_child(&state_pools[i]);
}

/* The heap's side of the observe seam.
 *
 * Two ways in, none of which costs the hit path anything:
 *   everything  the mask of a refill is kept out of the slot, so every call misses;
 *   a sample    the countdown of bytes is charged with a whole mask at refill; where it ends
 *               inside the mask, the rest is kept out, and the call that would have taken the next
 *               block misses and is the sample.
 * A watched block has a state of its own, one for each turn of an observer, so its free misses as
 * well, and goes to whom the allocation was told. Hardening keeps everything out of
 * the slots in the same way, and a block that is hardened and not observed is HARDENED. */
#include "heap/internal.h"

/* The turn of the observer that is to see an allocation of this thread; 0 none, or it is its own.
 */
static uint32_t turn_now(void)
{
    return ali_observe_paused ? 0 : ali_observer_turn_now();
}

static int64_t next_interval(struct ali_block *b, const struct ali_observer *observer)
{
    return (int64_t)ali_observe_interval(observer->mean_bytes, &b->random);
}

static void arm_for(struct ali_block *b, const struct ali_observer *observer)
{
    if (b->sampled_for == observer)
        return;
    b->sampled_for = observer;
    b->sample_left = observer->mean_bytes == 0 ? 0 : next_interval(b, observer);
}

/* Charges the countdown with the blocks of a mask; those that end before it go into the slot. */
static uint64_t charge_mask(struct ali_block *b, uint64_t bits, int64_t size)
{
    int64_t all = (int64_t)ali_bit_count(bits) * size;
    uint64_t visible = 0;

    if (b->sample_left > all) {
        b->sample_left -= all;
        return bits;
    }
    while (b->sample_left > size) {
        visible |= bits & -bits;
        bits &= bits - 1;
        b->sample_left -= size;
    }
    return visible;
}

/* Those of the mask that the hit path may hand out. */
static uint64_t visible_of(struct ali_block *b, uint64_t bits, int64_t size)
{
    const struct ali_observer *observer = ali_observer_now();

    if (observer != NULL) {
        arm_for(b, observer);
        if (observer->mean_bytes == 0)
            return 0;
    }
    if (ali_hardens_calls())
        return 0;
    return observer == NULL ? bits : charge_mask(b, bits, size);
}

void ali_watch_admit(struct ali_block *b, unsigned class_index, uint64_t bits)
{
    struct ali_slot *slot = &b->slots[class_index];
    uint64_t visible = bits;

    if (ali_unlikely(ali_observer_now() != NULL || ali_hardens_calls()))
        visible = visible_of(b, bits, slot->block_bytes);
    ali_poke(slot->bits, visible);
    ali_poke(b->parked_bits[class_index], bits & ~visible);
}

/* The turn in which an allocation that missed is to be watched, 0: it is not; charges it. */
static uint32_t turn_due(struct ali_block *b, size_t bytes)
{
    uint32_t turn = turn_now();
    const struct ali_observer *observer = ali_observer_at(turn);

    if (observer == NULL)
        return 0;
    arm_for(b, observer);
    if (observer->mean_bytes == 0)
        return turn;
    b->sample_left -= (int64_t)bytes;
    if (b->sample_left > 0)
        return 0;
    b->sample_left = next_interval(b, observer);
    return turn;
}

/* Nobody, when the turn is over. */
static void tell_allocated(uint32_t turn, void *p, size_t given_bytes,
                           const struct ali_request *request)
{
    const struct ali_observer *observer = ali_observer_at(turn);

    struct ali_event event = {.p = p,
                              .size = request->size,
                              .align = request->align,
                              .caller = request->caller,
                              .was = request->was,
                              .zero = request->zero};

    if (turn != turn_now() || observer == NULL)
        return;
    event.weight_bytes = ali_observe_weight(observer->mean_bytes, given_bytes);
    ali_observe_paused = true;
    observer->allocated(&event, observer->arg);
    ali_observe_paused = false;
}

bool ali_watch_refuses(const struct ali_request *request)
{
    const struct ali_observer *observer = ali_observer_at(turn_now());
    bool refused;

    if (observer == NULL || observer->refuse == NULL || observer->mean_bytes != 0)
        return false;
    ali_observe_paused = true;
    refused = observer->refuse(request->size, request->caller, observer->arg);
    ali_observe_paused = false;
    if (refused)
        ali_error_set(ALLOT_LAYER_HEAP, ALLOT_CAUSE_INJECTED, 0);
    return refused;
}

/* --- taking ------------------------------------------------------------------------------- */

static uint8_t state_for(const struct ali_block *b, uint32_t turn)
{
    if (turn != 0)
        return (uint8_t)(ALI_STATE_WATCHED + turn - 1);
    if (ali_hardens_blocks() && !ali_guard_is_void(b->heap))
        return ALI_STATE_HARDENED;
    return ALI_STATE_LIVE;
}

static void prepare(const struct ali_block *b, char *p, size_t block_bytes, bool zero,
                    const struct ali_request *request)
{
    if (ali_hardens_blocks() && !ali_guard_is_void(b->heap))
        ali_harden_issue(p, block_bytes, zero, request);
    else if (request->zero && !zero)
        memset(p, 0, request->size);
}

static char *take_parked(struct ali_block *b, unsigned class_index, uint32_t turn,
                         const struct ali_request *request)
{
    struct ali_slot *slot = &b->slots[class_index];
    uint64_t bits = b->parked_bits[class_index];
    uint64_t i = ali_harden_pick(b, bits);
    char *p = slot->base + i * slot->block_bytes;

    ali_poke(b->parked_bits[class_index], 0);
    prepare(b, p, slot->block_bytes, slot->zero, request);
    /* release: pairs with the acquire in ali_harden_is_damaged */
    __atomic_store_n(slot->states + i, state_for(b, turn), __ATOMIC_RELEASE);
    if (ali_hardens_blocks())
        ali_near_note(b, slot->slab, p, request);
    bits &= ~((uint64_t)1 << i);
    if (bits != 0)
        ali_watch_admit(b, class_index, bits);
    return p;
}

void *ali_watch_take(struct ali_block *b, unsigned class_index, const struct ali_request *request)
{
    size_t block_bytes = b->slots[class_index].block_bytes;
    uint32_t turn = turn_due(b, block_bytes);
    char *p;

    if (ali_hardens_blocks())
        ali_near_look(b, request);
    p = take_parked(b, class_index, turn, request);
    if (turn != 0)
        tell_allocated(turn, p, block_bytes, request);
    return p;
}

void ali_watch_take_large(struct ali_block *b, struct ali_span *span, bool zero,
                          const struct ali_request *request)
{
    struct ali_large *large = ali_large_of(span);
    uint32_t turn = turn_due(b, large->bytes);
    char *p = ali_span_base(span);

    if (ali_hardens_blocks())
        ali_near_look(b, request);
    prepare(b, p, large->bytes, zero, request);
    atomic_store_explicit(&large->state, state_for(b, turn), memory_order_release);
    if (turn != 0)
        tell_allocated(turn, p, large->bytes, request);
}

/* --- freeing ------------------------------------------------------------------------------ */

static void tell_freed(uint32_t turn, const struct ali_event *event)
{
    const struct ali_observer *observer = ali_observer_at(turn);

    if (turn != turn_now() || observer == NULL)
        return;
    ali_observe_paused = true;
    observer->freed(event, observer->arg);
    ali_observe_paused = false;
}

bool ali_watch_freed(struct ali_found *f, uint8_t state, enum ali_call call, const void *caller)
{
    if (!ali_harden_check(f, true, call, caller))
        return false;
    if (ali_hardens_blocks())
        ali_near_check_sides(f, call, caller);
    if (ali_state_is_watched(state)) {
        struct ali_event event = {
            .p = f->block, .size = ali_watch_size(f), .caller = caller, .moved = f->moved};

        tell_freed(state - ALI_STATE_WATCHED + 1U, &event);
    }
    ali_harden_erase(f);
    return true;
}

/* --- sizes -------------------------------------------------------------------------------- */

bool ali_watch_knows_size(const struct ali_found *f)
{
    return ali_hardening.extra_bytes != 0 || ali_guard_is_void_block(f);
}

size_t ali_watch_size(const struct ali_found *f)
{
    return ali_guard_is_void_block(f) ? 0 : ali_harden_size(f);
}

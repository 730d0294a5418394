/* Refill: from state bytes to the mask of a slot.
 *
 * A pass over a slab looks at each window of blocks once. The window last taken is looked at again
 * first: a program that allocates and frees a few blocks again and again stays on the same lines.
 * Reading never writes, so that two threads that free and one that refills do not wait for one
 * another.
 *
 * At the end of a pass a slab that has less than an eighth free leaves the slot; it comes back when
 * its trigger says that an eighth is free. Without that, a nearly full slab would be scanned again
 * for every single block. */
#include "heap/internal.h"
#include "heap/mask.h"

unsigned ali_states_used(const struct ali_slab *slab)
{
    unsigned free_blocks = 0;
    unsigned i;

    for (i = 0; i < slab->count; i += ALI_WORD_BLOCKS)
        free_blocks += ali_bit_count(ali_states_free_mask(slab->states + i));
    return slab->count - free_blocks;
}

/* Half of what was ever handed out: blocks that have never been touched cost a page fault and stay
 * resident, so that a slab with few live blocks keeps to its first pages. */
static bool half_is_free(const struct ali_slab *slab)
{
    uint32_t freed = atomic_load_explicit(&slab->remote_freed, memory_order_relaxed);

    return (ali_slab_used(slab) - (int32_t)freed) * 2 <= slab->high;
}

/* Looks at the rest of the pass. Moves the cursor to the window found; 0 when there is none. */
static uint64_t next_window(struct ali_slab *slab, unsigned window)
{
    unsigned first = slab->cursor;
    unsigned loaded = ~0U;
    uint64_t mask = 0;

    while (slab->pass_left > 0) {
        uint64_t bits;
        unsigned word;

        slab->pass_left--;
        first += window;
        if (first >= slab->count || (first >= slab->high && half_is_free(slab)))
            first = 0;
        word = first & ~(ALI_WORD_BLOCKS - 1U);
        if (word != loaded) {
            mask = ali_states_free_mask(slab->states + word);
            loaded = word;
        }
        bits = mask >> (first % ALI_WORD_BLOCKS) & ali_window_mask(window);
        if (bits != 0) {
            slab->cursor = (uint16_t)first;
            slab->pass_found = true;
            return bits;
        }
    }
    return 0;
}

/* The pass is over: begins another if the slab is worth it. */
static bool begin_pass(struct ali_slab *slab, const struct ali_class *class)
{
    int32_t used;
    int32_t eighth = (int32_t)ali_max(slab->count / 8, 1);

    if (!slab->pass_found)
        ali_slab_arm(slab, slab->count, -1); /* the truth, whatever the counts had drifted to */
    used = ali_slab_collect(slab);
    slab->pass_left = (uint16_t)((slab->count + class->window - 1U) / class->window);
    if (used > slab->count - eighth || !slab->pass_found)
        return false;
    slab->pass_found = false;
    return true;
}

/* Blocks of a part-used slab have been out of use for a while: by the time they are handed out,
 * one after another, their first lines are on the way. */
static void prefetch_blocks(const struct ali_slot *slot, uint64_t bits)
{
    unsigned n = 0;

    if (slot->fresh)
        return;
    while (bits != 0 && n++ < 12) {
        __builtin_prefetch(slot->base + ali_low_bit(bits) * slot->block_bytes, 1);
        bits &= bits - 1;
    }
}

static void fill_slot(struct ali_block *b, unsigned class_index, uint64_t bits)
{
    struct ali_slot *slot = &b->slots[class_index];
    struct ali_slab *slab = slot->slab;
    unsigned first = slab->cursor;

    ali_poke(slot->states, slab->states + first);
    slot->base = ali_slab_base(slab) + (size_t)first * slab->block_bytes;
    ali_poke(slot->fresh, first >= slab->high);
    slot->zero = slot->fresh && slab->clean;
    if (slot->fresh)
        ali_poke(slab->high, (uint16_t)(first + ali_classes[class_index].window));
    slab->trigger += (int32_t)ali_bit_count(bits);
    ali_count(b->refills[class_index], 1);
    prefetch_blocks(slot, bits);
    ali_watch_admit(b, class_index, bits);
}

bool ali_slot_refill(struct ali_block *b, unsigned class_index)
{
    const struct ali_class *class = &ali_classes[class_index];
    struct ali_slab *slab = b->slots[class_index].slab;
    uint64_t bits;

    if (slab == NULL)
        return false;
    bits = ali_window_bits(slab, slab->cursor, class->window);
    if (ali_bit_count(bits) * 2 < class->window) {
        do {
            bits = next_window(slab, class->window);
        } while (bits == 0 && begin_pass(slab, class));
        if (bits == 0) {
            ali_slab_put_away(b, slab);
            return false;
        }
    }
    fill_slot(b, class_index, bits);
    return true;
}

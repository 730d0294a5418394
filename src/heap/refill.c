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

#if defined(__SANITIZE_THREAD__)
uint64_t ali_states_free_mask(const uint8_t *states)
{
    uint64_t mask = 0;
    unsigned i;

    for (i = 0; i < ALI_WORD_BLOCKS; i++)
        if (atomic_load_explicit((const _Atomic(uint8_t) *)(states + i), memory_order_acquire) == 0)
            mask |= (uint64_t)1 << i;
    return mask;
}
#elif defined(__SSE2__)
#include <emmintrin.h>
uint64_t ali_states_free_mask(const uint8_t *states)
{
    const __m128i *word = (const __m128i *)(const void *)states;
    const __m128i zero = _mm_setzero_si128();
    uint64_t mask = 0;
    int i;

    for (i = 3; i >= 0; i--)
        mask = mask << 16 |
               (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(word + i), zero));
    /* pairs with the release store of FREE by a remote free: what the freeing thread did with the
     * block is before what its next owner does */
    atomic_thread_fence(memory_order_acquire);
    return mask;
}
#else
uint64_t ali_states_free_mask(const uint8_t *states)
{
    const uint64_t ones = 0x0101010101010101U;
    uint64_t mask = 0;
    int i;

    for (i = 7; i >= 0; i--) {
        uint64_t v;

        memcpy(&v, states + 8 * i, sizeof v);
        /* bit 0 of each byte becomes 1 where the byte is 0; then the eight bits are gathered */
        v |= v >> 4;
        v |= v >> 2;
        v |= v >> 1;
        v = ~v & ones;
        mask = mask << 8 | (v * 0x0102040810204080U) >> 56;
    }
    atomic_thread_fence(memory_order_acquire); /* as above */
    return mask;
}
#endif

unsigned ali_states_used(const struct ali_slab *slab)
{
    unsigned free_blocks = 0;
    unsigned i;

    for (i = 0; i < slab->count; i += ALI_WORD_BLOCKS)
        free_blocks += ali_bit_count(ali_states_free_mask(slab->states + i));
    return slab->count - free_blocks;
}

static uint64_t window_mask(unsigned window)
{
    return window == ALI_WORD_BLOCKS ? ~(uint64_t)0 : ((uint64_t)1 << window) - 1;
}

static uint64_t window_bits(const struct ali_slab *slab, unsigned first, unsigned window)
{
    uint64_t mask = ali_states_free_mask(slab->states + ali_align_down(first, ALI_WORD_BLOCKS));

    return mask >> (first % ALI_WORD_BLOCKS) & window_mask(window);
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
        if (first >= slab->count)
            first = 0;
        word = first & ~(ALI_WORD_BLOCKS - 1U);
        if (word != loaded) {
            mask = ali_states_free_mask(slab->states + word);
            loaded = word;
        }
        bits = mask >> (first % ALI_WORD_BLOCKS) & window_mask(window);
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

static void fill_slot(struct ali_block *b, unsigned class_index, uint64_t bits)
{
    struct ali_slot *slot = &b->slots[class_index];
    struct ali_slab *slab = slot->slab;
    unsigned first = slab->cursor;

    slot->states = slab->states + first;
    slot->base = ali_slab_base(slab) + (size_t)first * slab->block_bytes;
    slot->fresh = first >= slab->high;
    slot->zero = slot->fresh && slab->clean;
    if (slot->fresh)
        slab->high = (uint16_t)(first + ali_classes[class_index].window);
    slab->trigger += (int32_t)ali_bit_count(bits);
    b->refills[class_index]++;
    ali_watch_admit(b, class_index, bits);
}

bool ali_slot_refill(struct ali_block *b, unsigned class_index)
{
    const struct ali_class *class = &ali_classes[class_index];
    struct ali_slab *slab = b->slots[class_index].slab;
    uint64_t bits;

    if (slab == NULL)
        return false;
    bits = window_bits(slab, slab->cursor, class->window);
    if (ali_bit_count(bits) * 2 < class->window) {
        do {
            bits = next_window(slab, class->window);
        } while (bits == 0 && begin_pass(slab, class));
        if (bits == 0) {
            ali_slab_park_full(b, slab);
            return false;
        }
    }
    fill_slot(b, class_index, bits);
    return true;
}

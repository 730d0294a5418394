/* From state bytes to masks: bit i is set when byte i is 0. Reading only, so that threads that free
 * and one that refills do not wait for one another. */
#ifndef ALI_HEAP_MASK_H
#define ALI_HEAP_MASK_H

#include "heap/slab.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* 64 states, aligned to 64. */
#if defined(__SANITIZE_THREAD__)
ALI_INLINE uint64_t ali_states_free_mask(const uint8_t *states)
{
    uint64_t mask = 0;
    unsigned i;

    for (i = 0; i < ALI_WORD_BLOCKS; i++)
        if (atomic_load_explicit((const _Atomic(uint8_t) *)(states + i), memory_order_acquire) == 0)
            mask |= (uint64_t)1 << i;
    return mask;
}
#elif defined(__SSE2__)
ALI_INLINE uint64_t ali_states_free_mask(const uint8_t *states)
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
ALI_INLINE uint64_t ali_states_free_mask(const uint8_t *states)
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

ALI_INLINE uint64_t ali_window_mask(unsigned window)
{
    return window == ALI_WORD_BLOCKS ? ~(uint64_t)0 : ((uint64_t)1 << window) - 1;
}

/* The free ones of `window` blocks from `first` on; a window never crosses a word. */
ALI_INLINE uint64_t ali_window_bits(const struct ali_slab *slab, unsigned first, unsigned window)
{
    uint64_t mask = ali_states_free_mask(slab->states + ali_align_down(first, ALI_WORD_BLOCKS));

    return mask >> (first % ALI_WORD_BLOCKS) & ali_window_mask(window);
}

#endif

/* From the state bytes of a window to a mask, one body an instruction set. */
#ifndef ALI_REGION_MASK_H
#define ALI_REGION_MASK_H

#include "base/base.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* ThreadSanitizer must see that what is read may change. */
#if defined(__SANITIZE_THREAD__)
#define ALI_RACES_ARE_SEEN 1
#elif defined(__has_feature)
#define ALI_RACES_ARE_SEEN __has_feature(thread_sanitizer)
#else
#define ALI_RACES_ARE_SEEN 0
#endif

#define ALI_WINDOW 64

/* Bit i: (states[i] & mask) == value; 64 of them, aligned to 16.
 * Bytes that another thread changes meanwhile are those of live objects, old or new: each byte is
 * read once, and nobody asks for two of them at the same instant. */
#if defined(__SSE2__) && !ALI_RACES_ARE_SEEN
ALI_INLINE uint64_t ali_states_equal(const uint8_t *states, uint8_t mask, uint8_t value)
{
    const __m128i masks = _mm_set1_epi8((char)mask);
    const __m128i values = _mm_set1_epi8((char)value);
    uint64_t bits = 0;

    for (unsigned i = 0; i < ALI_WINDOW; i += 16) {
        __m128i some = _mm_load_si128((const __m128i *)(const void *)(states + i));
        int equal = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(some, masks), values));

        bits |= (uint64_t)(unsigned)equal << i;
    }
    return bits;
}
#else
ALI_INLINE uint64_t ali_states_equal(const uint8_t *states, uint8_t mask, uint8_t value)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t low = 0x7f * ones;
    uint64_t bits = 0;

    for (unsigned i = 0; i < ALI_WINDOW / 8; i++) {
        uint64_t w =
            __atomic_load_n((const uint64_t *)(const void *)(states + 8 * i), __ATOMIC_RELAXED);

        w = (w & mask * ones) ^ value * ones;
        w = ~(((w & low) + low) | w | low); /* 0x80 in each byte that is zero */
        bits |= ((w >> 7) * UINT64_C(0x0102040810204080) >> 56) << 8 * i;
    }
    return bits;
}
#endif

#endif

/* Bits, alignment and arithmetic that cannot overflow silently. */
#ifndef ALI_BASE_BITS_H
#define ALI_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ali_likely(x) __builtin_expect(!!(x), 1)
#define ali_unlikely(x) __builtin_expect(!!(x), 0)
#define ALI_NOINLINE __attribute__((noinline))
#define ALI_COLD __attribute__((cold, noinline))
/* A function that means to read what other threads are writing. Not instrumented, as a report of
 * ThreadSanitizer that cannot name it any more could not be suppressed. */
#define ALI_RACY __attribute__((noinline, no_sanitize("thread")))
#define ALI_INLINE static inline __attribute__((always_inline))
/* Keeps the compiler from computing the address again for each use (gcc 12 does). */
#define ALI_KEEP(pointer) __asm__("" : "+r"(pointer))
#define ALI_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ALI_KIB ((size_t)1 << 10)
#define ALI_MIB ((size_t)1 << 20)
#define ALI_GIB ((size_t)1 << 30)

/* The line size that separates fields written by different threads. */
#define ALI_LINE_BYTES 64

ALI_INLINE bool ali_is_pow2(size_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

ALI_INLINE size_t ali_align_up(size_t x, size_t align)
{
    return (x + align - 1) & ~(align - 1);
}

ALI_INLINE size_t ali_align_down(size_t x, size_t align)
{
    return x & ~(align - 1);
}

ALI_INLINE bool ali_is_aligned(const void *p, size_t align)
{
    return ((uintptr_t)p & (align - 1)) == 0;
}

ALI_INLINE bool ali_mul_overflows(size_t a, size_t b, size_t *product)
{
    return __builtin_mul_overflow(a, b, product);
}

ALI_INLINE bool ali_add_overflows(size_t a, size_t b, size_t *sum)
{
    return __builtin_add_overflow(a, b, sum);
}

/* Index of the lowest set bit; x is not 0. Wide, because what follows is an address: gcc would
 * extend the int of its builtin, on the path of every malloc. */
ALI_INLINE uint64_t ali_low_bit(uint64_t x)
{
#if defined(__x86_64__)
    uint64_t i;

    __asm__("rep bsfq %1, %0" : "=r"(i) : "rm"(x) : "cc"); /* tzcnt where there is one */
    return i;
#else
    return (uint64_t)__builtin_ctzll(x);
#endif
}

/* Index of the highest set bit; x is not 0. */
ALI_INLINE unsigned ali_high_bit(uint64_t x)
{
    return 63U - (unsigned)__builtin_clzll(x);
}

ALI_INLINE unsigned ali_bit_count(uint64_t x)
{
    /* in line: without the popcnt instruction the builtin is a call that looks up a table */
    x -= x >> 1 & 0x5555555555555555U;
    x = (x & 0x3333333333333333U) + (x >> 2 & 0x3333333333333333U);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fU;
    return (unsigned)(x * 0x0101010101010101U >> 56);
}

ALI_INLINE size_t ali_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

ALI_INLINE size_t ali_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif

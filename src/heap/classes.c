/* The tables of classes.h, made by the preprocessor so that they are read-only and shared. */
#include "heap/classes.h"

#define SLICES(bytes) ((bytes) > ALI_NARROW_MAX ? ALI_WIDE_SLICES : 1)
#define COUNT(bytes) (SLICES(bytes) * ALI_SLICE_BYTES / (bytes))

/* A mask spans at most 16 KiB, so that a program that allocates and frees one buffer again and
 * again keeps getting cache lines it has just used; but always four blocks. */
#define WINDOW(bytes)                                                                              \
    ((bytes) <= 256 ? 64 : (bytes) <= 512 ? 32 : (bytes) <= 1024 ? 16 : (bytes) <= 2048 ? 8 : 4)

#define CLASS(index, bytes, below)                                                                 \
    [index] = {                                                                                    \
        .block_bytes = (bytes),                                                                    \
        .recip = (uint32_t)((((uint64_t)1 << 32) + (bytes)-1) / (bytes)),                          \
        .count = (uint16_t)COUNT(bytes),                                                           \
        .window = WINDOW(bytes),                                                                   \
        .state_bytes =                                                                             \
            (uint16_t)((COUNT(bytes) + ALI_WORD_BLOCKS - 1) / ALI_WORD_BLOCKS * ALI_WORD_BLOCKS),  \
        .slices = SLICES(bytes),                                                                   \
    },

const struct ali_class ali_classes[ALI_CLASS_COUNT] = {ALI_CLASS_LIST(CLASS)};

#define STEPS(index, bytes, below) [(below) / 16 + 1 ...(bytes) / 16] = (index),

const uint8_t ali_class_of_step[ALI_SMALL_MAX / 16 + 1] = {ALI_CLASS_LIST(STEPS)};

unsigned ali_class_aligned(size_t size, size_t align)
{
    size_t want = ali_align_up(size + (size == 0), align);
    unsigned c;

    /* both first: the sum above may have wrapped */
    if (size > ALI_SMALL_MAX || align > ALI_SLICE_BYTES || want > ALI_SMALL_MAX)
        return ALI_CLASS_COUNT;
    c = ali_class_of(want);
    while (c < ALI_CLASS_COUNT && (ali_classes[c].block_bytes & (align - 1)) != 0)
        c++;
    return c;
}

/* Size classes.
 *
 * 16-byte steps to 256, eight a doubling to 1 KiB, four a doubling to 4 KiB; above that sizes that
 * divide a slab with little rest (65536 / n rounded down to 16), 4096 * 2^k always exact. Blocks up
 * to 16 KiB live in slabs of one slice, larger ones to 64 KiB in wide slabs of eight.
 *
 * Measured and kept: see docs/HEAP.md. */
#ifndef ALI_HEAP_CLASSES_H
#define ALI_HEAP_CLASSES_H

#include "span/span.h"

#define ALI_SMALL_MAX ((size_t)65536)  /* largest block that comes from a slab */
#define ALI_NARROW_MAX ((size_t)16384) /* largest block in a slab of one slice */
#define ALI_WIDE_SLICES 8              /* slices of a wide slab */
#define ALI_WORD_BLOCKS 64             /* state bytes read at once, bits of a slot's mask */

/* X(index, block bytes, block bytes of the class below) */
#define ALI_CLASS_LIST(X)                                                                          \
    X(0, 16, 0)                                                                                    \
    X(1, 32, 16)                                                                                   \
    X(2, 48, 32)                                                                                   \
    X(3, 64, 48)                                                                                   \
    X(4, 80, 64)                                                                                   \
    X(5, 96, 80)                                                                                   \
    X(6, 112, 96)                                                                                  \
    X(7, 128, 112)                                                                                 \
    X(8, 144, 128)                                                                                 \
    X(9, 160, 144)                                                                                 \
    X(10, 176, 160)                                                                                \
    X(11, 192, 176)                                                                                \
    X(12, 208, 192)                                                                                \
    X(13, 224, 208)                                                                                \
    X(14, 240, 224)                                                                                \
    X(15, 256, 240)                                                                                \
    X(16, 288, 256)                                                                                \
    X(17, 320, 288)                                                                                \
    X(18, 352, 320)                                                                                \
    X(19, 384, 352)                                                                                \
    X(20, 416, 384)                                                                                \
    X(21, 448, 416)                                                                                \
    X(22, 480, 448)                                                                                \
    X(23, 512, 480)                                                                                \
    X(24, 576, 512)                                                                                \
    X(25, 640, 576)                                                                                \
    X(26, 704, 640)                                                                                \
    X(27, 768, 704)                                                                                \
    X(28, 832, 768)                                                                                \
    X(29, 896, 832)                                                                                \
    X(30, 960, 896)                                                                                \
    X(31, 1024, 960)                                                                               \
    X(32, 1280, 1024)                                                                              \
    X(33, 1536, 1280)                                                                              \
    X(34, 1792, 1536)                                                                              \
    X(35, 2048, 1792)                                                                              \
    X(36, 2560, 2048)                                                                              \
    X(37, 3072, 2560)                                                                              \
    X(38, 3584, 3072)                                                                              \
    X(39, 4096, 3584)                                                                              \
    X(40, 4368, 4096)                                                                              \
    X(41, 4672, 4368)                                                                              \
    X(42, 5040, 4672)                                                                              \
    X(43, 5456, 5040)                                                                              \
    X(44, 5952, 5456)                                                                              \
    X(45, 6544, 5952)                                                                              \
    X(46, 7280, 6544)                                                                              \
    X(47, 8192, 7280)                                                                              \
    X(48, 9360, 8192)                                                                              \
    X(49, 10912, 9360)                                                                             \
    X(50, 13104, 10912)                                                                            \
    X(51, 16384, 13104)                                                                            \
    X(52, 20480, 16384)                                                                            \
    X(53, 24576, 20480)                                                                            \
    X(54, 28672, 24576)                                                                            \
    X(55, 32768, 28672)                                                                            \
    X(56, 40960, 32768)                                                                            \
    X(57, 49152, 40960)                                                                            \
    X(58, 57344, 49152)                                                                            \
    X(59, 65536, 57344)

#define ALI_CLASS_COUNT 60

struct ali_class {
    uint32_t block_bytes;
    uint32_t recip;  /* ceil(2^32 / block_bytes): block index by one multiplication */
    uint16_t count;  /* blocks of a slab */
    uint16_t window; /* blocks of a slot's mask: a power of two, at most ALI_WORD_BLOCKS, bounded in
                        bytes */
    uint16_t state_bytes; /* count rounded up to whole words */
    uint8_t slices;
};

extern const struct ali_class ali_classes[ALI_CLASS_COUNT];

/* Class of a size: entry (size + 15) / 16, for sizes to ALI_SMALL_MAX. */
extern const uint8_t ali_class_of_step[ALI_SMALL_MAX / 16 + 1];

ALI_INLINE unsigned ali_class_of(size_t size)
{
    return ali_class_of_step[(size + 15) >> 4];
}

/* The smallest class of at least `size` bytes all of whose blocks are aligned to `align`;
 * ALI_CLASS_COUNT when there is none. */
unsigned ali_class_aligned(size_t size, size_t align);

#endif

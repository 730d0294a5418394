/* Regions side by side: one table of rows and contenders.
 *
 * A contender is a file that says how it makes a region, allocates, marks and empties, and includes
 * the loops (*_rows.h), so that the same loops are compiled for each, with whatever it inlines. It
 * has the rows that it has the operation for. A pass of a row returns what an operation costs, and
 * a sum over what it wrote and read back, in which all contenders must agree. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum row {
    /* regions */
    PUSH_16,
    PUSH_32,
    PUSH_64,
    REQUEST,
    MARK_REWIND,
    SCOPE_4,
    FRAMES,
    RESET_64M,
    PARSE_16K,
    PARSE_1M,
    /* objects of one size */
    GET_PUT,
    BATCH_64,
    BULK_64,
    RANDOM_1K,
    RANDOM_100K,
    SHARED_1,
    SHARED_2,
    /* stacks */
    PUSH_POP,
    OUT_OF_ORDER,
    STACK_REWIND,
    /* rings */
    RING_96,
    RING_1408,
    RING_THREADS,
    ROWS
};

struct pass {
    enum row row;
    double (*run)(uint64_t *sum); /* in the unit of the row */
};

struct peer {
    const char *name; /* files with one name are one contender */
    const struct pass *passes;
    size_t count;
};

#define PEER(name, passes)                                                                         \
    {                                                                                              \
        name, passes, sizeof(passes) / sizeof((passes)[0])                                         \
    }

double now_ns(void);

/* How often to go round: hardly ever with --quick. */
extern bool bench_quick;

static inline int rounds(int count)
{
    return bench_quick ? count / 200 + 1 : count;
}

/* The compiler takes it that somebody looks at *p. */
#define KEEP(p) __asm__ volatile("" : : "r"(p) : "memory")

/* Texts of objects, lists, numbers and strings; of about 16 KiB and 1 MiB. */
extern const char *document_small, *document_large;

/* What lies in `count` objects of `bytes` bytes. */
static inline uint64_t sum_objects(void *const *objects, size_t count, size_t bytes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bytes; k++)
            sum = sum * 31 + ((const unsigned char *)objects[i])[k];
    return sum;
}

#ifdef __cplusplus
}
#endif
#endif

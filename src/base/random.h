/* A small fast generator for placement decisions; not for secrets.
 * Source: M. E. O'Neill, "PCG", 2014; here Vigna's splitmix64 finaliser over a counter. */
#ifndef ALI_BASE_RANDOM_H
#define ALI_BASE_RANDOM_H

#include <stdint.h>

struct ali_random {
    uint64_t state;
};

static inline uint64_t ali_random_next(struct ali_random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

#endif

/* Three levels of assertion.
 *
 * ali_require      always on, O(1), stands before metadata is trusted; traps.
 * ali_assert       debug, fuzz and test builds.
 * ali_assert_slow  the same builds; for *_valid() walkers that cost more than O(1).
 *
 * None is ever an optimiser assumption: a build without assertions does not treat the
 * condition as known. */
#ifndef ALI_BASE_ASSERT_H
#define ALI_BASE_ASSERT_H

#define ali_require(cond)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            __builtin_trap();                                                                      \
    } while (0)

#ifdef ALI_DEBUG
#define ali_assert(cond) ali_require(cond)
#define ali_assert_slow(cond) ali_require(cond)
#else
#define ali_assert(cond) ((void)sizeof(cond))
#define ali_assert_slow(cond) ((void)sizeof(cond))
#endif

#endif

/* The failing OS.
 *
 * Linked with -Wl,--wrap=..., it stands between the layers and plat: every call is counted, and
 * those that the plan names fail with the error it names, without being made.
 *
 *     fake_fail(FAKE_ALL, FAKE_NTH, 3, ENOMEM);    the third call from now on, once
 *     fake_fail(FAKE_BIT(FAKE_MAP), FAKE_EVERY, 2, ENOMEM);
 *     fake_fail(FAKE_ALL, FAKE_FROM, 1, EPERM);    everything
 *     fake_off();
 *
 * To run something with its n-th call failing until none fails:
 *
 *     for (n = 1;; n++) {
 *         fake_fail(FAKE_ALL, FAKE_NTH, n, ENOMEM);
 *         run();
 *         if (fake_failures() == 0)
 *             break;
 *     }
 *
 * All functions may be called from any thread; a plan is set while no other thread runs. */
#ifndef ALI_TEST_FAKE_H
#define ALI_TEST_FAKE_H

#include <stddef.h>
#include <stdint.h>

enum fake_call {
    FAKE_MAP_AT,
    FAKE_MAP,
    FAKE_MAP_OVER,
    FAKE_UNMAP,
    FAKE_MOVE,
    FAKE_PROTECT,
    FAKE_PURGE,
    FAKE_POPULATE,
    FAKE_HUGE,
    FAKE_GUARD,
    FAKE_UNGUARD,
    FAKE_THREAD_EXIT_HOOK,
    FAKE_THREAD_KEY,
    FAKE_FORK_HOOK,
    FAKE_CREATE,
    FAKE_READ_FILE,
    FAKE_MAP_FILE,
    FAKE_MEMORY_FILE,
    FAKE_TEMPORARY_FILE,
    FAKE_MAP_TWICE,
    FAKE_CALLS
};

#define FAKE_BIT(call) (UINT32_C(1) << (call))
#define FAKE_ALL (FAKE_BIT(FAKE_CALLS) - 1)
/* What fails on real machines for want of memory, maps or permission. */
#define FAKE_MEMORY (FAKE_BIT(FAKE_UNGUARD + 1) - 1)

enum fake_mode {
    FAKE_NTH,   /* the n-th call only */
    FAKE_EVERY, /* every n-th call */
    FAKE_FROM,  /* the n-th and all later ones */
    FAKE_ONE_IN /* each with probability 1/n, from a fixed seed: see fake_seed */
};

/* From now on, counting from 1, calls in the set `calls` fail as `mode` says with `os_error`
 * (positive). Starts both counters of the plan at 0. */
void fake_fail(uint32_t calls, enum fake_mode mode, uint64_t n, int os_error);
void fake_seed(uint64_t seed);
void fake_off(void);

/* Since the last fake_fail or fake_off: calls in the set, and those of them that failed. */
uint64_t fake_planned(void);
uint64_t fake_failures(void);

/* Since the start of the program. */
uint64_t fake_count(enum fake_call call);
/* Bytes mapped by ali_os_map, ali_os_map_at and ali_os_map_file less those unmapped and moved away.
 */
int64_t fake_mapped_bytes(void);

/* Called for every counted call before it is made or fails; NULL for none. */
void fake_watch(void (*watcher)(enum fake_call call, const void *at, size_t bytes));

#endif

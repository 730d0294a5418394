/* The observe seam: the one place where heap and region meet check and profile.
 *
 * Nothing here is tested on a fast path. An observer that wants every allocation makes the heap
 * keep its slots empty, so that every call takes the slow path; one that wants a sample sets a
 * countdown in bytes that is charged when a slot is refilled, and the slot's mask is cut where the
 * countdown falls inside it. An observed object has a state byte that is not plain "live", so its
 * free misses too and is seen. */
#ifndef ALI_CORE_OBSERVE_H
#define ALI_CORE_OBSERVE_H

#include "base/base.h"

struct ali_event {
    void *p;
    size_t size;           /* allocated: what the program asked for; freed: what it could use */
    size_t align;          /* allocated: what it asked for, at least 16 */
    uint64_t weight_bytes; /* allocated: how many bytes this object stands for (its own size when
                              everything is seen) */
    const void *caller;    /* return address of the public call */
    void *was;             /* allocated by a realloc: the object that moved; its end is told next */
    bool zero;             /* allocated: it was to read zero */
    bool moved;            /* freed: by a realloc, see `was` */
};

struct ali_observer {
    /* Called for an observed allocation, before the pointer is returned. Runs on the allocating
     * thread, no lock held. It may allocate: nested allocations are not observed. */
    void (*allocated)(const struct ali_event *event, void *arg);
    /* Called before an observed object is freed; the object is still readable. */
    void (*freed)(const struct ali_event *event, void *arg);
    /* Asked before an allocation that misses, when everything is observed: true makes it fail,
     * ALLOT_CAUSE_INJECTED. NULL: nothing is refused. */
    bool (*refuse)(size_t size, const void *caller, void *arg);
    void *arg;
    /* 0: every allocation. Otherwise the mean number of bytes between samples; intervals are
     * exponential, so that sampling is unbiased (a Poisson process over bytes). */
    uint64_t mean_bytes;
};

/* Installs (or removes, with NULL) the observer. At most one. Takes effect on a thread at its next
 * slot refill at the latest. An observer is told of the end of what it was told the beginning of
 * since it was installed, and of nothing else: objects allocated before, or observed by another
 * one, or by itself before it was removed and installed again, are freed without a word. (Each
 * installation is a turn, and turns are told apart by ALI_OBSERVER_TURNS numbers: an object that
 * lives through so many installations may be reported as freed to one that does not know it.)
 * The struct must live as long as it is installed. Returns 0, or -EBUSY if another one is
 * installed. */
int ali_observe(const struct ali_observer *observer);

#define ALI_OBSERVER_TURNS 64

/* For the heap: the turn now, 1 to ALI_OBSERVER_TURNS, 0 when there is no observer; acquire. */
extern _Atomic(uint32_t) ali_observer_turn; /* written by ali_observe only */

static inline uint32_t ali_observer_turn_now(void)
{
    return atomic_load_explicit(&ali_observer_turn, memory_order_acquire);
}

/* Whose turn that is. */
extern _Atomic(const struct ali_observer *) ali_observers[ALI_OBSERVER_TURNS + 1];

static inline const struct ali_observer *ali_observer_at(uint32_t turn)
{
    return atomic_load_explicit(&ali_observers[turn], memory_order_relaxed);
}

/* The observer now, NULL when none. */
static inline const struct ali_observer *ali_observer_now(void)
{
    return ali_observer_at(ali_observer_turn_now());
}

/* Nothing that the calling thread does now is observed: it is inside an observer, or a region takes
 * memory for objects that the region itself tells of. */
extern _Thread_local bool ali_observe_paused __attribute__((tls_model("initial-exec")));

/* Exponentially distributed number of bytes to the next sample. */
uint64_t ali_observe_interval(uint64_t mean_bytes, struct ali_random *random);

/* How many allocated bytes a sampled object stands for: size / P(sampled); its size when everything
 * is seen. */
uint64_t ali_observe_weight(uint64_t mean_bytes, size_t size);

#endif

/* Where the window lies.
 *
 *   | window ............................ | gap | metas of the window |      fixed places
 *   | metas | gap | window .............. |                                  a place of the
 * kernel's
 *
 * Nothing is reserved: a place is good when the first slices and the first metas can be mapped
 * there. Most machines take the first of the fixed places; smaller address spaces (39 and 42 bits,
 * emulators, Valgrind) a lower one. Where none works the kernel is asked for a hole, and the window
 * is at its low end, since the kernel fills holes from the top. */
#include "span/state.h"

#include <errno.h>

struct ali_region ali_region;
struct ali_span_state ali_spans = {.lock = ALI_LOCK_INIT(ALI_RANK_SPAN)};

/* Slice 0, never mapped, and the first megabyte. */
#define FIRST_SLICES ((uint32_t)(ALI_MIB >> ALI_SLICE_SHIFT))
#define FIRST_METAS_BYTES ALI_SLICE_BYTES

#define GAP_BYTES ALI_GIB
#define SMALL_GAP_BYTES ALI_MIB
#define HUGE_BYTES (2 * ALI_MIB) /* the base is a multiple of it in any case */
#define TRIES_PER_PLACE 4

struct place {
    uint64_t from, to; /* the base is a random GiB of these */
    uint64_t window_bytes;
};

#define TIB ((uint64_t)1 << 40)

static const struct place places[] = {
    {32 * TIB, 64 * TIB, 16 * TIB},
    {1 * TIB, 2 * TIB, 1 * TIB},
    {64 * ALI_GIB, 96 * ALI_GIB, 64 * ALI_GIB},
    {4 * ALI_GIB, 8 * ALI_GIB, 16 * ALI_GIB},
};

/* ThreadSanitizer has shadow for few ranges: this one is for mappings. */
static const struct place tsan_place = {0x7e8000000000, 0x7e9000000000, 256 * ALI_GIB};

extern void __tsan_init(void) __attribute__((weak));

static uint64_t window_of_metas(uint64_t window_bytes)
{
    return window_bytes >> (ALI_SLICE_SHIFT - ALI_META_SHIFT);
}

static int map_first(uintptr_t base, uintptr_t metas)
{
    struct ali_span_state *g = &ali_spans;
    int error = ali_os_map_at((void *)metas, FIRST_METAS_BYTES, ALI_OS_READ_WRITE);

    atomic_fetch_add_explicit(&g->os_calls, 2, memory_order_relaxed);
    if (error)
        return error;
    error = ali_os_map_at((void *)(base + ALI_SLICE_BYTES), FIRST_SLICES << ALI_SLICE_SHIFT,
                          ALI_OS_READ_WRITE);
    if (error)
        (void)ali_os_unmap((void *)metas, FIRST_METAS_BYTES);
    else if (ali_options.huge == ALI_HUGE_NEVER)
        (void)ali_os_huge((void *)(base + ALI_SLICE_BYTES), FIRST_SLICES << ALI_SLICE_SHIFT, false);
    return error;
}

static bool settle(uintptr_t base, uintptr_t metas, uint64_t window_bytes)
{
    if (map_first(base, metas) != 0)
        return false;
    ali_region.base = base;
    ali_region.metas = (struct ali_span *)metas;
    ali_spans.window_slices = (uint32_t)(window_bytes >> ALI_SLICE_SHIFT);
    ali_spans.metas_bytes = FIRST_METAS_BYTES;
    return true;
}

static bool try_place(const struct place *p, struct ali_random *random)
{
    for (int i = 0; i < TRIES_PER_PLACE; i++) {
        uint64_t steps = (p->to - p->from) / ALI_GIB;
        uintptr_t base = p->from + ali_random_next(random) % steps * ALI_GIB;

        if (settle(base, base + p->window_bytes + GAP_BYTES, p->window_bytes))
            return true;
    }
    return false;
}

/* A hole that the kernel would not take back, or NULL. Before another one is asked for it has to
 * go, or every failed start would cost its address space. */
static void *stuck_hole;
static uint64_t stuck_bytes;

/* Noted only after the call, so that no forked child unmaps what is no longer ours. */
static bool close_hole(void *hole, uint64_t bytes)
{
    bool closed;

    stuck_hole = NULL;
    atomic_fetch_add_explicit(&ali_spans.os_calls, 1, memory_order_relaxed);
    closed = ali_os_unmap(hole, bytes) == 0;
    if (!closed) {
        stuck_bytes = bytes;
        stuck_hole = hole;
    }
    return closed;
}

static bool try_kernel_place(uint64_t window_bytes)
{
    uint64_t metas_bytes = ali_align_up(window_of_metas(window_bytes), ALI_SLICE_BYTES);
    uint64_t all = window_bytes + metas_bytes + SMALL_GAP_BYTES + 2 * HUGE_BYTES;
    void *hole;
    uintptr_t metas;

    if (stuck_hole != NULL && !close_hole(stuck_hole, stuck_bytes))
        return false;
    atomic_fetch_add_explicit(&ali_spans.os_calls, 1, memory_order_relaxed);
    hole = ali_os_map(all, ALI_OS_NONE, NULL);
    if (hole == NULL || !close_hole(hole, all))
        return false;
    metas = ali_align_up((uintptr_t)hole, ALI_SLICE_BYTES);
    return settle(ali_align_up(metas + metas_bytes + SMALL_GAP_BYTES, HUGE_BYTES), metas,
                  window_bytes);
}

static bool find_window(void)
{
    struct ali_random random;
    uint64_t bits[2];

    ali_os_random(bits);
    random.state = bits[0] ^ bits[1];
    if (__tsan_init && try_place(&tsan_place, &random))
        return true;
    for (size_t i = 0; !__tsan_init && i < ALI_ARRAY_COUNT(places); i++) {
        if (try_place(&places[i], &random))
            return true;
    }
    for (uint64_t bytes = 64 * ALI_GIB; bytes >= 16 * ALI_MIB; bytes /= 2) {
        if (try_kernel_place(bytes))
            return true;
    }
    return false;
}

static void first_spans(void)
{
    struct ali_span_state *g = &ali_spans;

    head_set(0, ALI_SPAN_HOLE, 1);
    ali_backing_set(1, FIRST_SLICES, ALI_BACKING_ZERO);
    head_set(1, ALI_SPAN_BUSY, FIRST_SLICES);
    g->frontier = 1 + FIRST_SLICES;
    atomic_store_explicit(&g->mapped, FIRST_SLICES, memory_order_relaxed);
    atomic_store_explicit(&g->purge_due_ms, UINT64_MAX, memory_order_relaxed);
    ali_lock(&g->lock);
    ali_free_release_locked(1, FIRST_SLICES, (struct ali_mix){0, 0}, 0);
    ali_unlock(&g->lock);
    ali_span_limit_set(ali_options.limit_bytes);
    atomic_store_explicit(&g->huge, ali_options.huge == ALI_HUGE_ALWAYS, memory_order_relaxed);
    /* release: pairs with the acquire of who compares an offset with it */
    atomic_store_explicit(&ali_region.limit_bytes, (size_t)g->frontier << ALI_SLICE_SHIFT,
                          memory_order_release);
}

enum { NEW, STARTING, READY };
static _Atomic(uint32_t) state, waiters;

bool ali_region_init(void)
{
    uint32_t seen = NEW;

    if (atomic_load_explicit(&state, memory_order_acquire) == READY)
        return true;
    if (!atomic_compare_exchange_strong_explicit(&state, &seen, STARTING, memory_order_acquire,
                                                 memory_order_acquire)) {
        atomic_fetch_add_explicit(&waiters, 1, memory_order_relaxed);
        while ((seen = atomic_load_explicit(&state, memory_order_acquire)) == STARTING)
            ali_os_wait(&state, STARTING);
        ali_os_wake_one(&state); /* the next one that waits */
        return seen == READY;
    }
    ali_os_init();
    seen = find_window() ? READY : NEW;
    if (seen == READY)
        first_spans();
    /* release: pairs with the acquire above; who sees READY sees the region */
    atomic_store_explicit(&state, seen, memory_order_release);
    if (atomic_exchange_explicit(&waiters, 0, memory_order_relaxed) > 0)
        ali_os_wake_one(&state);
    return seen == READY;
}

void ali_region_fork_child(void)
{
    bool published = atomic_load_explicit(&ali_region.limit_bytes, memory_order_relaxed) != 0;

    if (atomic_load_explicit(&state, memory_order_relaxed) != STARTING)
        return;
    if (!published)
        ali_spans = (struct ali_span_state){.lock = ALI_LOCK_INIT(ALI_RANK_SPAN)};
    atomic_store_explicit(&state, published ? READY : NEW, memory_order_relaxed);
}

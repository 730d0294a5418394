/* Figures and look-ups for reports; nothing here changes anything. */
#include "span/state.h"

#include <errno.h>

static size_t slices_bytes(uint32_t slices)
{
    return (size_t)slices << ALI_SLICE_SHIFT;
}

size_t ali_span_dirty_bytes(void)
{
    return slices_bytes(atomic_load_explicit(&ali_spans.dirty, memory_order_relaxed));
}

size_t ali_span_dirty_cap_bytes(void)
{
    size_t cap;

    ali_lock(&ali_spans.lock);
    cap = slices_bytes(ali_dirty_cap_slices());
    ali_unlock(&ali_spans.lock);
    return cap;
}

void ali_span_stats(struct ali_span_stats *stats)
{
    struct ali_span_state *g = &ali_spans;

    ali_lock(&g->lock);
    stats->limit_bytes = g->limit_bytes;
    stats->used_bytes = slices_bytes(g->used);
    stats->peak_used_bytes = slices_bytes(g->peak_used);
    stats->dirty_bytes = slices_bytes(atomic_load_explicit(&g->dirty, memory_order_relaxed));
    stats->mapped_bytes = slices_bytes(atomic_load_explicit(&g->mapped, memory_order_relaxed));
    stats->metadata_bytes = atomic_load_explicit(&g->metas_bytes, memory_order_relaxed);
    ali_unlock(&g->lock);
    stats->purges = atomic_load_explicit(&g->purges, memory_order_relaxed);
    stats->purged_bytes = atomic_load_explicit(&g->purged_bytes, memory_order_relaxed);
    stats->os_calls = atomic_load_explicit(&g->os_calls, memory_order_relaxed);
}

static uint32_t limit_slices(void)
{
    return (uint32_t)(atomic_load_explicit(&ali_region.limit_bytes, memory_order_acquire) >>
                      ALI_SLICE_SHIFT);
}

struct ali_span *ali_span_next_used(uint32_t index)
{
    uint32_t end = limit_slices();

    while (index < end) {
        uint64_t head = atomic_load_explicit(&span_of(index)->head, memory_order_acquire);

        if (head_kind(head) == ALI_SPAN_USED)
            return span_of(index);
        index += head == 0 ? 1 : head_slices(head);
    }
    return NULL;
}

struct ali_span *ali_span_find_head(uintptr_t offset)
{
    uint32_t end = limit_slices(), at;

    if (offset >> ALI_SLICE_SHIFT >= end)
        return NULL;
    for (at = (uint32_t)(offset >> ALI_SLICE_SHIFT); head_get(at) == 0; at--) {
        if (at == 0)
            return NULL;
    }
    return span_of(at);
}

/* --- why an allocation failed ---------------------------------------------------------------- */

/* mmap says ENOMEM for all of these. A page that may not be touched counts for the address space
 * and the number of maps, but neither as data nor as a commitment. */
static enum allot_cause cause_of_enomem(size_t bytes)
{
    uint64_t space = ali_os_limit_address_space(), data = ali_os_limit_data();
    struct ali_os_usage usage = {0};
    void *page;

    if (space != UINT64_MAX) {
        ali_os_usage(&usage);
        if (usage.virtual_bytes == 0 || bytes > space || usage.virtual_bytes > space - bytes)
            return ALLOT_CAUSE_ADDRESS_SPACE;
    }
    page = ali_os_map(ali_os_page_bytes, ALI_OS_NONE, NULL);
    if (page == NULL)
        return ALLOT_CAUSE_MAP_COUNT;
    (void)ali_os_unmap(page, ali_os_page_bytes);
    return data != UINT64_MAX ? ALLOT_CAUSE_DATA_LIMIT : ALLOT_CAUSE_OVERCOMMIT;
}

void ali_span_fail(enum allot_cause cause, int error, uint32_t slices)
{
    if (error == -ENOMEM)
        cause = cause_of_enomem(slices_bytes(slices));
    else if (error == -EAGAIN)
        cause = ALLOT_CAUSE_LOCKED_LIMIT;
    else if (error == -ENOSPC)
        cause = ALLOT_CAUSE_ADDRESS_SPACE;
    ali_error_set(ALLOT_LAYER_SPAN, cause, error == -ENOSPC ? 0 : -error);
}

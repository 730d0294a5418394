/* Taking stock of the process: allot_stats_get. Walks the metas and the state bytes, which are the
 * truth; nothing is counted on the hit paths. */
#include "heap/internal.h"

#include "allot/stats.h"

static void add_thread(struct allot_stats *stats, const struct ali_block *b, size_t live,
                       size_t free_bytes)
{
    uint32_t id = atomic_load_explicit(&b->thread, memory_order_relaxed) == NULL
                      ? 0
                      : atomic_load_explicit(&b->thread_id, memory_order_relaxed);
    size_t i, last;

    for (i = 0; i < stats->thread_count && i < ALLOT_STATS_THREADS; i++)
        if (stats->threads[i].thread_id == id)
            break;
    if (i == stats->thread_count)
        stats->thread_count++;
    last = ali_min(i, ALLOT_STATS_THREADS - 1);
    stats->threads[last].thread_id = id;
    stats->threads[last].slabs++;
    stats->threads[last].live_bytes += live;
    stats->threads[last].free_bytes += free_bytes;
}

static void add_slab(struct allot_stats *stats, const struct ali_slab *slab)
{
    const struct ali_block *b = atomic_load_explicit(&slab->holder, memory_order_acquire);
    struct allot_class_stats *class;
    struct ali_look look;
    size_t used, unused;

    if (!ali_slab_look(slab, &look))
        return;
    class = &stats->classes[look.class - ali_classes];
    used = ali_look_live(&look);
    unused = look.class->count - used;
    class->slabs++;
    class->live_blocks += used;
    class->free_blocks += unused;
    stats->live_blocks += used;
    stats->live_bytes += used * look.class->block_bytes;
    if (used != 0)
        stats->partly_used_bytes += unused * look.class->block_bytes;
    if (b != NULL)
        add_thread(stats, b, used * look.class->block_bytes, unused * look.class->block_bytes);
}

static bool add_span(struct ali_span *span, void *arg)
{
    struct allot_stats *stats = arg;
    const struct ali_large *large = ali_large_of(span);

    if (ali_peek(large->kind) != ALI_KIND_LARGE) {
        add_slab(stats, ali_slab_of(span));
        return true;
    }
    if (!ali_state_is_live(atomic_load_explicit(&large->state, memory_order_acquire)))
        return true;
    stats->live_blocks++;
    stats->live_bytes += ali_peek(large->bytes);
    stats->large_blocks++;
    stats->large_bytes += ali_peek(large->bytes);
    return true;
}

/* What was asked for and what was given, at each refill: the ratio is that of all requests, as a
 * refill comes after a fixed number of them. */
static void add_blocks(struct allot_stats *stats, struct allot_heap *h, uint64_t *asked,
                       uint64_t *given)
{
    const struct ali_block *b;
    unsigned i;

    ali_lock(&h->lock); /* no block of the list becomes another heap's meanwhile */
    for (b = atomic_load_explicit(&h->blocks, memory_order_acquire); b != NULL; b = b->next_all) {
        stats->large_allocs += ali_peek(b->large_allocs);
        *asked += ali_peek(b->asked_bytes);
        *given += ali_peek(b->asked_given_bytes);
        for (i = 0; i < ALI_CLASS_COUNT; i++)
            stats->classes[i].refills += ali_peek(b->refills[i]);
    }
    ali_unlock(&h->lock);
}

static void add_process(struct allot_stats *stats, const struct ali_span_stats *spans)
{
    struct ali_os_usage usage;
    size_t ours;

    ali_os_usage(&usage);
    stats->resident_bytes = usage.resident_bytes;
    stats->peak_resident_bytes = usage.peak_resident_bytes;
    stats->minor_faults = usage.minor_faults;
    stats->major_faults = usage.major_faults;
    stats->spans_bytes = spans->used_bytes;
    stats->peak_spans_bytes = spans->peak_used_bytes;
    stats->retained_bytes = spans->dirty_bytes;
    stats->mapped_bytes = spans->mapped_bytes;
    stats->purges = spans->purges;
    stats->purged_bytes = spans->purged_bytes;
    stats->os_calls = spans->os_calls;
    stats->metadata_bytes = ali_metadata_bytes() + spans->metadata_bytes;
    ours = ali_heap_resident_bytes() + stats->metadata_bytes;
    stats->not_heap_bytes = stats->resident_bytes > ours ? stats->resident_bytes - ours : 0;
}

allot_status allot_stats_get(struct allot_stats *stats)
{
    struct ali_span_stats spans;
    struct allot_heap *h;
    uint64_t asked = 0, given = 0;
    unsigned i;

    memset(stats, 0, sizeof *stats);
    ali_heap_start();
    stats->class_count = ALI_CLASS_COUNT;
    for (i = 0; i < ALI_CLASS_COUNT; i++)
        stats->classes[i].block_bytes = ali_classes[i].block_bytes;
    for (h = ali_heap_first(); h != NULL; h = h->next) {
        if ((atomic_load_explicit(&h->generation, memory_order_relaxed) & 1) == 0)
            continue;
        stats->heaps++;
        ali_heap_each_span(h, add_span, stats);
        add_blocks(stats, h, &asked, &given);
    }
    stats->large_frees = stats->large_allocs - ali_min(stats->large_allocs, stats->large_blocks);
    ali_span_stats(&spans);
    add_process(stats, &spans);
    stats->misuses = ali_misuse_count();
    stats->limit_bytes = spans.limit_bytes;
    if (given != 0 && asked < given)
        stats->slack_bytes = (size_t)((double)(stats->live_bytes - stats->large_bytes) *
                                      (double)(given - asked) / (double)given);
    stats->peak_live_bound_bytes = ali_max(spans.peak_used_bytes, stats->live_bytes);
    return 0;
}

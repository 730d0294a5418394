/* Free spans: three families of bins by size, and the list of dirty ones by age.
 *
 *   bins[family].head[bin] -> span <-> span ...      linked by next, prev of the heads; LIFO
 *   age_oldest -> span <-> ... <-> age_newest        linked by age_next, age_prev
 *
 *   FREE span   | head: links, stamp | 2nd slice: next = dirty, prev = none | ... | last: first |
 *
 * The counts on the second slice and `first` on the last exist from two slices up; of a span of one
 * slice its backing says as much. Two FREE spans are never neighbours. The lock is held throughout.
 * Refuses to call the OS. */
#include "span/state.h"

/* Spans of one bin that a quick search looks at. */
#define QUICK_LOOKS 16U

const uint8_t ali_order_any[] = {ALI_FAMILY_DIRTY, ALI_FAMILY_ZERO, ALI_FAMILY_NONE};
const uint8_t ali_order_zero[] = {ALI_FAMILY_ZERO, ALI_FAMILY_DIRTY, ALI_FAMILY_NONE};
const uint8_t ali_order_fresh[] = {ALI_FAMILY_NONE, ALI_FAMILY_ZERO, ALI_FAMILY_DIRTY};

static uint32_t bin_of(uint32_t slices)
{
    if (slices <= ALI_BIN_EXACT)
        return slices - 1;

    uint32_t high = ali_high_bit(slices);

    return ALI_BIN_EXACT + (high - 6) * 4 + ((slices >> (high - 2)) & 3);
}

static enum ali_family family_of(struct ali_mix mix)
{
    if (mix.dirty > 0)
        return ALI_FAMILY_DIRTY;
    return mix.none == 0 ? ALI_FAMILY_ZERO : ALI_FAMILY_NONE;
}

struct ali_mix ali_mix_count(uint32_t at, uint32_t slices)
{
    struct ali_mix mix = {0, 0};

    for (const struct ali_span *s = span_of(at), *end = s + slices; s < end; s++) {
        mix.dirty += s->backing == ALI_BACKING_DIRTY;
        mix.none += s->backing == ALI_BACKING_NONE;
    }
    return mix;
}

/* --- age list -------------------------------------------------------------------------------- */

static void age_add(uint32_t at, uint32_t older)
{
    struct ali_span_state *g = &ali_spans;
    struct ali_span *s = span_of(at);
    uint32_t younger;

    if (older == ALI_AGE_NEWEST)
        older = g->age_newest;
    younger = older ? span_of(older)->age_next : g->age_oldest;
    s->age_prev = older;
    s->age_next = younger;
    if (older)
        span_of(older)->age_next = at;
    else
        g->age_oldest = at;
    if (younger)
        span_of(younger)->age_prev = at;
    else
        g->age_newest = at;
    if (!older)
        ali_purge_due_set_locked();
}

static void age_remove(struct ali_span *s)
{
    struct ali_span_state *g = &ali_spans;

    if (s->age_prev)
        span_of(s->age_prev)->age_next = s->age_next;
    else
        g->age_oldest = s->age_next;
    if (s->age_next)
        span_of(s->age_next)->age_prev = s->age_prev;
    else
        g->age_newest = s->age_prev;
}

/* --- bins ------------------------------------------------------------------------------------ */

/* Only holders of the lock write it; others read it as a hint. */
static void dirty_add(uint32_t slices)
{
    uint32_t now = atomic_load_explicit(&ali_spans.dirty, memory_order_relaxed);

    atomic_store_explicit(&ali_spans.dirty, now + slices, memory_order_relaxed);
}

void ali_bin_add_locked(const struct ali_extent *e)
{
    struct ali_bins *bins = &ali_spans.bins[family_of(e->mix)];
    uint32_t bin = bin_of(e->slices);
    struct ali_span *s = span_of(e->at);

    ali_assert(head_get(e->at) == head_word(ALI_SPAN_FREE, e->slices));
    if (e->slices > 1) {
        s[1].next = e->mix.dirty;
        s[1].prev = e->mix.none;
        s[e->slices - 1].first = e->at;
    }
    s->next = bins->head[bin];
    s->prev = 0;
    if (s->next)
        span_of(s->next)->prev = e->at;
    bins->head[bin] = e->at;
    bins->some[bin / 64] |= (uint64_t)1 << (bin % 64);
    if (e->mix.dirty) {
        s->stamp = e->stamp;
        age_add(e->at, e->older);
        dirty_add(e->mix.dirty);
    }
}

struct ali_mix ali_mix_get_locked(uint32_t free_at)
{
    const struct ali_span *s = span_of(free_at);

    if (head_slices(head_get(free_at)) > 1)
        return (struct ali_mix){s[1].next, s[1].prev};
    return (struct ali_mix){s->backing == ALI_BACKING_DIRTY, s->backing == ALI_BACKING_NONE};
}

struct ali_extent ali_bin_remove_locked(uint32_t at)
{
    struct ali_span *s = span_of(at);
    uint32_t slices = head_slices(head_get(at));
    struct ali_mix mix = ali_mix_get_locked(at);
    struct ali_bins *bins = &ali_spans.bins[family_of(mix)];
    uint32_t bin = bin_of(slices);
    struct ali_extent e = {at, slices, mix, s->stamp, ALI_AGE_NEWEST};

    ali_assert(head_kind(head_get(at)) == ALI_SPAN_FREE);
    if (s->next)
        span_of(s->next)->prev = s->prev;
    if (s->prev)
        span_of(s->prev)->next = s->next;
    else if ((bins->head[bin] = s->next) == 0)
        bins->some[bin / 64] &= ~((uint64_t)1 << (bin % 64));
    if (mix.dirty) {
        e.older = s->age_prev;
        age_remove(s);
        dirty_add(-mix.dirty);
    }
    return e;
}

/* --- search ---------------------------------------------------------------------------------- */

/* The first place in the span whose committed part is mapped; false when there is none. */
static bool place_mapped(const struct ali_fit *fit, uint32_t at, uint64_t end, uint32_t *begin)
{
    for (uint64_t from = fit_align(fit, at); from + fit->slices <= end;) {
        uint64_t i = from;

        while (i < from + fit->commit && span_of((uint32_t)i)->backing != ALI_BACKING_NONE)
            i++;
        if (i == from + fit->commit) {
            *begin = (uint32_t)from;
            return true;
        }
        from = fit_align(fit, i + 1);
    }
    return false;
}

/* What is worse at the low end than at the high one: not mapped, or dirty when zero is wanted. */
static bool high_end_is_better(const struct ali_fit *fit, uint32_t low, uint32_t high)
{
    uint8_t at_low = span_of(low)->backing, at_high = span_of(high)->backing;

    if (fit->align != 1 || at_low == at_high)
        return false;
    if (fit->order[0] == ALI_FAMILY_DIRTY)
        return at_low == ALI_BACKING_NONE;
    return fit->order[0] == ALI_FAMILY_ZERO && at_low == ALI_BACKING_DIRTY;
}

static bool place(const struct ali_fit *fit, uint32_t at, uint32_t slices, uint32_t *begin)
{
    uint64_t end = (uint64_t)at + slices;
    uint64_t low = fit_align(fit, at);

    if (low + fit->slices > end)
        return false;
    if (fit->effort == ALI_EFFORT_MAPPED)
        return place_mapped(fit, at, end, begin);
    *begin = (uint32_t)low;
    if (high_end_is_better(fit, (uint32_t)low, (uint32_t)end - 1))
        *begin = (uint32_t)end - fit->slices;
    return true;
}

/* The smallest span of the bin that fits, among the first `looks`. */
static uint32_t bin_search(const struct ali_fit *fit, uint32_t first, uint32_t looks,
                           uint32_t *begin)
{
    uint32_t best = 0, best_slices = UINT32_MAX;

    for (uint32_t at = first; at && looks > 0; at = span_of(at)->next, looks--) {
        uint32_t slices = head_slices(head_get(at));

        if (slices >= fit->slices && slices < best_slices && place(fit, at, slices, begin)) {
            best = at;
            best_slices = slices;
            if (slices <= ALI_BIN_EXACT)
                break; /* all of this bin are of one size */
        }
    }
    if (best)
        (void)place(fit, best, best_slices, begin);
    return best;
}

static uint32_t family_search(const struct ali_fit *fit, const struct ali_bins *bins,
                              uint32_t *begin)
{
    uint32_t looks = fit->effort == ALI_EFFORT_QUICK ? QUICK_LOOKS : UINT32_MAX;
    uint32_t bin = bin_of(fit->slices);
    uint32_t word = bin / 64;
    uint64_t some = bins->some[word] & (UINT64_MAX << (bin % 64));

    for (;;) {
        for (; some != 0; some &= some - 1) {
            uint32_t first = bins->head[word * 64 + (unsigned)ali_low_bit(some)];
            uint32_t at = bin_search(fit, first, looks, begin);

            if (at)
                return at;
        }
        if (++word == ALI_BIN_WORDS)
            return 0;
        some = bins->some[word];
    }
}

uint32_t ali_bin_find_locked(const struct ali_fit *fit, uint32_t *begin)
{
    for (int i = 0; i < ALI_FAMILY_COUNT; i++) {
        uint32_t at = family_search(fit, &ali_spans.bins[fit->order[i]], begin);

        if (at)
            return at;
    }
    return 0;
}

/* --- release --------------------------------------------------------------------------------- */

uint32_t ali_free_before_locked(uint32_t at)
{
    uint32_t first = at - 1;

    if (head_get(first) != head_word(ALI_SPAN_FREE, 1))
        first = span_of(at - 1)->first;
    /* `first` of a slice that is not the last of a FREE span is stale: only its head is believed */
    return first < at && head_get(first) == head_word(ALI_SPAN_FREE, at - first) ? first : 0;
}

static uint32_t free_after(uint32_t at)
{
    return at < ali_spans.frontier && head_kind(head_get(at)) == ALI_SPAN_FREE ? at : 0;
}

/* The joined span is as old as its largest dirty part. */
static void join(struct ali_extent *e, const struct ali_extent *part)
{
    e->at = part->at < e->at ? part->at : e->at;
    e->slices += part->slices;
    e->mix.none += part->mix.none;
    e->mix.dirty += part->mix.dirty;
}

static uint32_t dirty_of(uint32_t at)
{
    return at ? ali_mix_get_locked(at).dirty : 0;
}

void ali_free_release_locked(uint32_t at, uint32_t slices, struct ali_mix mix, uint32_t stamp)
{
    uint32_t before = ali_free_before_locked(at), after = free_after(at + slices);
    uint32_t dirty_before = dirty_of(before), dirty_after = dirty_of(after);
    /* the one with more dirty slices is taken out last: only then is its place in the age list good
     */
    uint32_t last = dirty_before > dirty_after ? before : after;
    uint32_t other = last == before ? after : before;
    struct ali_extent e = {at, slices, mix, stamp, ALI_AGE_NEWEST};

    if (other) {
        struct ali_extent part = ali_bin_remove_locked(other);

        join(&e, &part);
    }
    if (last) {
        struct ali_extent part = ali_bin_remove_locked(last);

        join(&e, &part);
        if (part.mix.dirty > mix.dirty) {
            e.stamp = part.stamp;
            e.older = part.older;
        }
    }
    /* truth: the joined head first, then the absorbed ones go */
    head_set(e.at, ALI_SPAN_FREE, e.slices);
    if (e.at != at)
        head_clear(at);
    if (after)
        head_clear(after);
    ali_bin_add_locked(&e);
}

/* A part of the FREE span `e` that was taken out of its bin stays free. */
static void give_back_part(const struct ali_extent *e, uint32_t at, uint32_t slices,
                           struct ali_mix mix)
{
    struct ali_extent part = {at, slices, mix, e->stamp, e->older};

    if (slices > 0)
        ali_bin_add_locked(&part);
}

static struct ali_mix mix_of_part(const struct ali_extent *e, uint32_t at, uint32_t slices)
{
    if (slices == 0)
        return (struct ali_mix){0, 0};
    if (slices == e->slices)
        return e->mix;
    if (e->mix.dirty == e->slices)
        return (struct ali_mix){slices, 0};
    if (e->mix.none == e->slices)
        return (struct ali_mix){0, slices};
    if (e->mix.none == 0 && e->mix.dirty == 0)
        return (struct ali_mix){0, 0};
    return ali_mix_count(at, slices);
}

struct ali_extent ali_free_carve_locked(uint32_t from, uint32_t begin, uint32_t slices,
                                        enum ali_span_kind kind)
{
    struct ali_extent e = ali_bin_remove_locked(from);
    uint32_t front = begin - from;
    uint32_t back = e.slices - front - slices;
    struct ali_mix mix = mix_of_part(&e, begin, slices);
    struct ali_mix front_mix = mix_of_part(&e, from, front);
    struct ali_mix back_mix = {e.mix.dirty - mix.dirty - front_mix.dirty,
                               e.mix.none - mix.none - front_mix.none};

    /* truth: from the back to the front, so that the head in front covers all until its store */
    if (back > 0)
        head_set(begin + slices, ALI_SPAN_FREE, back);
    head_set(begin, kind, slices);
    if (front > 0)
        head_set(from, ALI_SPAN_FREE, front);
    give_back_part(&e, begin + slices, back, back_mix);
    give_back_part(&e, from, front, front_mix);
    return (struct ali_extent){begin, slices, mix, e.stamp, e.older};
}

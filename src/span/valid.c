/* The walker that checks every invariant of this directory; for tests and debug builds. */
#include "span/state.h"

struct tally {
    uint64_t used, busy, dirty, mapped, free[ALI_FAMILY_COUNT];
};

#define check(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return false;                                                                          \
    } while (0)

static bool inside_is_valid(uint32_t at, uint32_t slices, enum ali_span_kind kind)
{
    for (uint32_t i = at; i < at + slices; i++) {
        const struct ali_span *s = span_of(i);

        check(i == at || head_get(i) == 0);
        /* the backing of a BUSY span is for the thread that made it so */
        check(kind == ALI_SPAN_BUSY || s->backing <= ALI_BACKING_DIRTY);
        for (size_t k = 0; kind == ALI_SPAN_FREE && k < sizeof(s->client); k++)
            check(s->client[k] == 0);
    }
    return true;
}

static bool free_is_valid(uint32_t at, uint32_t slices, enum ali_span_kind before, struct tally *t)
{
    struct ali_mix mix = ali_mix_count(at, slices), noted = ali_mix_get_locked(at);
    enum ali_family family =
        mix.dirty ? ALI_FAMILY_DIRTY : (mix.none ? ALI_FAMILY_NONE : ALI_FAMILY_ZERO);

    check(before != ALI_SPAN_FREE);
    check(mix.dirty == noted.dirty && mix.none == noted.none);
    check(slices == 1 || span_of(at + slices - 1)->first == at);
    check(ali_free_before_locked(at + slices) == at);
    t->dirty += mix.dirty;
    t->free[family]++;
    return true;
}

static bool heads_are_valid(struct tally *t)
{
    enum ali_span_kind before = ALI_SPAN_NONE;
    uint32_t at = 0;

    while (at < ali_spans.frontier) {
        uint64_t head = head_get(at);
        uint32_t slices = head_slices(head);
        enum ali_span_kind kind = head_kind(head);

        check(kind > ALI_SPAN_NONE && kind <= ALI_SPAN_HOLE);
        check(slices > 0 && slices <= ali_spans.frontier - at);
        check(inside_is_valid(at, slices, kind));
        if (kind == ALI_SPAN_FREE)
            check(free_is_valid(at, slices, before, t));
        if (kind == ALI_SPAN_USED)
            t->used += slices;
        t->busy += kind == ALI_SPAN_BUSY;
        if (kind != ALI_SPAN_HOLE && kind != ALI_SPAN_BUSY)
            t->mapped += slices - ali_mix_count(at, slices).none;
        before = kind;
        at += slices;
    }
    return at == ali_spans.frontier;
}

/* Links are consistent, all are FREE and of this bin's size; as many as the walk has seen. */
static bool bins_are_valid(enum ali_family family, uint64_t expected)
{
    const struct ali_bins *bins = &ali_spans.bins[family];
    uint64_t count = 0;

    for (uint32_t bin = 0; bin < ALI_BIN_COUNT; bin++) {
        uint32_t before = 0;

        check(((bins->some[bin / 64] >> (bin % 64)) & 1) == (bins->head[bin] != 0));
        for (uint32_t at = bins->head[bin]; at; at = span_of(at)->next) {
            uint32_t slices = head_slices(head_get(at));

            check(at < ali_spans.frontier && head_kind(head_get(at)) == ALI_SPAN_FREE);
            check(span_of(at)->prev == before);
            check(bin >= ALI_BIN_EXACT ? slices > ALI_BIN_EXACT : slices == bin + 1);
            check(++count <= expected);
            before = at;
        }
    }
    return count == expected;
}

static bool age_is_valid(uint64_t expected)
{
    uint32_t older = 0;
    uint64_t count = 0;

    for (uint32_t at = ali_spans.age_oldest; at; at = span_of(at)->age_next) {
        check(head_kind(head_get(at)) == ALI_SPAN_FREE && ali_mix_get_locked(at).dirty > 0);
        check(span_of(at)->age_prev == older);
        check(++count <= expected);
        older = at;
    }
    return ali_spans.age_newest == older && count == expected;
}

static bool valid_locked(void)
{
    struct ali_span_state *g = &ali_spans;
    struct tally t = {0};

    check(atomic_load(&ali_region.limit_bytes) == (size_t)g->frontier << ALI_SLICE_SHIFT);
    check(g->frontier <= g->window_slices);
    check((size_t)g->frontier << ALI_META_SHIFT <= g->metas_bytes);
    check(heads_are_valid(&t));
    for (int i = 0; i < ALI_FAMILY_COUNT; i++)
        check(bins_are_valid((enum ali_family)i, t.free[i]));
    check(age_is_valid(t.free[ALI_FAMILY_DIRTY]));
    check(t.dirty == atomic_load(&g->dirty));
    check(t.busy == g->busy);
    /* BUSY spans that are about to be USED are charged, and what they have mapped is in flux */
    check(t.used <= g->used && (g->busy > 0 || g->charging > 0 || t.used == g->used));
    check(g->busy > 0 || t.mapped == atomic_load(&g->mapped));
    return g->used <= g->peak_used;
}

bool ali_span_valid(void)
{
    bool valid;

    ali_lock(&ali_spans.lock);
    valid = valid_locked();
    ali_unlock(&ali_spans.lock);
    return valid;
}

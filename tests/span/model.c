#include "unit.h"

#include "span/model.h"

#define SAMPLE_BYTES 4096

static uint64_t word_of(const struct model_span *m, size_t page, size_t word)
{
    struct ali_random r = {m->pattern + page * 8 + word};

    return ali_random_next(&r) | 1;
}

/* First and last word of each page: as good as all of it to find pages that were lost or shared. */
static uint64_t *page_word(const struct model_span *m, size_t page, size_t word)
{
    char *base = ali_span_base(m->span);

    return (uint64_t *)(base + page * SAMPLE_BYTES + (word ? SAMPLE_BYTES - 8 : 0));
}

void model_fill(struct model_span *m, size_t from_slice)
{
    size_t pages = m->committed * ALI_SLICE_BYTES / SAMPLE_BYTES;

    for (size_t page = from_slice * ALI_SLICE_BYTES / SAMPLE_BYTES; page < pages; page++) {
        for (size_t word = 0; word < 2; word++)
            *page_word(m, page, word) = word_of(m, page, word);
    }
}

bool model_is_intact(const struct model_span *m, size_t slices)
{
    size_t pages = ali_min(slices, m->committed) * ALI_SLICE_BYTES / SAMPLE_BYTES;

    for (size_t page = 0; page < pages; page++) {
        for (size_t word = 0; word < 2; word++) {
            if (*page_word(m, page, word) != word_of(m, page, word))
                return false;
        }
    }
    return true;
}

bool model_reads_zero(const void *at, size_t bytes)
{
    const uint64_t *word = at;

    for (size_t i = 0; i < bytes / 8; i++) {
        if (word[i] != 0)
            return false;
    }
    return true;
}

bool model_take(struct model_span *m, const struct ali_span_request *request, uint64_t pattern)
{
    bool zero;

    m->span = ali_span_alloc(request, &zero);
    if (m->span == NULL)
        return false;
    m->slices = request->slices;
    m->committed = request->commit_bytes
                       ? (request->commit_bytes + ALI_SLICE_BYTES - 1) / ALI_SLICE_BYTES
                       : request->slices;
    m->pattern = pattern;
    assert_int_equal(ali_span_slices(m->span), m->slices);
    assert_int_equal((uintptr_t)ali_span_base(m->span) % (request->align_slices << ALI_SLICE_SHIFT),
                     0);
    if (zero)
        assert_true(model_reads_zero(ali_span_base(m->span), m->committed * ALI_SLICE_BYTES));
    assert_true(model_reads_zero(m->span->client, sizeof(m->span->client)));
    /* as an owner would */
    memset(m->span->client, 0xa5, sizeof(m->span->client));
    model_fill(m, 0);
    return true;
}

void model_give(struct model_span *m)
{
    assert_true(model_is_intact(m, m->slices));
    memset(m->span->client, 0, sizeof(m->span->client));
    ali_span_free(m->span);
    m->span = NULL;
}

static int compare(const void *a, const void *b)
{
    const struct model_span *x = a, *y = b;

    return x->span < y->span ? -1 : x->span > y->span;
}

void model_check_disjoint(const struct model_span *spans, size_t count)
{
    struct model_span *sorted = calloc(count, sizeof(*sorted));
    size_t used = 0;

    assert_non_null(sorted);
    for (size_t i = 0; i < count; i++) {
        if (spans[i].span)
            sorted[used++] = spans[i];
    }
    qsort(sorted, used, sizeof(*sorted), compare);
    for (size_t i = 1; i < used; i++)
        assert_true(sorted[i - 1].span + sorted[i - 1].slices <= sorted[i].span);
    free(sorted);
}

uint64_t model_seed(void)
{
    const char *given = getenv("ALI_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : ali_os_now_ms() * 2654435761U;

    print_message("seed: ALI_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

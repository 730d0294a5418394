/* A shadow of what the span layer has given out: every span holds a pattern of its own, so that
 * memory which is lost, shared or not where it should be shows. */
#ifndef ALI_TEST_SPAN_MODEL_H
#define ALI_TEST_SPAN_MODEL_H

#include "span/span.h"

struct model_span {
    struct ali_span *span; /* NULL: none */
    size_t slices, committed;
    uint64_t pattern;
};

/* False when ali_span_alloc says NULL. Checks alignment, the promise of zero and the client area.
 */
bool model_take(struct model_span *m, const struct ali_span_request *request, uint64_t pattern);

/* Checks the pattern and frees. */
void model_give(struct model_span *m);

void model_fill(struct model_span *m, size_t from_slice);
bool model_is_intact(const struct model_span *m, size_t slices);
bool model_reads_zero(const void *at, size_t bytes);
void model_check_disjoint(const struct model_span *spans, size_t count);

/* From the environment, or of the clock; printed. */
uint64_t model_seed(void);

#endif

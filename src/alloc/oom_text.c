/* Findings of the out-of-memory harness, as text. */
#include "alloc/oom.h"

enum { TEXT_BYTES = 3584 };

static void text_runs(struct ali_text *t, const struct allot_oom_finding *f)
{
    uint64_t listed = ali_min(f->run_count, ALLOT_OOM_LISTED);

    ali_text_printf(t, "allot: oom: run%s ", f->run_count > 1 ? "s" : "");
    ali_text_u64(t, f->run);
    for (uint64_t i = 1; i < listed; i++) {
        ali_text_str(t, ", ");
        ali_text_u64(t, f->runs[i]);
    }
    if (listed < f->run_count) {
        ali_text_str(t, " and ");
        ali_text_u64(t, f->run_count - listed);
        ali_text_str(t, " more");
    }
    ali_text_str(t, ": ");
}

static void text_kind(struct ali_text *t, const struct allot_oom_finding *f)
{
    if (f->kind == ALLOT_OOM_LEAK) {
        ali_text_printf(t, "%zu B leaked in %zu %s, allocated by\n", f->bytes, f->objects,
                        f->objects == 1 ? "object" : "objects");
        ali_report_frames_text(t, f->leaked, f->leaked_count);
    } else if (f->kind == ALLOT_OOM_CRASH) {
        ali_text_printf(t, "ended by signal %d\n", f->result);
    } else if (f->kind == ALLOT_OOM_WRONG) {
        ali_text_printf(t, "the function returned %d\n", f->result);
    } else {
        ali_text_str(t, "misuse was reported\n");
    }
}

size_t allot_oom_text(const struct allot_oom_finding *finding, char *buffer, size_t bytes)
{
    struct ali_text t;

    ali_text_init(&t, buffer, bytes);
    text_runs(&t, finding);
    text_kind(&t, finding);
    if (finding->failed_count != 0)
        ali_text_str(&t, "  after an allocation had failed that was asked for by\n");
    ali_report_frames_text(&t, finding->failed, finding->failed_count);
    return ali_text_length(&t);
}

void ali_oom_print(const struct allot_oom_finding *finding, void *arg)
{
    char text[TEXT_BYTES];

    (void)arg;
    ali_os_write(2, text, allot_oom_text(finding, text, sizeof text));
}

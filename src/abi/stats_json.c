/* The statistics as JSON, "schema": 1. Keys are the fields of struct allot_stats. */
#include "abi/abi.h"


static void number(struct ali_text *t, const char *key, uint64_t value)
{
    ali_text_printf(t, "\"%s\": %lu", key, (unsigned long)value);
}

static void field(struct ali_out *out, const char *key, uint64_t value)
{
    ali_text_str(&out->text, "  ");
    number(&out->text, key, value);
    ali_text_char(&out->text, ',');
    ali_out_line(out);
}

static void string(struct ali_out *out, const char *key, const char *value)
{
    static const char digits[] = "0123456789abcdef";
    struct ali_text *t = &out->text;

    ali_text_printf(t, "  \"%s\": \"", key);
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
        /* All but printable ASCII: a name may be in any encoding. */
        if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\') {
            ali_text_str(t, "\\u00");
            ali_text_char(t, digits[*p >> 4]);
            ali_text_char(t, digits[*p & 15]);
        } else {
            ali_text_char(t, (char)*p);
        }
    }
    ali_text_str(t, "\",");
    ali_out_line(out);
}

static void totals(struct ali_out *out, const struct allot_stats *s)
{
    field(out, "resident_bytes", s->resident_bytes);
    field(out, "peak_resident_bytes", s->peak_resident_bytes);
    field(out, "live_bytes", s->live_bytes);
    field(out, "live_blocks", s->live_blocks);
    field(out, "peak_live_bound_bytes", s->peak_live_bound_bytes);
    field(out, "slack_bytes", s->slack_bytes);
    field(out, "partly_used_bytes", s->partly_used_bytes);
    field(out, "retained_bytes", s->retained_bytes);
    field(out, "metadata_bytes", s->metadata_bytes);
    field(out, "not_heap_bytes", s->not_heap_bytes);
    field(out, "spans_bytes", s->spans_bytes);
    field(out, "peak_spans_bytes", s->peak_spans_bytes);
    field(out, "mapped_bytes", s->mapped_bytes);
    field(out, "limit_bytes", s->limit_bytes);
    field(out, "large_blocks", s->large_blocks);
    field(out, "large_bytes", s->large_bytes);
    field(out, "large_allocs", s->large_allocs);
    field(out, "large_frees", s->large_frees);
    field(out, "purges", s->purges);
    field(out, "purged_bytes", s->purged_bytes);
    field(out, "os_calls", s->os_calls);
    field(out, "minor_faults", s->minor_faults);
    field(out, "major_faults", s->major_faults);
    field(out, "misuses", s->misuses);
    field(out, "heaps", s->heaps);
}

static void class_entry(struct ali_text *t, const struct allot_class_stats *c)
{
    ali_text_str(t, "    {");
    number(t, "block_bytes", c->block_bytes);
    ali_text_str(t, ", ");
    number(t, "slabs", c->slabs);
    ali_text_str(t, ", ");
    number(t, "live_blocks", c->live_blocks);
    ali_text_str(t, ", ");
    number(t, "free_blocks", c->free_blocks);
    ali_text_str(t, ", ");
    number(t, "refills", c->refills);
    ali_text_char(t, '}');
}

static void thread_entry(struct ali_text *t, const struct allot_thread_stats *thread)
{
    ali_text_str(t, "    {");
    number(t, "thread_id", thread->thread_id);
    ali_text_str(t, ", ");
    number(t, "slabs", thread->slabs);
    ali_text_str(t, ", ");
    number(t, "live_bytes", thread->live_bytes);
    ali_text_str(t, ", ");
    number(t, "free_bytes", thread->free_bytes);
    ali_text_char(t, '}');
}

static void end_entry(struct ali_out *out, bool last)
{
    if (!last)
        ali_text_char(&out->text, ',');
    ali_out_line(out);
}

void ali_stats_json(struct ali_snapshot *snapshot, const char *when)
{
    struct ali_out *out = &snapshot->out;
    const struct allot_stats *s = &snapshot->stats;
    size_t threads = ali_min(s->thread_count, ALLOT_STATS_THREADS);
    char name[64];

    ali_process_name(name, sizeof name);
    ali_text_str(&out->text, "{\n  \"schema\": 1,\n  \"kind\": \"allot-stats\",");
    ali_out_line(out);
    string(out, "version", ALLOT_VERSION);
    string(out, "program", name);
    field(out, "pid", ali_os_process_id());
    string(out, "when", when);
    totals(out, s);
    ali_text_str(&out->text, "  \"classes\": [");
    ali_out_line(out);
    for (size_t i = 0; i < s->class_count; i++) {
        class_entry(&out->text, &s->classes[i]);
        end_entry(out, i + 1 == s->class_count);
    }
    ali_text_str(&out->text, "  ],");
    ali_out_line(out);
    field(out, "thread_count", s->thread_count);
    ali_text_str(&out->text, "  \"threads\": [");
    ali_out_line(out);
    for (size_t i = 0; i < threads; i++) {
        thread_entry(&out->text, &s->threads[i]);
        end_entry(out, i + 1 == threads);
    }
    ali_text_str(&out->text, "  ]\n}");
    ali_out_line(out);
}

/* Where memory stands, as a table for people or as JSON, and the same at exit (option stats).
 *
 * Everything is written into a snapshot outside the heap, so that telling about the heap does not
 * change it. There is one static snapshot; who finds it taken - another thread, or a forked child
 * whose parent was at it - maps one. */
#include "abi/abi.h"


#define NAME_BYTES 64
#define TOP_CLASSES 12
#define TOP_THREADS 8

static struct ali_snapshot static_snapshot;
static _Atomic(bool) static_taken;

/* --- snapshots ----------------------------------------------------------------------------- */

struct ali_snapshot *ali_snapshot_take(ali_sink_fn sink, void *arg)
{
    struct ali_snapshot *s = &static_snapshot;

    /* acquire: pairs with the release in ali_snapshot_give */
    if (atomic_exchange_explicit(&static_taken, true, memory_order_acquire))
        s = ali_os_map(ali_align_up(sizeof *s, ali_os_page_bytes), ALI_OS_READ_WRITE, NULL);
    if (s == NULL)
        return NULL;
    allot_stats_get(&s->stats);
    ali_text_init(&s->out.text, s->text, sizeof s->text);
    s->out.sink = sink;
    s->out.arg = arg;
    return s;
}

static void out_flush(struct ali_out *out)
{
    struct ali_text *t = &out->text;

    if (out->sink != NULL && ali_text_length(t) > 0)
        out->sink(t->start, ali_text_length(t), out->arg);
    ali_text_init(t, t->start, ALI_SNAPSHOT_TEXT_BYTES);
}

void ali_out_line(struct ali_out *out)
{
    const size_t longest_line = 1024;

    ali_text_char(&out->text, '\n');
    if (ali_text_length(&out->text) > ALI_SNAPSHOT_TEXT_BYTES - longest_line)
        out_flush(out);
}

void ali_snapshot_give(struct ali_snapshot *s)
{
    out_flush(&s->out);
    if (s != &static_snapshot)
        ali_os_unmap(s, ali_align_up(sizeof *s, ali_os_page_bytes));
    else
        atomic_store_explicit(&static_taken, false, memory_order_release);
}

void ali_sink_fd(const char *text, size_t bytes, void *arg)
{
    ali_os_write(*(const int *)arg, text, bytes);
}

/* --- pieces of text ------------------------------------------------------------------------ */

/* One cell, right-aligned. */
static void cell(struct ali_text *t, size_t width, const char *s)
{
    for (size_t length = strlen(s); length < width; length++)
        ali_text_char(t, ' ');
    ali_text_str(t, s);
}

static void cell_bytes(struct ali_text *t, size_t width, uint64_t bytes)
{
    char buffer[32];
    struct ali_text number;

    ali_text_init(&number, buffer, sizeof buffer);
    ali_text_bytes(&number, bytes);
    cell(t, width, buffer);
}

static void cell_count(struct ali_text *t, size_t width, uint64_t count)
{
    char buffer[32];
    struct ali_text number;

    ali_text_init(&number, buffer, sizeof buffer);
    ali_text_u64(&number, count);
    cell(t, width, buffer);
}

static uint64_t percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint64_t)((double)part * 100 / (double)whole + 0.5);
}

static void cell_percent(struct ali_text *t, size_t width, uint64_t part, uint64_t whole)
{
    cell_count(t, width - 2, percent(part, whole));
    ali_text_str(t, " %");
}

/* --- the table ----------------------------------------------------------------------------- */

static void row(struct ali_out *out, const char *label, uint64_t bytes, const char *meaning)
{
    struct ali_text *t = &out->text;

    ali_text_str(t, "  ");
    ali_text_str(t, label);
    for (size_t length = strlen(label); length < 16; length++)
        ali_text_char(t, ' ');
    cell_bytes(t, 11, bytes);
    ali_text_str(t, "   ");
    ali_text_str(t, meaning);
}

static void text_head(struct ali_out *out, const char *when)
{
    char name[NAME_BYTES];

    ali_process_name(name, sizeof name);
    ali_text_printf(&out->text, "allot: memory of %s (pid %u) %s", name, ali_os_process_id(), when);
    ali_out_line(out);
}

/* RSS is X, live is Y: where is the rest? */
static void text_where(struct ali_out *out, const struct allot_stats *s)
{
    struct ali_text *t = &out->text;

    row(out, "resident", s->resident_bytes, "RSS now; peak ");
    /* The kernel adds up what is resident late. */
    ali_text_bytes(t, ali_max(s->peak_resident_bytes, s->resident_bytes));
    ali_out_line(out);
    row(out, "  live", s->live_bytes, "held by the program, blocks: ");
    ali_text_printf(t, "%zu; never above ", s->live_blocks);
    ali_text_bytes(t, s->peak_live_bound_bytes);
    ali_out_line(out);
    row(out, "    of it slack", s->slack_bytes, "");
    ali_text_printf(t, "about %lu %% of live: blocks are larger than asked for",
                    (unsigned long)percent(s->slack_bytes, s->live_bytes));
    ali_out_line(out);
    row(out, "  partly used", s->partly_used_bytes,
        "free blocks between live ones, touched or not");
    ali_out_line(out);
    row(out, "  retained", s->retained_bytes, "unused, kept for the next request (purge, dirty)");
    ali_out_line(out);
    row(out, "  metadata", s->metadata_bytes, "the heap's own records");
    ali_out_line(out);
    row(out, "  not heap", s->not_heap_bytes, "code, static data, stacks, the program's mappings");
    ali_out_line(out);
}

static void text_system(struct ali_out *out, const struct allot_stats *s)
{
    struct ali_text *t = &out->text;

    row(out, "heap", s->spans_bytes, "in use for slabs and large blocks; peak ");
    ali_text_bytes(t, s->peak_spans_bytes);
    if (s->limit_bytes != 0) {
        ali_text_str(t, ", limit ");
        ali_text_bytes(t, s->limit_bytes);
    }
    ali_out_line(out);
    row(out, "mapped", s->mapped_bytes, "address space behind it, touched or not");
    ali_out_line(out);
    row(out, "given back", s->purged_bytes, "");
    ali_text_printf(t, "to the system, in %lu pieces", (unsigned long)s->purges);
    ali_out_line(out);
    row(out, "large blocks", s->large_bytes, "");
    ali_text_printf(t, "in %zu live; %lu allocated, %lu freed in all", s->large_blocks,
                    (unsigned long)s->large_allocs, (unsigned long)s->large_frees);
    ali_out_line(out);
    ali_text_printf(t, "  page faults     %lu minor, %lu major; %lu system calls of the heap",
                    (unsigned long)s->minor_faults, (unsigned long)s->major_faults,
                    (unsigned long)s->os_calls);
    ali_out_line(out);
    if (s->misuses != 0) {
        ali_text_printf(t, "  misuse          %lu calls reported", (unsigned long)s->misuses);
        ali_out_line(out);
    }
}

static size_t class_bytes(const struct allot_class_stats *c)
{
    return (c->live_blocks + c->free_blocks) * c->block_bytes;
}

/* Index of the class with the most bytes among those not in `said`; class_count when none is left.
 */
static size_t top_class(const struct allot_stats *s, const bool *said)
{
    size_t top = s->class_count;

    for (size_t i = 0; i < s->class_count; i++)
        if (!said[i] && class_bytes(&s->classes[i]) > 0 &&
            (top == s->class_count || class_bytes(&s->classes[i]) > class_bytes(&s->classes[top])))
            top = i;
    return top;
}

static void text_class(struct ali_out *out, const struct allot_class_stats *c)
{
    struct ali_text *t = &out->text;

    cell_bytes(t, 12, c->block_bytes);
    cell_count(t, 13, c->live_blocks);
    cell_bytes(t, 13, c->live_blocks * c->block_bytes);
    cell_bytes(t, 13, c->free_blocks * c->block_bytes);
    cell_percent(t, 8, c->live_blocks * c->block_bytes, class_bytes(c));
    cell_count(t, 9, c->slabs);
    cell_count(t, 10, c->refills);
    ali_out_line(out);
}

static void text_classes(struct ali_out *out, const struct allot_stats *s)
{
    bool said[ALLOT_STATS_CLASSES] = {false};
    size_t rest = 0;
    size_t top;

    ali_text_str(&out->text, "\n  block size  live blocks         live         free"
                             "    used    slabs   refills");
    ali_out_line(out);
    for (size_t i = 0; i < TOP_CLASSES && (top = top_class(s, said)) < s->class_count; i++) {
        said[top] = true;
        text_class(out, &s->classes[top]);
    }
    for (; (top = top_class(s, said)) < s->class_count; rest++)
        said[top] = true;
    if (rest > 0) {
        ali_text_printf(&out->text, "  and %zu smaller ones (stats=json has all)", rest);
        ali_out_line(out);
    }
}

static void text_threads(struct ali_out *out, const struct allot_stats *s)
{
    struct ali_text *t = &out->text;
    size_t known = ali_min(s->thread_count, ALLOT_STATS_THREADS);

    ali_text_str(t, "\n      thread        slabs         live         free");
    ali_out_line(out);
    for (size_t i = 0; i < ali_min(known, TOP_THREADS); i++) {
        const struct allot_thread_stats *thread = &s->threads[i];

        if (thread->thread_id != 0)
            cell_count(t, 12, thread->thread_id);
        else
            cell(t, 12, "parked");
        cell_count(t, 13, thread->slabs);
        cell_bytes(t, 13, thread->live_bytes);
        cell_bytes(t, 13, thread->free_bytes);
        ali_out_line(out);
    }
    if (s->thread_count > TOP_THREADS) {
        ali_text_printf(t, "  and %zu more (stats=json has them)", s->thread_count - TOP_THREADS);
        ali_out_line(out);
    }
}

void ali_stats_text(struct ali_snapshot *snapshot, const char *when)
{
    struct ali_out *out = &snapshot->out;
    const struct allot_stats *s = &snapshot->stats;

    text_head(out, when);
    text_where(out, s);
    ali_out_line(out);
    text_system(out, s);
    text_classes(out, s);
    text_threads(out, s);
}

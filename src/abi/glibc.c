/* What glibc's malloc.h has beyond the standard: tuning and statistics, all with true figures and
 * real effects. Source: glibc 2.36 manual, "The GNU Allocator"; mallopt(3), mallinfo(3),
 * malloc_info(3). */
#include "abi/abi.h"

#include <limits.h>
#include <stdio.h>

ALI_ABI_BRINGS(ali_abi_malloc_anchor);

void ali_abi_glibc_anchor(void)
{
}

/* Declared here, not by <malloc.h>: musl's has none of them. */
struct mallinfo {
    int arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

struct mallinfo2 {
    size_t arena;   /* memory for all but large blocks */
    size_t ordblks; /* free blocks in it */
    size_t smblks;
    size_t hblks;  /* large blocks */
    size_t hblkhd; /* bytes of these */
    size_t usmblks;
    size_t fsmblks;
    size_t uordblks; /* of arena: live */
    size_t fordblks; /* of arena: free */
    size_t keepcost; /* what malloc_trim could give back */
};

int malloc_trim(size_t pad);
void malloc_stats(void);
int mallopt(int parameter, int value);
struct mallinfo mallinfo(void);
struct mallinfo2 mallinfo2(void);
int malloc_info(int options, FILE *file);
struct mallinfo __libc_mallinfo(void);
int __libc_mallopt(int parameter, int value);

/* --- tuning -------------------------------------------------------------------------------- */

enum {
    PARAMETER_MXFAST = 1,
    PARAMETER_TRIM_THRESHOLD = -1,
    PARAMETER_TOP_PAD = -2,
    PARAMETER_MMAP_THRESHOLD = -3,
    PARAMETER_MMAP_MAX = -4,
    PARAMETER_CHECK_ACTION = -5,
    PARAMETER_PERTURB = -6,
};

#define MXFAST_MAX (80 * sizeof(size_t) / 4)
#define CHECK_ACTION_ABORTS 2

ALI_EXPORT int malloc_trim(size_t pad)
{
    return allot_trim(pad) > 0;
}

/* What was asked for; one parameter alone does not decide. */
static struct {
    int64_t trim_threshold; /* -1: keep everything; at first the option `dirty` */
    int64_t top_pad;
    size_t mmap_threshold;
    bool mmap_never;
} tuned = {.trim_threshold = INT64_MIN, .mmap_threshold = SIZE_MAX};

/* Trimming leaves the pad in place. */
static void tune_keeping(void)
{
    if (tuned.trim_threshold == INT64_MIN)
        tuned.trim_threshold = (int64_t)ali_min(ali_options.dirty_max_bytes, (uint64_t)INT64_MAX);
    if (tuned.trim_threshold < 0) {
        ali_options.dirty_max_bytes = UINT64_MAX;
        ali_options.purge_delay_ms = UINT64_MAX;
    } else {
        ali_options.dirty_max_bytes = (uint64_t)ali_max(tuned.trim_threshold, tuned.top_pad);
    }
}

/* What glibc maps is given back the moment it is freed; where it maps nothing, it is kept. */
static void tune_mmap(void)
{
    ali_heap_return_at_once(tuned.mmap_never ? SIZE_MAX : tuned.mmap_threshold);
}

/* Results are glibc's; what has no counterpart here (fast bins, a number of arenas) is accepted and
 * changes nothing. */
ALI_EXPORT int mallopt(int parameter, int value)
{
    ali_abi_start();
    switch (parameter) {
    case PARAMETER_TRIM_THRESHOLD:
        /* Negative: never give anything back, as glibc. */
        tuned.trim_threshold = value < 0 ? -1 : value;
        tune_keeping();
        return 1;
    case PARAMETER_TOP_PAD:
        tuned.top_pad = value;
        tune_keeping();
        return 1;
    case PARAMETER_MMAP_THRESHOLD:
        tuned.mmap_threshold = (size_t)value;
        tune_mmap();
        return 1;
    case PARAMETER_MMAP_MAX:
        tuned.mmap_never = value == 0;
        tune_mmap();
        return 1;
    case PARAMETER_CHECK_ACTION:
        ali_options.misuse = (value & CHECK_ACTION_ABORTS) ? ALI_MISUSE_ABORT : ALI_MISUSE_REPORT;
        return 1;
    case PARAMETER_PERTURB:
        ali_heap_perturb((uint8_t)value);
        return 1;
    case PARAMETER_MXFAST:
        return value >= 0 && (size_t)value <= MXFAST_MAX;
    default:
        return 1;
    }
}

/* --- mallinfo ------------------------------------------------------------------------------ */

static size_t minus(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

static size_t free_blocks(const struct allot_stats *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->class_count; i++)
        count += s->classes[i].free_blocks;
    return count;
}

ALI_EXPORT struct mallinfo2 mallinfo2(void)
{
    struct ali_snapshot *snapshot = ali_snapshot_take(NULL, NULL);
    struct mallinfo2 info = {0};

    if (snapshot != NULL) {
        const struct allot_stats *s = &snapshot->stats;

        info.hblks = s->large_blocks;
        info.hblkhd = s->large_bytes;
        info.uordblks = minus(s->live_bytes, s->large_bytes);
        info.arena =
            ali_max(minus(s->spans_bytes, s->large_bytes) + s->retained_bytes, info.uordblks);
        info.fordblks = info.arena - info.uordblks;
        info.ordblks = free_blocks(s);
        info.keepcost = s->retained_bytes;
        ali_snapshot_give(snapshot);
    }
    return info;
}

/* glibc's wraps; a figure that is too large is more honest at its limit. */
static int narrowed(size_t value)
{
    return value > INT_MAX ? INT_MAX : (int)value;
}

ALI_EXPORT struct mallinfo mallinfo(void)
{
    struct mallinfo2 wide = mallinfo2();

    return (struct mallinfo){
        .arena = narrowed(wide.arena),
        .ordblks = narrowed(wide.ordblks),
        .hblks = narrowed(wide.hblks),
        .hblkhd = narrowed(wide.hblkhd),
        .uordblks = narrowed(wide.uordblks),
        .fordblks = narrowed(wide.fordblks),
        .keepcost = narrowed(wide.keepcost),
    };
}

/* --- text ---------------------------------------------------------------------------------- */

/* The lines of glibc's that programs look for. All of this heap is mapped memory. */
static void stats_totals(struct ali_out *out, const struct allot_stats *s)
{
    struct ali_text *t = &out->text;

    ali_text_printf(t, "\nTotal (incl. mmap):\nsystem bytes     = %lu\n",
                    (unsigned long)(s->spans_bytes + s->retained_bytes));
    ali_text_printf(t, "in use bytes     = %lu\nmax mmap bytes   = %lu",
                    (unsigned long)s->live_bytes, (unsigned long)s->peak_spans_bytes);
    ali_out_line(out);
}

ALI_EXPORT void malloc_stats(void)
{
    int fd = 2;
    struct ali_snapshot *snapshot = ali_snapshot_take(ali_sink_fd, &fd);

    if (snapshot != NULL) {
        ali_stats_text(snapshot, "now");
        stats_totals(&snapshot->out, &snapshot->stats);
        ali_snapshot_give(snapshot);
    }
}

static void sink_file(const char *text, size_t bytes, void *file)
{
    (void)!fwrite(text, 1, bytes, (FILE *)file);
}

static void xml_count(struct ali_out *out, const char *element, uint64_t count, uint64_t bytes)
{
    ali_text_printf(&out->text, "<%s count=\"%lu\" size=\"%lu\"/>", element, (unsigned long)count,
                    (unsigned long)bytes);
    ali_out_line(out);
}

static void xml_size(struct ali_out *out, const char *element, uint64_t bytes)
{
    ali_text_printf(&out->text, "<%s size=\"%lu\"/>", element, (unsigned long)bytes);
    ali_out_line(out);
}

static void xml_classes(struct ali_out *out, const struct allot_stats *s)
{
    size_t smaller = 0;

    ali_text_str(&out->text, "<sizes>");
    ali_out_line(out);
    for (size_t i = 0; i < s->class_count; i++) {
        const struct allot_class_stats *c = &s->classes[i];

        if (c->free_blocks > 0) {
            ali_text_printf(
                &out->text, "  <size from=\"%zu\" to=\"%zu\" total=\"%zu\" count=\"%zu\"/>",
                smaller + 1, c->block_bytes, c->free_blocks * c->block_bytes, c->free_blocks);
            ali_out_line(out);
        }
        smaller = c->block_bytes;
    }
    ali_text_str(&out->text, "</sizes>");
    ali_out_line(out);
}

/* Free blocks ("rest"), large blocks ("mmap"), and what the system has given. */
static void xml_totals(struct ali_out *out, const struct allot_stats *s)
{
    xml_count(out, "total type=\"fast\"", 0, 0);
    xml_count(out, "total type=\"rest\"", free_blocks(s), s->partly_used_bytes);
    xml_count(out, "total type=\"mmap\"", s->large_blocks, s->large_bytes);
    xml_size(out, "system type=\"current\"", s->spans_bytes + s->retained_bytes);
    xml_size(out, "system type=\"max\"", s->peak_spans_bytes);
    xml_size(out, "aspace type=\"total\"", s->mapped_bytes);
    xml_size(out, "aspace type=\"mprotect\"", s->mapped_bytes);
}

/* In glibc's form, so that what reads that reads this: one heap and the same again as totals. */
ALI_EXPORT int malloc_info(int options, FILE *file)
{
    struct ali_snapshot *snapshot;

    if (options != 0)
        return EINVAL;
    snapshot = ali_snapshot_take(sink_file, file);
    if (snapshot == NULL)
        return ENOMEM;
    ali_text_str(&snapshot->out.text, "<malloc version=\"1\">\n<heap nr=\"0\">");
    ali_out_line(&snapshot->out);
    xml_classes(&snapshot->out, &snapshot->stats);
    xml_totals(&snapshot->out, &snapshot->stats);
    ali_text_str(&snapshot->out.text, "</heap>");
    ali_out_line(&snapshot->out);
    xml_totals(&snapshot->out, &snapshot->stats);
    ali_text_str(&snapshot->out.text, "</malloc>");
    ali_out_line(&snapshot->out);
    ali_snapshot_give(snapshot);
    return 0;
}

ALI_ALIAS_OF(mallinfo) struct mallinfo __libc_mallinfo(void);
ALI_ALIAS_OF(mallopt) int __libc_mallopt(int parameter, int value);

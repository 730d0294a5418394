/* usage: bench_regions [--quick] [--only ROW]... [--peer NAME]... [--list] [PASSES]
 *
 * Every row on every contender that was found when this was configured and has the operation. The
 * passes of a row take turns. Printed are the median of the passes, how far the slowest was from
 * the fastest, and by how much Allot is faster than the fastest of the others. --only and --peer
 * take patterns. The exit status is 1 if two contenders disagree in what they read back. */
#include "bench.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PASSES_MAX = 101, PATTERNS_MAX = 16, PEERS_MAX = 16 };

#define EACH_PEER(X)                                                                               \
    X(peer_allot)                                                                                  \
    X(peer_allot_cached)                                                                           \
    X(peer_allot_locked)                                                                           \
    X(peer_allot_ring)                                                                             \
    X(peer_copying_ring)                                                                           \
    X(peer_obstack)                                                                                \
    X(peer_pmr)                                                                                    \
    X(peer_apr)                                                                                    \
    X(peer_talloc)                                                                                 \
    X(peer_glib)                                                                                   \
    X(peer_boost)                                                                                  \
    X(peer_malloc)

/* A contender whose library is not there is not linked in. */
#define DECLARE(name) extern const struct peer name __attribute__((weak));
EACH_PEER(DECLARE)

#define ADDRESS(name) &name,
static const struct peer *const peers[] = {EACH_PEER(ADDRESS)};
enum { PEERS = sizeof peers / sizeof peers[0] };

static const struct {
    const char *group, *name, *unit;
} rows[ROWS] = {
    [PUSH_16] = {"regions", "push-16", "ns"},
    [PUSH_32] = {"regions", "push-32", "ns"},
    [PUSH_64] = {"regions", "push-64", "ns"},
    [REQUEST] = {"regions", "push-16x32-reset", "ns"},
    [MARK_REWIND] = {"regions", "mark-4x32-rewind", "ns"},
    [SCOPE_4] = {"regions", "scope-4x64", "ns"},
    [FRAMES] = {"regions", "frames", "ns"},
    [RESET_64M] = {"regions", "reset-64M", "us"},
    [PARSE_16K] = {"regions", "parse-16K", "us"},
    [PARSE_1M] = {"regions", "parse-1M", "us"},
    [GET_PUT] = {"pools", "get-put", "ns"},
    [BATCH_64] = {"pools", "batch-64", "ns"},
    [BULK_64] = {"pools", "bulk-64", "ns"},
    [RANDOM_1K] = {"pools", "random-1k", "ns"},
    [RANDOM_100K] = {"pools", "random-100k", "ns"},
    [SHARED_1] = {"pools", "shared-1-thread", "ns"},
    [SHARED_2] = {"pools", "shared-2-threads", "ns"},
    [PUSH_POP] = {"stacks", "push-pop", "ns"},
    [OUT_OF_ORDER] = {"stacks", "out-of-order", "ns"},
    [STACK_REWIND] = {"stacks", "mark-8x64-rewind", "ns"},
    [RING_96] = {"rings", "message-96", "ns"},
    [RING_1408] = {"rings", "message-1408", "ns"},
    [RING_THREADS] = {"rings", "2-threads-1408", "ns"},
};

struct patterns {
    const char *text[PATTERNS_MAX];
    size_t count;
};

struct column {
    const char *name;
    double values[PASSES_MAX], median, spread;
    uint64_t sum;
};

static struct patterns only_rows, only_peers;
static struct column columns[PEERS_MAX];
static size_t column_count;
static bool disagreed;

bool bench_quick;
const char *document_small, *document_large;

double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Records as a service sends them. */
static void write_document(char *text, size_t bytes)
{
    size_t at = 0;

    text[at++] = '[';
    for (unsigned i = 0; at + 300 < bytes; i++)
        at += (size_t)snprintf(text + at, bytes - at,
                               "{\"id\": %u, \"name\": \"user %u of the service\", \"tags\": "
                               "[\"a\", \"bc\", \"def\"], \"at\": {\"x\": %u, \"y\": %u}},\n",
                               i, i * 7919, i % 640, i % 480);
    (void)snprintf(text + at, bytes - at, "]");
}

static bool matches(const struct patterns *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (fnmatch(patterns->text[i], name, 0) == 0)
            return true;
    return patterns->count == 0;
}

static const struct pass *find_pass(const char *peer, int row)
{
    for (size_t i = 0; i < PEERS; i++)
        for (size_t k = 0; peers[i] != NULL && k < peers[i]->count; k++)
            if (strcmp(peers[i]->name, peer) == 0 && peers[i]->passes[k].row == (enum row)row)
                return &peers[i]->passes[k];
    return NULL;
}

/* --- figures ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void summarize(struct column *c, int passes)
{
    double *v = c->values;

    qsort(v, (size_t)passes, sizeof *v, compare);
    c->median = passes % 2 != 0 ? v[passes / 2] : (v[passes / 2 - 1] + v[passes / 2]) / 2;
    c->spread = c->median > 0 ? (v[passes - 1] - v[0]) / c->median : 0;
}

static bool is_ours(const struct column *c)
{
    return strncmp(c->name, "allot", 5) == 0;
}

/* Of those that have the row. */
static double best(int row, bool ours)
{
    double least = 0;

    for (size_t i = 0; i < column_count; i++)
        if (is_ours(&columns[i]) == ours && find_pass(columns[i].name, row) != NULL &&
            (least <= 0 || columns[i].median < least))
            least = columns[i].median;
    return least;
}

static void run_one(struct column *c, int row, int slot)
{
    const struct pass *pass = find_pass(c->name, row);
    uint64_t sum = 0;

    if (pass == NULL)
        return;
    c->values[slot < 0 ? 0 : slot] = pass->run(&sum);
    if (slot >= 0 && sum != c->sum) {
        fprintf(stderr, "bench_regions: %s: %s reads back something else each time\n",
                rows[row].name, c->name);
        disagreed = true;
    }
    c->sum = sum;
}

static void check_sums(int row)
{
    const struct column *first = NULL;

    for (size_t i = 0; i < column_count; i++) {
        if (find_pass(columns[i].name, row) == NULL)
            continue;
        if (first == NULL)
            first = &columns[i];
        if (columns[i].sum == first->sum)
            continue;
        fprintf(stderr, "bench_regions: %s: %s and %s do not read back the same\n", rows[row].name,
                first->name, columns[i].name);
        disagreed = true;
    }
}

static void measure(int row, int passes)
{
    for (int pass = -1; pass < passes; pass++) /* the first is to warm up */
        for (size_t i = 0; i < column_count; i++)
            run_one(&columns[(i + (size_t)(pass + 1)) % column_count], row, pass);
    for (size_t i = 0; i < column_count; i++)
        if (find_pass(columns[i].name, row) != NULL)
            summarize(&columns[i], passes);
    check_sums(row);
}

/* --- the table ----------------------------------------------------------------------------- */

/* The contenders that have a row of the group. */
static void find_columns(const char *group)
{
    column_count = 0;
    for (size_t i = 0; i < PEERS; i++) {
        bool wanted = false, known = false;

        if (peers[i] == NULL || !matches(&only_peers, peers[i]->name))
            continue;
        for (size_t k = 0; k < peers[i]->count; k++)
            wanted |= strcmp(rows[peers[i]->passes[k].row].group, group) == 0;
        for (size_t k = 0; k < column_count; k++)
            known |= strcmp(columns[k].name, peers[i]->name) == 0;
        if (wanted && !known)
            columns[column_count++].name = peers[i]->name;
    }
}

static void print_head(const char *group)
{
    printf("%s%-17s %-2s", group == rows[0].group ? "" : "\n", group, "");
    for (size_t i = 0; i < column_count; i++)
        printf("  %14s", columns[i].name);
    printf("  %8s\n", "others/allot");
}

static void print_row(int row)
{
    double ours = best(row, true), others = best(row, false);

    printf("%-17s %-2s", rows[row].name, rows[row].unit);
    for (size_t i = 0; i < column_count; i++)
        if (find_pass(columns[i].name, row) == NULL)
            printf("  %14s", "-");
        else
            printf("  %9.2f %3.0f%%", columns[i].median, 100 * columns[i].spread);
    if (ours > 0 && others > 0)
        printf("  %11.2fx", others / ours);
    printf("\n");
    fflush(stdout);
}

static void print_list(void)
{
    for (int row = 0; row < ROWS; row++) {
        find_columns(rows[row].group);
        printf("%s", rows[row].name);
        for (size_t i = 0; i < column_count; i++)
            if (find_pass(columns[i].name, row) != NULL)
                printf("\t%s", columns[i].name);
        printf("\n");
    }
}

static void run_all(int passes)
{
    const char *group = "";

    for (int row = 0; row < ROWS; row++) {
        if (!matches(&only_rows, rows[row].name) && !matches(&only_rows, rows[row].group))
            continue;
        find_columns(rows[row].group);
        if (column_count == 0)
            continue;
        if (strcmp(group, rows[row].group) != 0)
            print_head(group = rows[row].group);
        measure(row, passes);
        print_row(row);
    }
}

static int usage(void)
{
    fputs("usage: bench_regions [--quick] [--only ROW]... [--peer NAME]... [--list] [PASSES]\n",
          stderr);
    return 2;
}

static bool add_pattern(struct patterns *patterns, const char *text)
{
    if (patterns->count == PATTERNS_MAX)
        return false;
    patterns->text[patterns->count++] = text;
    return true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"peer", required_argument, NULL, 'p'},
                                            {"list", no_argument, NULL, 'l'},
                                            {0}};
    static char small[16 << 10], large[1 << 20];
    bool list = false;
    int option, passes;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'q')
            bench_quick = true;
        else if (option == 'l')
            list = true;
        else if (option == '?' || !add_pattern(option == 'o' ? &only_rows : &only_peers, optarg))
            return usage();
    }
    passes = optind < argc ? (int)strtol(argv[optind], NULL, 10) : bench_quick ? 1 : 11;
    if (passes < 1 || passes > PASSES_MAX || argc - optind > 1)
        return usage();
    write_document(small, sizeof small);
    write_document(large, sizeof large);
    document_small = small;
    document_large = large;
    if (list)
        print_list();
    else
        run_all(passes);
    return disagreed ? 1 : 0;
}

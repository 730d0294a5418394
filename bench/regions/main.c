/* usage: regions [PASSES]
 * Every row on every region library that was found when this was configured; the passes of the
 * peers take turns. Prints the median of the passes, and how far the slowest was from the fastest.
 */
#include "regions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PASSES_MAX = 101, DOCUMENT_MAX = 1 << 20 };

static const struct peer *const peers[] = {
    &peer_allot,  &peer_malloc, &peer_obstack,
#ifdef HAVE_PMR
    &peer_pmr,
#endif
#ifdef HAVE_APR
    &peer_apr,
#endif
#ifdef HAVE_TALLOC
    &peer_talloc,
#endif
};
enum { PEERS = sizeof peers / sizeof peers[0] };

static const struct {
    const char *name, *unit;
} rows[ROWS] = {
    [PUSH_16] = {"push-16", "ns"},
    [PUSH_32] = {"push-32", "ns"},
    [PUSH_64] = {"push-64", "ns"},
    [PUSH_RESET] = {"push-16x32-reset", "ns"},
    [MARK_REWIND] = {"mark-rewind", "ns"},
    [RESET_64M] = {"reset-64M", "ns"},
    [PARSE] = {"parse", "us"},
};

const char *document;
size_t document_bytes;

double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Records as a service sends them. */
static void write_document(void)
{
    static char text[DOCUMENT_MAX];
    size_t at = 0;

    text[at++] = '[';
    for (unsigned i = 0; at < DOCUMENT_MAX - 1000; i++)
        at += (size_t)snprintf(text + at, DOCUMENT_MAX - at,
                               "{\"id\": %u, \"name\": \"user %u of the service\", \"tags\": "
                               "[\"a\", \"bc\", \"def\"], \"at\": {\"x\": %u, \"y\": %u}},\n",
                               i, i * 7919, i % 640, i % 480);
    (void)snprintf(text + at, DOCUMENT_MAX - at, "]");
    document = text;
    document_bytes = at + 1;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(enum row row, int passes)
{
    static double values[PEERS][PASSES_MAX];

    for (int pass = -1; pass < passes; pass++) /* the first is to warm up */
        for (int i = 0; i < PEERS; i++) {
            const struct peer *peer = peers[(i + pass + 1) % PEERS];
            double value = peer->pass[row]();

            values[(i + pass + 1) % PEERS][pass < 0 ? 0 : pass] = value;
        }
    printf("%-18s", rows[row].name);
    for (int i = 0; i < PEERS; i++) {
        double *v = values[i];

        qsort(v, (size_t)passes, sizeof *v, compare);
        if (v[0] < 0)
            printf("  %16s", "-");
        else
            printf("  %11.2f %3.0f%%", v[passes / 2], 100 * (v[passes - 1] - v[0]) / v[passes / 2]);
    }
    printf("  %s\n", rows[row].unit);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int passes = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 11;

    if (passes < 1 || passes > PASSES_MAX) {
        fputs("usage: regions [PASSES]\n", stderr);
        return 2;
    }
    write_document();
    printf("%-18s", "");
    for (int i = 0; i < PEERS; i++)
        printf("  %16s", peers[i]->name);
    printf("\n");
    for (int row = 0; row < ROWS; row++)
        measure((enum row)row, passes);
    return 0;
}

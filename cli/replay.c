/* allot replay: the operations of a trace on any allocator, each run in a process of its own that
 * has this allocator and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "replay.h"

enum { SUBJECTS_MAX = 16, RUNS_MAX = 101 };

struct subject {
    char name[64];
    char path[PATH_BYTES]; /* empty: the C library's own */
    double wall_ms[RUNS_MAX], cpu_ms[RUNS_MAX];
    struct plan_result memory;
};

struct options {
    const char *path;
    const char *json;
    struct subject subjects[SUBJECTS_MAX];
    size_t subject_count;
    unsigned runs;
    enum touch touch;
    bool check, one_lane, summary;
};

void replay_usage(FILE *to)
{
    fputs(
        "usage: allot replay [FLAGS] FILE\n\n"
        "Runs the operations of a trace (allot run --trace FILE PROGRAM) on allocators, and says\n"
        "how long each takes and how much memory it holds.\n\n"
        "  --lib=PATH\n"
        "        A malloc to be preloaded; also \"allot\" and \"libc\". Repeatable.\n"
        "        Default: allot and libc.\n"
        "  --runs=N\n"
        "        Timed runs of each, by turns. Default: 5.\n"
        "  --touch=none|page|all\n"
        "        What is written to each object: nothing, a byte a page, all. Default: page.\n"
        "  --check\n"
        "        Fill every object and look whether it is intact when it ends, zero and aligned\n"
        "        when it begins; measures nothing.\n"
        "  --one-thread\n"
        "        All on one thread, in the order of the trace. Default: a thread each, which wait\n"
        "        for what they need of each other.\n"
        "  --summary\n"
        "        Only say what is in the trace.\n"
        "  --json=FILE\n"
        "        The results as JSON; - is standard output.\n\n"
        "Exit status: 0; 1 when an allocator failed; 2 for a wrong flag; 125 when allot fails.\n",
        to);
}

/* --- flags --------------------------------------------------------------------------------- */

static int add_subject(struct options *o, const char *given)
{
    struct subject *s = &o->subjects[o->subject_count];
    const char *base;

    if (o->subject_count == SUBJECTS_MAX) {
        complain("replay", "at most %d allocators", SUBJECTS_MAX);
        return EXIT_USAGE;
    }
    if (strcmp(given, "allot") == 0) {
        if (!find_drop_in(s->path, sizeof s->path)) {
            complain("replay", "liballot-malloc.so is missing; looked for\n%s", s->path);
            return EXIT_OURS;
        }
    } else if (strcmp(given, "libc") != 0 && realpath(given, s->path) == NULL) {
        complain("replay", "--lib=%s: %s", given, strerror(errno));
        return EXIT_USAGE;
    }
    if (strpbrk(s->path, ": \t") != NULL) {
        complain("replay", "%s: the loader takes no path with a space or ':'", s->path);
        return EXIT_USAGE;
    }
    base = strrchr(given, '/');
    snprintf(s->name, sizeof s->name, "%s", base != NULL ? base + 1 : given);
    o->subject_count++;
    return EXIT_GOOD;
}

static int take_runs(struct options *o, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < 1 || n > RUNS_MAX) {
        complain("replay", "--runs=%s: must be a number from 1 to %d", text, RUNS_MAX);
        return EXIT_USAGE;
    }
    o->runs = (unsigned)n;
    return EXIT_GOOD;
}

static int take_touch(struct options *o, const char *text)
{
    int i = word_index("none|page|all", text, strlen(text));

    if (i < 0) {
        complain("replay", "--touch=%s: must be one of none|page|all", text);
        return EXIT_USAGE;
    }
    o->touch = (enum touch)i;
    return EXIT_GOOD;
}

static int take_flag(struct options *o, int flag, const char *given)
{
    switch (flag) {
    case 'l':
        return add_subject(o, optarg);
    case 'r':
        return take_runs(o, optarg);
    case 't':
        return take_touch(o, optarg);
    case 'c':
        o->check = true;
        return EXIT_GOOD;
    case '1':
        o->one_lane = true;
        return EXIT_GOOD;
    case 's':
        o->summary = true;
        return EXIT_GOOD;
    case 'j':
        o->json = optarg;
        return EXIT_GOOD;
    case 'h':
        replay_usage(stdout);
        exit(EXIT_GOOD);
    case ':':
        complain("replay", "%s needs a value", given);
        return EXIT_USAGE;
    default:
        complain("replay", "unknown flag \"%s\" (allot replay --help lists all)", given);
        return EXIT_USAGE;
    }
}

static int take_flags(struct options *o, int argc, char **argv)
{
    static const struct option flags[] = {{"lib", required_argument, NULL, 'l'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"touch", required_argument, NULL, 't'},
                                          {"check", no_argument, NULL, 'c'},
                                          {"one-thread", no_argument, NULL, '1'},
                                          {"summary", no_argument, NULL, 's'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int flag, status = EXIT_GOOD;

    opterr = 0;
    while (status == EXIT_GOOD && (flag = getopt_long(argc, argv, ":h", flags, NULL)) != -1)
        status = take_flag(o, flag, argv[optind - 1]);
    if (status != EXIT_GOOD)
        return status;
    if (optind + 1 != argc) {
        replay_usage(stderr);
        return EXIT_USAGE;
    }
    o->path = argv[optind];
    if (o->subject_count == 0 && !o->summary) {
        status = add_subject(o, "allot");
        if (status == EXIT_GOOD)
            status = add_subject(o, "libc");
    }
    return status;
}

/* --- running ------------------------------------------------------------------------------- */

/* The worker's environment: what is preloaded, and no options of anybody. */
static void become_worker(const struct subject *s, int fd)
{
    char number[16];
    char *argv[] = {(char[]){"allot"}, (char[]){"replay-worker"}, number, NULL};

    snprintf(number, sizeof number, "%d", fd);
    if (s->path[0] != '\0')
        setenv("LD_PRELOAD", s->path, 1);
    else
        unsetenv("LD_PRELOAD");
    execv("/proc/self/exe", argv);
    complain("replay", "/proc/self/exe: %s", strerror(errno));
    _exit(EXIT_OURS);
}

/* That the worker really ran on it. */
static bool is_provider(const struct subject *s, const struct plan *plan)
{
    char real[PATH_MAX];

    if (s->path[0] == '\0')
        return strstr(plan->result.provider, "libc") != NULL ||
               strstr(plan->result.provider, "ld-musl") != NULL;
    return realpath(plan->result.provider, real) != NULL && strcmp(real, s->path) == 0;
}

static bool say_end(const struct subject *s, const struct plan *plan, int status)
{
    if (WIFSIGNALED(status))
        complain("replay", "%s: killed by signal %d (%s)", s->name, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (plan->result.error[0] != '\0')
        complain("replay", "%s: %s", s->name, plan->result.error);
    else if (WEXITSTATUS(status) != 0)
        complain("replay", "%s: the worker ended with status %d", s->name, WEXITSTATUS(status));
    else if (!is_provider(s, plan))
        complain("replay", "%s: could not be preloaded; malloc is %s's", s->name,
                 plan->result.provider);
    else
        return true;
    return false;
}

static bool run_once(const struct subject *s, struct plan *plan, int fd)
{
    int status;
    pid_t child;

    memset(&plan->result, 0, sizeof plan->result);
    memset(plan_cells(plan), 0, plan->bytes - plan->cells_at);
    child = fork();
    if (child == 0)
        become_worker(s, fd);
    while (child < 0 || waitpid(child, &status, 0) < 0) {
        if (child < 0 || errno != EINTR) {
            complain("replay", "%s", strerror(errno));
            return false;
        }
    }
    return say_end(s, plan, status);
}

static bool run_all(struct options *o, struct plan *plan, int fd)
{
    plan->touch = o->touch;
    plan->check = o->check;
    plan->memory = true;
    for (size_t i = 0; i < o->subject_count; i++) {
        if (!run_once(&o->subjects[i], plan, fd))
            return false;
        o->subjects[i].memory = plan->result;
    }
    plan->memory = false;
    for (unsigned run = 0; run < o->runs && !o->check; run++)
        for (size_t i = 0; i < o->subject_count; i++) {
            if (!run_once(&o->subjects[i], plan, fd))
                return false;
            o->subjects[i].wall_ms[run] = (double)plan->result.wall_ns / 1e6;
            o->subjects[i].cpu_ms[run] = (double)plan->result.cpu_ns / 1e6;
        }
    return true;
}

/* --- telling ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, by_value);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static uint64_t operations(const struct plan *plan)
{
    return plan->allocations + plan->frees + plan->reallocations;
}

static const char *size_text(char text[16], uint64_t bytes)
{
    static const char units[] = "BKMGT";
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    if (unit == 0)
        snprintf(text, 16, "%u B", (unsigned)bytes);
    else
        snprintf(text, 16, "%.1f %ciB", value, units[unit]);
    return text;
}

static void print_summary(const struct options *o, const struct trace_file *file,
                          const struct plan *plan)
{
    char peak[16], end[16];

    printf("%s: %s (pid %u), %llu threads, %.1f s\n", o->path, file->header.program,
           file->header.process_id, (unsigned long long)plan->threads, (double)plan->ms / 1e3);
    printf("%llu allocations, %llu reallocations, %llu frees\n",
           (unsigned long long)plan->allocations, (unsigned long long)plan->reallocations,
           (unsigned long long)plan->frees);
    printf("peak live %s in %llu objects, at the end %s\n", size_text(peak, plan->peak_live_bytes),
           (unsigned long long)plan->peak_live_objects, size_text(end, plan->end_live_bytes));
    if (file->header.record_bytes == 0)
        puts("the program did not come to its end: the trace goes as far as it did");
    if (file->cut)
        puts("the file is cut off inside a record: what is before it counts");
}

static void print_table(struct options *o, const struct plan *plan)
{
    double ops = (double)operations(plan);

    printf("\n  %-24s %10s %7s %9s %10s %10s %10s\n", "allocator", "time", "spread", "ns/op", "CPU",
           "peak RSS", "at end");
    for (size_t i = 0; i < o->subject_count; i++) {
        struct subject *s = &o->subjects[i];
        double wall = median(s->wall_ms, o->runs), cpu = median(s->cpu_ms, o->runs);
        char peak[16], end[16];

        printf("  %-24s %7.2f ms %5.0f %% %9.1f %7.2f ms %10s %10s\n", s->name, wall,
               wall > 0 ? (s->wall_ms[o->runs - 1] - s->wall_ms[0]) * 100 / wall : 0,
               ops > 0 ? wall * 1e6 / ops : 0, cpu, size_text(peak, s->memory.peak_bytes),
               size_text(end, s->memory.end_bytes));
    }
}

static int write_json(struct options *o, const struct trace_file *file, const struct plan *plan)
{
    FILE *to = strcmp(o->json, "-") == 0 ? stdout : fopen(o->json, "w");

    if (to == NULL) {
        complain("replay", "%s: %s", o->json, strerror(errno));
        return EXIT_OURS;
    }
    fputs("{\"schema\": 1, \"trace\": ", to);
    json_string(to, o->path);
    fputs(", \"program\": ", to);
    json_string(to, file->header.program);
    fprintf(to,
            ", \"threads\": %llu, \"allocations\": %llu, \"reallocations\": %llu, \"frees\": %llu, "
            "\"peak_live_bytes\": %llu, \"peak_live_objects\": %llu, \"end_live_bytes\": %llu, "
            "\"complete\": %s, \"results\": [",
            (unsigned long long)plan->threads, (unsigned long long)plan->allocations,
            (unsigned long long)plan->reallocations, (unsigned long long)plan->frees,
            (unsigned long long)plan->peak_live_bytes, (unsigned long long)plan->peak_live_objects,
            (unsigned long long)plan->end_live_bytes,
            file->header.record_bytes != 0 && !file->cut ? "true" : "false");
    for (size_t i = 0; i < o->subject_count; i++) {
        struct subject *s = &o->subjects[i];
        double wall = median(s->wall_ms, o->runs), cpu = median(s->cpu_ms, o->runs);

        fprintf(to, "%s{\"allocator\": ", i > 0 ? ", " : "");
        json_string(to, s->name);
        if (!o->check)
            fprintf(to,
                    ", \"wall_ms\": %.3f, \"wall_min_ms\": %.3f, \"wall_max_ms\": %.3f, "
                    "\"cpu_ms\": %.3f",
                    wall, s->wall_ms[0], s->wall_ms[o->runs - 1], cpu);
        fprintf(to, ", \"peak_rss_bytes\": %llu, \"end_rss_bytes\": %llu}",
                (unsigned long long)s->memory.peak_bytes, (unsigned long long)s->memory.end_bytes);
    }
    fputs("]}\n", to);
    if (to != stdout && fclose(to) != 0) {
        complain("replay", "%s: %s", o->json, strerror(errno));
        return EXIT_OURS;
    }
    return EXIT_GOOD;
}

static int tell(struct options *o, const struct trace_file *file, const struct plan *plan)
{
    bool text = o->json == NULL || strcmp(o->json, "-") != 0;

    if (text)
        print_summary(o, file, plan);
    if (text && o->check)
        printf("every object was intact on %zu allocators\n", o->subject_count);
    else if (text && !o->summary)
        print_table(o, plan);
    return o->json != NULL ? write_json(o, file, plan) : EXIT_GOOD;
}

int verb_replay(int argc, char **argv)
{
    static struct options o = {.runs = 5, .touch = TOUCH_PAGE};
    struct trace_file file;
    struct plan *plan;
    int fd = -1, status = take_flags(&o, argc, argv);

    if (status != EXIT_GOOD)
        return status;
    if (!trace_open(&file, "replay", o.path))
        return EXIT_OURS;
    plan = plan_make(&file, o.one_lane, &fd);
    if (plan == NULL)
        status = EXIT_OURS;
    else if (!o.summary && !run_all(&o, plan, fd))
        status = EXIT_FINDING;
    else
        status = tell(&o, &file, plan);
    trace_close(&file);
    return status;
}

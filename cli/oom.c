/* allot oom: the program is run once for each call stack that allocates, each time with one
 * allocation of that stack refused. What a program may do then is to go on, or to say so and end;
 * a crash, a hang, or other output with exit status 0 is a fault. */
#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* When nothing is refused, and nobody has said how long that may take. */
#define PATIENCE_S 600

void oom_usage(FILE *to)
{
    fputs("usage: allot oom [FLAGS] [--] PROGRAM [ARGUMENTS]\n\n"
          "Runs the program once for each call stack that allocates, each time with the first\n"
          "allocation of that stack refused (NULL, ENOMEM), and reports crashes, hangs, and other\n"
          "output with exit status 0. Standard input is read once and given to every run.\n\n"
          "  --mode=once|on\n"
          "        Refuse that allocation only, or all from there on. Default: once.\n"
          "  --all\n"
          "        Refuse every allocation in turn, not one of each call stack.\n"
          "  --runs=N\n"
          "        At most so many runs. Default: 2000.\n"
          "  --timeout=SECONDS\n"
          "        When a run hangs. Default: 10 and twenty times the undisturbed run.\n"
          "  --loud\n"
          "        Let the program's standard error through.\n"
          "  --json=FILE\n"
          "        The results as JSON; - is standard output.\n\n"
          "Exit status: 0 when no fault was found, 23 when one was, 2 for a wrong flag, 125 when\n"
          "allot fails, 126 or 127 when the program cannot be run or is not found.\n",
          to);
}

/* --- flags --------------------------------------------------------------------------------- */

static int take_number(const char *flag, const char *text, unsigned long *value)
{
    char *end;

    *value = strtoul(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && *value > 0)
        return EXIT_GOOD;
    complain("oom", "%s=%s: must be a number, at least 1", flag, text);
    return EXIT_USAGE;
}

static int take_mode(struct oom_options *o, const char *text)
{
    int i = word_index("once|on", text, strlen(text));

    if (i < 0) {
        complain("oom", "--mode=%s: must be one of once|on", text);
        return EXIT_USAGE;
    }
    o->on = i == 1;
    return EXIT_GOOD;
}

static int take_flag(struct oom_options *o, int flag, const char *given)
{
    unsigned long seconds = 0;
    int status = EXIT_GOOD;

    switch (flag) {
    case 'm':
        return take_mode(o, optarg);
    case 'a':
        o->all = true;
        break;
    case 'r':
        return take_number("--runs", optarg, &o->runs_max);
    case 't':
        status = take_number("--timeout", optarg, &seconds);
        o->timeout_s = (double)seconds;
        break;
    case 'l':
        o->program.loud = true;
        break;
    case 'j':
        o->json = optarg;
        break;
    case 'h':
        oom_usage(stdout);
        exit(EXIT_GOOD);
    case ':':
        complain("oom", "%s needs a value", given);
        return EXIT_USAGE;
    default:
        complain("oom", "unknown flag \"%s\" (allot oom --help lists all; -- ends the flags)",
                 given);
        return EXIT_USAGE;
    }
    return status;
}

static int take_flags(struct oom_options *o, int argc, char **argv)
{
    static const struct option flags[] = {
        {"mode", required_argument, NULL, 'm'}, {"all", no_argument, NULL, 'a'},
        {"runs", required_argument, NULL, 'r'}, {"timeout", required_argument, NULL, 't'},
        {"loud", no_argument, NULL, 'l'},       {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    int flag, status = EXIT_GOOD;

    opterr = 0;
    while (status == EXIT_GOOD && (flag = getopt_long(argc, argv, "+:h", flags, NULL)) != -1)
        status = take_flag(o, flag, argv[optind - 1]);
    if (status != EXIT_GOOD)
        return status;
    if (optind >= argc) {
        oom_usage(stderr);
        return EXIT_USAGE;
    }
    o->program.argv = argv + optind;
    return prepare_program("oom", argv[optind], o->program.path, sizeof o->program.path);
}

/* --- the undisturbed runs ------------------------------------------------------------------ */

static bool read_stacks(struct oom_session *s)
{
    int fd = open(s->record, O_RDONLY | O_CLOEXEC);
    struct stat file;
    void *p = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &file) == 0 && (size_t)file.st_size > sizeof *s->stacks)
        p = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (p == MAP_FAILED) {
        complain("oom", "the program left no record: it does not run on Allot's malloc");
        return false;
    }
    s->stacks = p; /* which stays when the file is removed */
    return true;
}

static bool same(const struct oom_run *a, const struct oom_run *b)
{
    return a->status == b->status && a->bytes == b->bytes && a->output == b->output;
}

static bool run_undisturbed(struct oom_options *o, struct oom_session *s)
{
    double patience = o->timeout_s > 0 ? o->timeout_s : PATIENCE_S;
    struct oom_run again;

    if (!oom_run(&o->program, "", s->record, patience, &s->good))
        return false;
    if (s->good.timed_out || WIFSIGNALED(s->good.status)) {
        complain("oom", "the program %s with nothing refused",
                 s->good.timed_out ? "does not end" : "is killed by a signal");
        return false;
    }
    if (!read_stacks(s) || !oom_run(&o->program, "", s->record, patience, &again))
        return false;
    s->steady = same(&s->good, &again);
    if (o->timeout_s <= 0)
        o->timeout_s = 10 + 20 * s->good.seconds;
    return true;
}

/* --- the trials ---------------------------------------------------------------------------- */

static bool plan_trials(const struct oom_options *o, struct oom_session *s)
{
    const struct ali_oom_record *r = s->stacks;
    size_t count = o->all ? (size_t)r->allocations : r->stack_count;

    if (count > o->runs_max)
        count = o->runs_max;
    s->trials = calloc(count + 1, sizeof *s->trials);
    if (s->trials == NULL) {
        complain("oom", "%s", strerror(errno));
        return false;
    }
    s->trial_count = count;
    for (size_t i = 0; i < count; i++)
        s->trials[i].at = i + 1;
    for (uint32_t i = 0; i < r->stack_count; i++) {
        size_t at = o->all ? (size_t)r->stacks[i].first - 1 : i;

        if (at < count)
            s->trials[at] = (struct oom_trial){
                .at = r->stacks[i].first, .size = r->stacks[i].size, .stack = r->stacks[i].text};
    }
    return true;
}

static enum oom_outcome judge(const struct oom_session *s, const struct oom_run *run)
{
    if (run->timed_out)
        return OOM_HANG;
    if (WIFSIGNALED(run->status))
        return OOM_CRASH;
    if (!run->refused)
        return OOM_NOT_REACHED;
    if (same(&s->good, run))
        return OOM_SAME;
    if (run->status != s->good.status && WEXITSTATUS(run->status) != 0)
        return OOM_REPORTED;
    return s->steady ? OOM_WRONG : OOM_SAME;
}

static bool run_trials(const struct oom_options *o, struct oom_session *s)
{
    bool progress = isatty(2);

    for (size_t i = 0; i < s->trial_count; i++) {
        struct oom_trial *t = &s->trials[i];
        char options[64];

        snprintf(options, sizeof options, "fail=%llu%s", (unsigned long long)t->at,
                 o->on ? ",fail_mode=on" : "");
        if (!oom_run(&o->program, options, s->record, o->timeout_s, &t->run))
            return false;
        t->outcome = judge(s, &t->run);
        s->counts[t->outcome]++;
        if (progress)
            fprintf(stderr, "\r%zu of %zu", i + 1, s->trial_count);
    }
    if (progress)
        fputs("\r\033[K", stderr);
    return true;
}

static int tell(const struct oom_options *o, const struct oom_session *s)
{
    int status = EXIT_GOOD;

    if (o->json == NULL || strcmp(o->json, "-") != 0)
        oom_print(o, s);
    if (o->json != NULL)
        status = oom_write_json(o, s);
    if (status == EXIT_GOOD &&
        s->counts[OOM_CRASH] + s->counts[OOM_HANG] + s->counts[OOM_WRONG] > 0)
        status = EXIT_BUGS;
    return status;
}

int verb_oom(int argc, char **argv)
{
    static struct oom_options o = {.runs_max = 2000};
    static struct oom_session s;
    const char *directory = getenv("TMPDIR");
    int status = take_flags(&o, argc, argv);

    if (status != EXIT_GOOD)
        return status;
    o.program.before = getenv("ALLOT");
    o.program.input = oom_keep_input();
    snprintf(s.record, sizeof s.record, "%s/allot-oom.%d",
             directory != NULL && directory[0] == '/' ? directory : "/tmp", (int)getpid());
    if (run_undisturbed(&o, &s) && plan_trials(&o, &s) && run_trials(&o, &s))
        status = tell(&o, &s);
    else
        status = EXIT_OURS;
    unlink(s.record);
    free(s.trials);
    return status;
}

/* Verbs, help, and what goes wrong before a verb is known. */
#include <stdarg.h>
#include <string.h>

#include "allot/base.h"
#include "cli.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    void (*usage)(FILE *to);
    const char *help;
};

static const struct verb verbs[] = {
    {"run", verb_run, run_usage, "run a program on Allot's malloc"},
    {"oom", verb_oom, oom_usage, "run a program again and again, each time without some memory"},
    {"replay", verb_replay, replay_usage, "run a trace on any allocator, with times and memory"},
    {"doctor", verb_doctor, doctor_usage,
     "say what works on this machine, and why the rest does not"},
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

void complain(const char *verb, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "allot%s%s: ", verb != NULL ? " " : "", verb != NULL ? verb : "");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void usage(FILE *to)
{
    fputs("usage: allot VERB ...\n\n", to);
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(to, "  allot %-8s %s\n", verbs[i].name, verbs[i].help);
    fputs("\n  allot help VERB\n  allot --version\n\n"
          "Options of the library go into the environment, as in ALLOT=\"stats,limit=2G\";\n"
          "ALLOT=help lists them.\n",
          to);
}

static const struct verb *find_verb(const char *name)
{
    const char *names[VERB_COUNT];
    const char *nearest;

    for (size_t i = 0; i < VERB_COUNT; i++) {
        names[i] = verbs[i].name;
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    }
    nearest = nearest_word(name, names, VERB_COUNT);
    if (nearest != NULL)
        complain(NULL, "unknown verb \"%s\"; the nearest is \"%s\"", name, nearest);
    else
        complain(NULL, "unknown verb \"%s\" (allot help lists all)", name);
    return NULL;
}

static int help(int argc, char **argv)
{
    const struct verb *verb;

    if (argc < 2) {
        usage(stdout);
        return EXIT_GOOD;
    }
    verb = find_verb(argv[1]);
    if (verb == NULL)
        return EXIT_USAGE;
    verb->usage(stdout);
    return EXIT_GOOD;
}

int main(int argc, char **argv)
{
    const struct verb *verb;

    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    argc--;
    argv++;
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
        strcmp(argv[0], "help") == 0)
        return help(argc, argv);
    if (strcmp(argv[0], "--version") == 0) {
        puts("allot " ALLOT_VERSION);
        return EXIT_GOOD;
    }
    if (strcmp(argv[0], "replay-worker") == 0)
        return verb_replay_worker(argc, argv);
    verb = find_verb(argv[0]);
    if (verb == NULL)
        return EXIT_USAGE;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        verb->usage(stdout);
        return EXIT_GOOD;
    }
    return verb->run(argc, argv);
}

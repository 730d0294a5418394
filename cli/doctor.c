/* allot doctor: what works on this machine, and why the rest does not.
 *
 * It tries things instead of comparing version numbers, wherever trying does no harm. */
#include "doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allot/base.h"

static const char *const verdict_names[] = {"ok", "reduced", "missing"};

/* --- findings ------------------------------------------------------------------------------ */

void find_ok(struct finding *f, const char *value, ...)
{
    va_list args;

    f->verdict = VERDICT_OK;
    va_start(args, value);
    vsnprintf(f->value, sizeof f->value, value, args);
    va_end(args);
}

static void find(struct finding *f, enum verdict verdict, const char *value, const char *why)
{
    f->verdict = verdict;
    snprintf(f->value, sizeof f->value, "%s", value);
    snprintf(f->why, sizeof f->why, "%s", why);
}

void find_reduced(struct finding *f, const char *value, const char *why)
{
    find(f, VERDICT_REDUCED, value, why);
}

void find_missing(struct finding *f, const char *value, const char *why)
{
    find(f, VERDICT_MISSING, value, why);
}

bool read_line(const char *path, char *line, size_t bytes)
{
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(line, (int)bytes, file) != NULL;

    if (file != NULL)
        fclose(file);
    if (got)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

void bytes_text(unsigned long long bytes, char *text, size_t room)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, room, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* --- output -------------------------------------------------------------------------------- */

static const char *color_of(enum verdict verdict)
{
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};

    return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL ? colors[verdict] : "";
}

/* Words of `text` in lines that begin at `column`. */
static void print_wrapped(const char *text, int column)
{
    const int width = 96;
    int at = column;

    printf("%*s", column, "");
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");

        if (at > column && at + 1 + length > width) {
            printf("\n%*s", column, "");
            at = column;
        }
        at += printf("%s%.*s", at > column ? " " : "", length, text);
        text += length + (text[length] == ' ');
    }
    putchar('\n');
}

static void print_finding(const struct check *check, const struct finding *f)
{
    const char *color = color_of(f->verdict);

    printf("  %s%-8s%s %-20s %s\n", color, verdict_names[f->verdict],
           color[0] != '\0' ? "\033[0m" : "", check->name, f->value);
    if (f->why[0] != '\0')
        print_wrapped(f->why, 32);
}

static void json_finding(const struct check *check, const struct finding *f, bool first)
{
    printf("%s\n    {\"check\": ", first ? "" : ",");
    json_string(stdout, check->key);
    printf(", \"verdict\": \"%s\", \"value\": ", verdict_names[f->verdict]);
    json_string(stdout, f->value);
    printf(", \"why\": ");
    json_string(stdout, f->why);
    putchar('}');
}

/* --- the verb ------------------------------------------------------------------------------ */

struct tally {
    unsigned count[3];
    bool drop_in_works;
};

static void look(const struct check *checks, size_t count, bool json, struct tally *tally)
{
    for (size_t i = 0; i < count; i++) {
        struct finding f = {.verdict = VERDICT_OK};
        bool first = tally->count[0] + tally->count[1] + tally->count[2] == 0;

        checks[i].look(&f);
        tally->count[f.verdict]++;
        if (strcmp(checks[i].key, "drop_in") == 0)
            tally->drop_in_works = f.verdict == VERDICT_OK;
        if (json)
            json_finding(&checks[i], &f, first);
        else
            print_finding(&checks[i], &f);
    }
}

void doctor_usage(FILE *to)
{
    fputs("usage: allot doctor [--json]\n\n"
          "Says what works on this machine, and why the rest does not:\n\n"
          "  ok       as it should be\n"
          "  reduced  Allot works, but something is slower, weaker or limited\n"
          "  missing  something does not work\n\n"
          "Exit status: 0 when the drop-in malloc works, 1 when it does not, 2 for a wrong flag.\n",
          to);
}

static int run_checks(bool json)
{
    size_t (*const groups[])(const struct check **) = {program_checks, kernel_checks, limit_checks};
    struct tally tally = {{0}, false};

    if (json)
        printf("{\n  \"schema\": 1,\n  \"kind\": \"allot-doctor\",\n  \"version\": \"%s\",\n"
               "  \"checks\": [",
               ALLOT_VERSION);
    else
        puts("allot doctor " ALLOT_VERSION "\n");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const struct check *checks;
        size_t count = groups[i](&checks);

        look(checks, count, json, &tally);
    }
    if (json)
        printf("\n  ],\n  \"drop_in_works\": %s\n}\n", tally.drop_in_works ? "true" : "false");
    else
        printf("\n  %u ok, %u reduced, %u missing\n", tally.count[VERDICT_OK],
               tally.count[VERDICT_REDUCED], tally.count[VERDICT_MISSING]);
    return tally.drop_in_works ? EXIT_GOOD : EXIT_FINDING;
}

int verb_doctor(int argc, char **argv)
{
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--serves") == 0) /* of the check of the drop-in; not for people */
            return doctor_serves();
        if (strcmp(argv[i], "--json") != 0) {
            complain("doctor", "unknown flag \"%s\"; the only one is \"--json\"", argv[i]);
            return EXIT_USAGE;
        }
        json = true;
    }
    return run_checks(json);
}

/* allot run: a program on our malloc. The flags are the library's options; they end up in $ALLOT,
 * the drop-in in $LD_PRELOAD, and then this process becomes the program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allot/trace.h"
#include "cli.h"

enum option_type { TYPE_BYTES, TYPE_MS, TYPE_ENUM, TYPE_FLAGS, TYPE_PATH };

struct option {
    const char *key;
    const char *shown;
    const char *bare;
    const char *accepts;
    const char *help;
    enum option_type type;
};

static const struct option options[] = {
#define ALI_OPTION(key, type, field, initial, shown, bare, accepts, help)                          \
    {#key, shown, bare, accepts, help, TYPE_##type},
#include "../src/core/options.def"
#undef ALI_OPTION
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };
enum { NAME_BYTES = 32, PATH_VALUE_BYTES = 256 };

/* What $ALLOT is going to be. */
struct setting {
    char text[PATH_BYTES];
    size_t used;
};

/* --- usage --------------------------------------------------------------------------------- */

/* "stats_out" is --stats-out. */
static void flag_name(const struct option *option, char *name)
{
    size_t i;

    for (i = 0; option->key[i] != '\0' && i < NAME_BYTES - 1; i++)
        name[i] = (char)(option->key[i] == '_' ? '-' : option->key[i]);
    name[i] = '\0';
}

static const char *value_text(const struct option *option)
{
    switch (option->type) {
    case TYPE_BYTES:
        return "BYTES";
    case TYPE_MS:
        return "TIME";
    case TYPE_PATH:
        return "FILE";
    case TYPE_ENUM:
    case TYPE_FLAGS:
        break;
    }
    return option->accepts;
}

static void option_usage(FILE *to, const struct option *option)
{
    char name[NAME_BYTES];

    flag_name(option, name);
    if (option->bare != NULL)
        fprintf(to, "  --%s[=%s]\n", name, value_text(option));
    else
        fprintf(to, "  --%s=%s\n", name, value_text(option));
    fprintf(to, "        %s\n        Default: %s.", option->help, option->shown);
    if (option->bare != NULL)
        fprintf(to, " --%s alone is --%s=%s.", name, name, option->bare);
    if (option->type == TYPE_FLAGS)
        fputs(" Several are joined by '+'; all, none.", to);
    fputc('\n', to);
}

void run_usage(FILE *to)
{
    fputs("usage: allot run [FLAGS] [--] PROGRAM [ARGUMENTS]\n\n"
          "Runs the program, and what it starts, on Allot's malloc. Every free is checked.\n\n",
          to);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        option_usage(to, &options[i]);
    fputs("\nBYTES: 65536, 64K, 512M, 2G, 25% (of memory). TIME: 250ms, 10s, 2m.\n"
          "Exit status: the program's; 2 for a wrong flag, 125 when allot fails, 126 when the\n"
          "program cannot be run, 127 when it is not found.\n",
          to);
}

/* --- values -------------------------------------------------------------------------------- */

static bool is_number_with(const char *value, const char *const *suffixes)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0)
        return false;
    for (; *suffixes != NULL; suffixes++)
        if (strcasecmp(value + digits, *suffixes) == 0)
            return true;
    return false;
}

static bool is_flags(const char *accepts, const char *value)
{
    for (;;) {
        size_t length = strcspn(value, "+");

        if (word_index("all|none", value, length) < 0 && word_index(accepts, value, length) < 0)
            return false;
        if (value[length] == '\0')
            return true;
        value += length + 1;
    }
}

static bool is_value(const struct option *option, const char *value)
{
    static const char *const sizes[] = {"",  "B",   "%",   "K",   "M",   "G",
                                        "T", "KiB", "MiB", "GiB", "TiB", NULL};
    static const char *const times[] = {"", "ms", "s", "m", NULL};

    switch (option->type) {
    case TYPE_BYTES:
        return is_number_with(value, sizes);
    case TYPE_MS:
        return is_number_with(value, times);
    case TYPE_ENUM:
        return word_index(option->accepts, value, strlen(value)) >= 0;
    case TYPE_FLAGS:
        return is_flags(option->accepts, value);
    case TYPE_PATH:
        return value[0] != '\0' && strchr(value, ',') == NULL;
    }
    return false;
}

static int refuse_value(const struct option *option, const char *value)
{
    char name[NAME_BYTES];

    flag_name(option, name);
    switch (option->type) {
    case TYPE_BYTES:
        complain("run", "--%s=%s: must be a number of bytes such as 64K, 512M, 2G or 25%%", name,
                 value);
        break;
    case TYPE_MS:
        complain("run", "--%s=%s: must be a time such as 250ms, 10s or 2m", name, value);
        break;
    case TYPE_ENUM:
    case TYPE_FLAGS:
        complain("run", "--%s=%s: must be one of %s%s", name, value, option->accepts,
                 option->type == TYPE_FLAGS ? ", several joined by '+', all or none" : "");
        break;
    case TYPE_PATH:
        complain("run", "--%s=%s: must be the name of a file without ','", name, value);
        break;
    }
    return EXIT_USAGE;
}

/* --- flags --------------------------------------------------------------------------------- */

static int setting_add(struct setting *s, const char *key, const char *value)
{
    int n = snprintf(s->text + s->used, sizeof s->text - s->used, "%s%s%s%s",
                     s->used > 0 ? "," : "", key, value[0] != '\0' ? "=" : "", value);

    if (n < 0 || (size_t)n >= sizeof s->text - s->used) {
        complain("run", "the options are too long");
        return EXIT_USAGE;
    }
    s->used += (size_t)n;
    return EXIT_GOOD;
}

/* The library opens the file at exit, when the program may have gone elsewhere. */
static int add_path(struct setting *s, const struct option *option, const char *value)
{
    char path[PATH_BYTES * 2];
    size_t used = 0;

    if (value[0] != '/') {
        if (getcwd(path, PATH_BYTES) == NULL) {
            complain("run", "the working directory is not known: %s", strerror(errno));
            return EXIT_OURS;
        }
        used = strlen(path);
        path[used++] = '/';
    }
    snprintf(path + used, sizeof path - used, "%s", value);
    if (strlen(path) >= PATH_VALUE_BYTES || strchr(path, ',') != NULL) {
        complain("run", "%s: too long, or with ','", path);
        return EXIT_USAGE;
    }
    return setting_add(s, option->key, path);
}

/* The library writes a new file only, so that what the program starts does not overwrite it; an old
 * trace is in the way, and anything else is not ours to remove. */
static int clear_trace(const char *path)
{
    char magic[8] = {0};
    FILE *file = strchr(path, '%') == NULL ? fopen(path, "rb") : NULL;
    size_t got;

    if (file == NULL)
        return EXIT_GOOD;
    got = fread(magic, 1, sizeof magic, file);
    fclose(file);
    if (got != 0 && (got != sizeof magic || memcmp(magic, ALLOT_TRACE_MAGIC, sizeof magic) != 0)) {
        complain("run", "--trace=%s: exists, and is no trace; not overwritten", path);
        return EXIT_USAGE;
    }
    if (unlink(path) != 0) {
        complain("run", "--trace=%s: %s", path, strerror(errno));
        return EXIT_USAGE;
    }
    return EXIT_GOOD;
}

static const struct option *find_option(const char *flag, size_t length)
{
    static char names[OPTION_COUNT][NAME_BYTES];
    const char *words[OPTION_COUNT];
    char given[NAME_BYTES];
    const char *nearest;

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        flag_name(&options[i], names[i]);
        words[i] = names[i];
        if (strlen(names[i]) == length && memcmp(names[i], flag, length) == 0)
            return &options[i];
    }
    snprintf(given, sizeof given, "%.*s", (int)length, flag);
    nearest = nearest_word(given, words, OPTION_COUNT);
    if (nearest != NULL)
        complain("run", "unknown flag \"--%s\"; the nearest is \"--%s\"", given, nearest);
    else
        complain("run", "unknown flag \"--%s\" (allot run --help lists all)", given);
    return NULL;
}

/* Takes one flag, and the argument behind it if it needs one; *used tells how many. */
static int take_flag(struct setting *s, char **argv, int *used)
{
    const char *flag = argv[0] + 2;
    size_t length = strcspn(flag, "=");
    const struct option *option = find_option(flag, length);
    const char *value;

    *used = 1;
    if (option == NULL)
        return EXIT_USAGE;
    if (flag[length] == '=') {
        value = flag + length + 1;
    } else if (option->bare != NULL) {
        value = option->bare;
    } else if (argv[1] != NULL) {
        value = argv[1];
        *used = 2;
    } else {
        value = "";
    }
    if (!is_value(option, value))
        return refuse_value(option, value);
    if (strcmp(option->key, "trace") == 0 && clear_trace(value) != EXIT_GOOD)
        return EXIT_USAGE;
    return option->type == TYPE_PATH ? add_path(s, option, value)
                                     : setting_add(s, option->key, value);
}

static int take_flags(struct setting *s, char **argv, int *at)
{
    while (argv[*at] != NULL && argv[*at][0] == '-') {
        int used;
        int status;

        if (strcmp(argv[*at], "--") == 0) {
            (*at)++;
            break;
        }
        if (strcmp(argv[*at], "--help") == 0 || strcmp(argv[*at], "-h") == 0) {
            run_usage(stdout);
            exit(EXIT_GOOD);
        }
        if (argv[*at][1] != '-') {
            complain("run", "unknown flag \"%s\" (allot run --help; -- ends the flags)", argv[*at]);
            return EXIT_USAGE;
        }
        status = take_flag(s, argv + *at, &used);
        if (status != EXIT_GOOD)
            return status;
        *at += used;
    }
    return EXIT_GOOD;
}

/* --- the program --------------------------------------------------------------------------- */

static int set_preload(const char *verb)
{
    const char *before = getenv("LD_PRELOAD");
    char path[PATH_BYTES * 4];
    size_t used;

    if (!find_drop_in(path, sizeof path)) {
        complain(verb, "liballot-malloc.so is missing; looked for\n%s", path);
        return EXIT_OURS;
    }
    if (strpbrk(path, ": \t") != NULL) {
        complain(verb, "%s: the loader takes no path with a space or ':'", path);
        return EXIT_OURS;
    }
    used = strlen(path);
    if (before != NULL && before[0] != '\0')
        snprintf(path + used, sizeof path - used, ":%s", before);
    if (setenv("LD_PRELOAD", path, 1) != 0) {
        complain(verb, "%s", strerror(errno));
        return EXIT_OURS;
    }
    return EXIT_GOOD;
}

/* Of a path; what the search in PATH found and passed over has none. */
static const char *why_not_run(const char *name)
{
    struct stat s;

    if (strchr(name, '/') == NULL)
        return "is in PATH, but cannot be run";
    if (stat(name, &s) != 0)
        return strerror(errno);
    return S_ISDIR(s.st_mode) ? "is a directory, and cannot be run"
                              : "cannot be run: no permission to execute it";
}

int prepare_program(const char *verb, const char *name, char *path, size_t bytes)
{
    int status = find_program(name, path, bytes);
    const char *obstacle;

    if (status == EXIT_NOT_FOUND)
        complain(verb, "%s: not found", name);
    else if (status == EXIT_CANNOT_RUN)
        complain(verb, "%s: %s", name, why_not_run(name));
    if (status != EXIT_GOOD)
        return status;
    obstacle = preload_obstacle(path);
    if (obstacle != NULL) {
        complain(verb, "%s: %s", path, obstacle);
        return EXIT_OURS;
    }
    return set_preload(verb);
}

int verb_run(int argc, char **argv)
{
    struct setting setting = {.used = 0};
    char path[PATH_BYTES];
    const char *before = getenv("ALLOT");
    int at = 1;
    int status;

    (void)argc;
    if (before != NULL && before[0] != '\0' && setting_add(&setting, before, "") != EXIT_GOOD)
        return EXIT_USAGE;
    status = take_flags(&setting, argv, &at);
    if (status != EXIT_GOOD)
        return status;
    if (argv[at] == NULL) {
        run_usage(stderr);
        return EXIT_USAGE;
    }
    status = prepare_program("run", argv[at], path, sizeof path);
    if (status != EXIT_GOOD)
        return status;
    if (setting.used > 0 && setenv("ALLOT", setting.text, 1) != 0) {
        complain("run", "%s", strerror(errno));
        return EXIT_OURS;
    }
    execv(path, argv + at);
    status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    if (errno == ENOEXEC) {
        /* A script without "#!": what execvp does. */
        argv[at] = path;
        argv[at - 1] = (char[]){"sh"};
        execv("/bin/sh", argv + at - 1);
    }
    complain("run", "%s: %s", path, strerror(errno));
    return status;
}

/* The tool `allot`. One file a verb; what verbs share is here.
 *
 * Data goes to stdout, talk to stderr. Nothing of src/ is used but its option table, as data. */
#ifndef ALI_CLI_H
#define ALI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum exit_status {
    EXIT_GOOD = 0,
    EXIT_FINDING = 1,
    EXIT_BUGS = 23, /* the program has faults */
    EXIT_USAGE = 2,
    EXIT_OURS = 125, /* allot failed */
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127,
};

#define PATH_BYTES 4096

/* --- main.c -------------------------------------------------------------------------------- */

/* Says "allot VERB: ..." on stderr. */
void complain(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- verbs: argv[0] is the verb; they return an enum exit_status --------------------------- */

int verb_run(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_replay(int argc, char **argv);
int verb_replay_worker(int argc, char **argv); /* not for people: what replay starts */
int verb_oom(int argc, char **argv);
void run_usage(FILE *to);
void oom_usage(FILE *to);
void replay_usage(FILE *to);
void doctor_usage(FILE *to);

/* --- run.c --------------------------------------------------------------------------------- */

/* Finds the program, and sets LD_PRELOAD so that it will run on the drop-in. An enum exit_status;
 * what is wrong was said. */
int prepare_program(const char *verb, const char *name, char *path, size_t bytes);

/* --- words.c ------------------------------------------------------------------------------- */

/* The word that is nearest to `given` by edit distance; NULL when all differ in more than half of
 * it, which nobody meant. */
const char *nearest_word(const char *given, const char *const *words, size_t count);

/* Index of a word of `length` bytes among words separated by '|', -1 when it is none. */
int word_index(const char *words, const char *word, size_t length);

/* Writes a string with its quotes. */
void json_string(FILE *to, const char *s);

/* --- library.c ----------------------------------------------------------------------------- */

/* Path of liballot-malloc.so as installed or built with this tool; false, and the places that were
 * looked at in `path`, one a line. */
bool find_drop_in(char *path, size_t bytes);

/* --- program.c ----------------------------------------------------------------------------- */

/* Finds a program as execvp does. EXIT_GOOD, or EXIT_NOT_FOUND or EXIT_CANNOT_RUN. */
int find_program(const char *name, char *path, size_t bytes);

/* Why a library cannot be preloaded into the program; NULL when it can be. */
const char *preload_obstacle(const char *path);

#endif

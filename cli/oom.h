/* What the files of `allot oom` share. */
#ifndef ALI_CLI_OOM_H
#define ALI_CLI_OOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/check/oom_record.h"
#include "cli.h"

/* --- one run: oom_run.c -------------------------------------------------------------------- */

struct oom_program {
    char path[PATH_BYTES];
    char **argv;        /* [0] is the program's name */
    const char *before; /* value of $ALLOT that was there, or NULL */
    int input;          /* descriptor of its standard input, which can be read again; -1 none */
    bool loud;          /* let its standard error through */
};

struct oom_run {
    int status;      /* of waitpid */
    bool timed_out;  /* and killed for it */
    bool refused;    /* the allocation was reached */
    uint64_t output; /* hash of what it wrote to standard output */
    uint64_t bytes;  /* length of that */
    double seconds;
};

/* Runs the program with these options for the library; record: file of fail_out. False when it
 * could not be started; said. */
bool oom_run(const struct oom_program *program, const char *options, const char *record,
             double timeout_s, struct oom_run *run);

/* Makes standard input readable again and again; -1 for a terminal (the program gets none). */
int oom_keep_input(void);

/* --- all runs: oom.c ----------------------------------------------------------------------- */

enum oom_outcome {
    OOM_SAME,     /* as if nothing had happened */
    OOM_REPORTED, /* ended with an exit status that tells */
    OOM_CRASH,
    OOM_HANG,
    OOM_WRONG, /* ended well, with other output */
    OOM_NOT_REACHED,
    OOM_OUTCOMES
};

struct oom_options {
    struct oom_program program;
    bool all, on;
    unsigned long runs_max;
    double timeout_s; /* 0: from the first run */
    const char *json;
};

struct oom_trial {
    uint64_t at, size;
    const char *stack; /* NULL: not known */
    enum oom_outcome outcome;
    struct oom_run run;
};

struct oom_session {
    char record[PATH_BYTES];
    struct oom_run good;
    bool steady; /* two undisturbed runs wrote the same */
    const struct ali_oom_record *stacks;
    struct oom_trial *trials;
    size_t trial_count;
    size_t counts[OOM_OUTCOMES];
};

static inline bool oom_is_fault(const struct oom_trial *t)
{
    return t->outcome == OOM_CRASH || t->outcome == OOM_HANG || t->outcome == OOM_WRONG;
}

/* --- telling: oom_tell.c ------------------------------------------------------------------- */

void oom_print(const struct oom_options *o, const struct oom_session *s);
int oom_write_json(const struct oom_options *o, const struct oom_session *s);

#endif

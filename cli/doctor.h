/* What `allot doctor` is made of: checks, each with a verdict and its reason. */
#ifndef ALI_CLI_DOCTOR_H
#define ALI_CLI_DOCTOR_H

#include "cli.h"

enum verdict { VERDICT_OK, VERDICT_REDUCED, VERDICT_MISSING };

struct finding {
    enum verdict verdict;
    char value[96]; /* what was found */
    char why[320];  /* what that means and what helps; empty when all is well */
};

struct check {
    const char *key;  /* for JSON */
    const char *name; /* for people */
    void (*look)(struct finding *f);
};

/* The checks of each file; the count. */
size_t kernel_checks(const struct check **checks);
size_t limit_checks(const struct check **checks);
size_t program_checks(const struct check **checks);

void find_ok(struct finding *f, const char *value, ...) __attribute__((format(printf, 2, 3)));
void find_reduced(struct finding *f, const char *value, const char *why);
void find_missing(struct finding *f, const char *value, const char *why);

/* The first line of a small file, without its newline; false when it cannot be read. */
bool read_line(const char *path, char *line, size_t bytes);

/* "1.5 GiB" */
void bytes_text(unsigned long long bytes, char *text, size_t room);

/* In a child with the drop-in preloaded: 0 when it serves this process. */
int doctor_serves(void);

#endif

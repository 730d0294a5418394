/* Regions side by side. Each peer is a file that says how it makes a region, allocates, marks and
 * empties, and includes rows.h, so that the same loops are compiled for each, with whatever the
 * peer inlines. */
#ifndef REGIONS_H
#define REGIONS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum row { PUSH_16, PUSH_32, PUSH_64, PUSH_RESET, MARK_REWIND, RESET_64M, PARSE, ROWS };

struct peer {
    const char *name;
    /* One pass of a row: nanoseconds an operation; negative: the peer cannot do it. */
    double (*pass[ROWS])(void);
};

double now_ns(void);

/* A document of objects, lists, numbers and strings. */
extern const char *document;
extern size_t document_bytes;

extern const struct peer peer_allot;
extern const struct peer peer_malloc;
extern const struct peer peer_obstack;
extern const struct peer peer_talloc;
extern const struct peer peer_apr;
extern const struct peer peer_pmr;

#ifdef __cplusplus
}
#endif
#endif

/* The one way in which misuse by the program is reported. See allot/misuse.h for the record. */
#ifndef ALI_CORE_REPORT_H
#define ALI_CORE_REPORT_H

#include "allot/misuse.h"
#include "base/base.h"

/* Fills in what the heap does not know (what a foreign pointer is in, the call stack), hands the
 * record to the program's handler if there is one, else writes the report to stderr, then follows
 * the policy: ends the process, or returns and the call has no effect. Never allocates; safe in
 * any context in which the misused call itself is; a second report while one is being written by
 * the same thread is dropped.
 * `caller` is the return address of the public call. */
void ali_report_misuse(struct allot_misuse *m, const void *caller);

/* The call stack from the public call outwards, whose return address is `caller` and comes first;
 * at most max, which is at least 1. The count. */
size_t ali_report_frames(uintptr_t *frames, size_t max, const void *caller);

/* One line a frame: its number, the address, module and offset. */
void ali_report_frames_text(struct ali_text *t, const uintptr_t *frames, size_t count);

/* Misuses since start, also those that a handler took. */
uint64_t ali_misuse_count(void);

/* In a forked child: no other thread is reporting there. */
void ali_report_fork_child(void);

/* Name of a kind, a call, a place: for reports and JSON. */
const char *ali_misuse_kind_name(enum allot_misuse_kind kind);

#endif

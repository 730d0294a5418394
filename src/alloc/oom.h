/* What the two files of the out-of-memory harness share. */
#ifndef ALI_ALLOC_OOM_H
#define ALI_ALLOC_OOM_H

#include "alloc/decorate.h"
#include "allot/oom.h"

/* Tells of a finding on stderr. */
void ali_oom_print(const struct allot_oom_finding *finding, void *arg);

#endif

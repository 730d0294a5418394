/* The writer of allot/trace.h, as the layers above use it. */
#ifndef ALI_CORE_TRACE_H
#define ALI_CORE_TRACE_H

#include "allot/trace.h"
#include "base/base.h"

/* allot_trace_close, but threads may be writing still: what they write then is dropped, and the
 * object stays. */
void ali_trace_finish(allot_trace *trace);

/* In a forked child: the files are the parent's. */
void ali_trace_fork_child(void);

#endif

/* Layer 6: what a process tells about its memory while it runs. */
#ifndef ALI_PROFILE_H
#define ALI_PROFILE_H

#include "core/core.h"

/* Begins the trace that the option trace= asks for, if it does, and ends it. */
void ali_process_trace_start(void);
void ali_process_trace_stop(void);

#endif

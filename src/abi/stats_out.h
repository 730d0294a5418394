/* What the files about statistics share. */
#ifndef ALI_ABI_STATS_OUT_H
#define ALI_ABI_STATS_OUT_H

#include <stddef.h>

/* Name of this process as the kernel has it, "program" when it tells none. */
void ali_process_name(char *name, size_t bytes);

#endif

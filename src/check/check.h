/* Layer 6: looking for faults of the program that only show when something is made to happen. */
#ifndef ALI_CHECK_H
#define ALI_CHECK_H

#include "core/core.h"

/* Installs what the options fail= and fail_out= ask for. */
void ali_fail_start(void);

#endif

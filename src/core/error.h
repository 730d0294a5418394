/* The cause of the last failed allocation of this thread. */
#ifndef ALI_CORE_ERROR_H
#define ALI_CORE_ERROR_H

#include "allot/base.h"

/* Records the cause for allot_last_error(); never fails. */
void ali_error_set(enum allot_layer layer, enum allot_cause cause, int os_error);

#endif

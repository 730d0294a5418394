/* The cause of the last failed allocation of this thread. */
#ifndef ALI_CORE_ERROR_H
#define ALI_CORE_ERROR_H

#include "allot/base.h"

/* Records the cause for allot_last_error(); never fails. */
void ali_error_set(enum allot_layer layer, enum allot_cause cause, int os_error);

/* The same for a failed system call: works the cause out of the error (0 or -errno, or the
 * positive errno), the size that was asked for and the limits of the process. Makes a few system
 * calls, so call it with no lock held. */
void ali_error_set_os(enum allot_layer layer, int os_error, size_t bytes);
enum allot_cause ali_error_cause(int os_error, size_t bytes);

#endif

/* Names of files that options give. */
#ifndef ALI_CORE_PATH_H
#define ALI_CORE_PATH_H

#include "base/base.h"

#define ALI_PATH_BYTES 512

/* Name of this process as the kernel has it, "program" when it tells none. */
void ali_process_name(char *name, size_t bytes);

/* `pattern` with %p (process id) and %e (its name) filled in, %% being %. */
void ali_path_expand(const char *pattern, char *path, size_t bytes);

#endif

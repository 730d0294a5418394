/* malloc and free of the process: of the C library, or of whatever is preloaded. */
#include "bench.h"

#include <stdlib.h>

#define TAKE(bytes) malloc(bytes)
#define GIVE(p, bytes) free(p)

#include "by_object.h"

const struct peer peer_malloc = PEER("malloc", passes);

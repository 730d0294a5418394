#define SHARED_FLAGS ALLOT_POOL_CACHED
#include "allot_shared.h"

/* The rows of several threads are the cached pool's; the plain lock is a contender by itself. */
static const struct pass passes[] = {SHARED_PASSES};
const struct peer peer_allot_cached = PEER("allot", passes);

#define SHARED_FLAGS ALLOT_POOL_SHARED
#include "allot_shared.h"

static const struct pass passes[] = {SHARED_PASSES};
const struct peer peer_allot_locked = PEER("allot, lock", passes);

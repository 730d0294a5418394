/* Fused arenas: none of their memory is freed before the last of them is released. */
#include "region/region.h"

bool ali_arena_is_fused(const allot_arena *a)
{
    return a->group != NULL;
}

bool ali_group_leave(allot_arena *a)
{
    (void)a;
    return false;
}

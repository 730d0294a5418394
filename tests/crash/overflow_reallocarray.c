/* reallocarray whose product overflows: NULL, and the block stays. */
#include "crash.h"

static void misuse(bool bad)
{
    char *kept = (char *)malloc(30);
    memset(kept, 5, 30);
    char *block = (char *)reallocarray(kept, HIDE(bad ? SIZE_MAX / 2 : (size_t)30), 8);
    require((block == NULL) == bad, "reallocarray");
    block = block ? block : HIDE(kept);
    require(block[29] == 5, "the contents");
    free(block);
}

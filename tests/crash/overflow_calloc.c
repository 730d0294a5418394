/* calloc whose product overflows: NULL, and nothing is said. */
#include "crash.h"

static void misuse(bool bad)
{
    void *block = calloc(HIDE(bad ? SIZE_MAX / 2 : (size_t)3), 8);
    require((block == NULL) == bad, "calloc");
    free(block);
}

/* gcc: -Wanalyzer-malloc-leak
 * clang: Potential leak of memory */
#include <allot/alloc.h>

int f(int early);

int f(int early)
{
    char *p = allot_malloc(100);

    if (p == NULL)
        return -1;
    p[0] = 1;
    if (early)
        return -1;
    allot_free(p);
    return 0;
}

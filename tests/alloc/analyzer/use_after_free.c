/* gcc: -Wanalyzer-use-after-free
 * clang: Use of memory after it is freed */
#include <allot/alloc.h>

int f(void);

int f(void)
{
    int *p = allot_malloc(sizeof *p);
    int value;

    if (p == NULL)
        return 0;
    *p = 1;
    allot_free(p);
    value = *p;
    return value;
}

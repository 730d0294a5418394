/* gcc: -Wanalyzer-possible-null-dereference */
#include <allot/alloc.h>

void f(void);

void f(void)
{
    int *p = allot_calloc(10, sizeof *p);

    *p = 1;
    allot_free(p);
}

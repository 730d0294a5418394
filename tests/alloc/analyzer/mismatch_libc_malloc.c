/* gcc: -Wanalyzer-mismatching-deallocation */
#include <allot/alloc.h>
#include <stdlib.h>

void f(void);

void f(void)
{
    void *p = malloc(100);

    allot_free(p);
}

/* gcc: -Wanalyzer-mismatching-deallocation */
#include <allot/alloc.h>
#include <stdlib.h>

void f(void);

void f(void)
{
    void *p = allot_malloc_aligned(100, 64);

    free(p);
}

/* gcc: -Wanalyzer-double-free
 * clang: Attempt to free released memory */
#include <allot/alloc.h>

void f(void);

void f(void)
{
    void *p = allot_calloc(10, 10);

    allot_free(p);
    allot_free(p);
}

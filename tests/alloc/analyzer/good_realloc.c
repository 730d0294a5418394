/* gcc: */
#include <allot/alloc.h>

int f(size_t bytes);

int f(size_t bytes)
{
    void *p = allot_malloc(10);

    if (p == NULL)
        return -1;
    if (allot_realloc(&p, bytes) != 0) {
        allot_free(p);
        return -1;
    }
    allot_free(p);
    return 0;
}

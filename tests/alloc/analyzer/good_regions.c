/* What an arena or another allocator gives need not be freed.
 *
 * gcc:
 * clang: */
#include <allot/alloc.h>
#include <allot/arena.h>

int f(allot_arena *arena, allot_allocator *a);

int f(allot_arena *arena, allot_allocator *a)
{
    int *p = ALLOT_PUSH(arena, int);
    int *q = ALLOT_NEW(a, int);

    if (p == NULL || q == NULL)
        return -1;
    *p = *q = 1;
    return *p + *q;
}

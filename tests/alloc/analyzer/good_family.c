/* gcc:
 * clang: */
#include <allot/alloc.h>

int f(int count);
void g(void);
char *h(const char *s);

int f(int count)
{
    int *p = allot_calloc((size_t)count, sizeof *p);
    int sum = 0;

    if (p == NULL)
        return -1;
    for (int i = 0; i < count; i++)
        sum += p[i];
    ALLOT_FREE(p);
    ALLOT_FREE(p);
    return sum;
}

void g(void)
{
    allot_free(NULL);
    allot_free(allot_memdup("abc", 4));
}

char *h(const char *s)
{
    return allot_strndup(s, 10);
}

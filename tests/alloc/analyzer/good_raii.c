/* gcc: */
#include <allot/raii.h>

char *f(const char *s, int early);

char *f(const char *s, int early)
{
    ALLOT_AUTO char *copy = allot_strdup(s);
    ALLOT_AUTO int *scratch = allot_malloc(100);

    if (copy == NULL || scratch == NULL || early)
        return NULL;
    return ALLOT_TAKE(copy);
}

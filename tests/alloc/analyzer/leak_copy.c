/* gcc: -Wanalyzer-malloc-leak */
#include <allot/alloc.h>

bool f(const char *s);

bool f(const char *s)
{
    char *copy = allot_strdup(s);

    return copy != NULL;
}

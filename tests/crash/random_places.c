/* With harden=random blocks do not come in order. */
#include "crash.h"

#include <stddef.h>

static void misuse(bool bad)
{
    enum { count = 64 };
    char *block[count];
    int different = 0;
    for (int i = 0; i < count; i++)
        block[i] = (char *)malloc(64);
    ptrdiff_t seen[count];
    for (int i = 1; i < count; i++) {
        int k = 0;
        while (k < different && seen[k] != block[i] - block[i - 1])
            k++;
        if (k == different)
            seen[different++] = block[i] - block[i - 1];
    }
    require(!bad || different >= 8, "the distances between blocks differ");
    for (int i = 0; i < count; i++)
        free(block[i]);
}

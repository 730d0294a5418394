/* Prints whether it runs with raised privilege, then frees a block twice: in
 * an AT_SECURE program ALLOT=misuse=report is ignored, so that this aborts.
 */
#include "t.h"
#include <sys/auxv.h>

int main(void)
{
    printf("AT_SECURE %lu\n", getauxval(AT_SECURE));
    fflush(stdout);
    void *block = OPAQUE(malloc(40)), *again = OPAQUE(block);
    free(block);
    free(again);
    puts("went on");
    return 0;
}

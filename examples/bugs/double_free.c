#include <stdlib.h>
int main(void)
{
    char *name = malloc(32);
    free(name);
    free(name);
}

/* The program that start_calls watches: malloc and free, between two marks. */
#define _GNU_SOURCE
#include "start_probe.h"
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    syscall(PROBE_MAIN);
    free(malloc(32));
    syscall(PROBE_FIRST);
    return 0;
}

/* Holds a known amount of memory and prints what malloc.h says about it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 10000, SMALL_BYTES = 100, LARGE_BYTES = 8 << 20 };

static void print_info(const char *when)
{
    struct mallinfo2 i = mallinfo2();
    struct mallinfo old = mallinfo();

    printf("%s arena=%zu ordblks=%zu hblks=%zu hblkhd=%zu uordblks=%zu fordblks=%zu keepcost=%zu "
           "old=%d\n",
           when, i.arena, i.ordblks, i.hblks, i.hblkhd, i.uordblks, i.fordblks, i.keepcost,
           old.uordblks);
}

int main(void)
{
    static char *small[SMALL];
    char *large;

    print_info("start");
    for (int i = 0; i < SMALL; i++) {
        small[i] = malloc(SMALL_BYTES);
        memset(small[i], 1, SMALL_BYTES);
    }
    large = malloc(LARGE_BYTES);
    memset(large, 1, LARGE_BYTES);
    print_info("full");
    for (int i = 0; i < SMALL; i++)
        free(small[i]);
    free(large);
    print_info("freed");
    printf("trim=%d\n", malloc_trim(0));
    print_info("trimmed");
    printf("invalid=%d\n", malloc_info(1, stdout) == EINVAL);
    fflush(stdout);
    puts("xml");
    printf("info=%d\n", malloc_info(0, stdout));
    malloc_stats();
    return 0;
}

/* Large blocks of random size, 5 to 25 MiB, of which some live at any time; every page is written,
 * as a program that works on images or buffers does. */
#include "workload.h"

enum { LIVE = 20, PAGE = 4096 };

int main(int argc, char **argv)
{
    size_t count = argument(argc, argv, 1, 300);
    unsigned char *live[LIVE] = {0};
    uint64_t seed = 3, sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = random_below(&seed, LIVE);
        size_t size = (5u << 20) + random_below(&seed, 20u << 20);
        free(live[at]);
        live[at] = block_new(size);
        for (size_t page = 0; page < size; page += PAGE)
            live[at][page] = (unsigned char)page;
        sum += size;
    }
    for (size_t i = 0; i < LIVE; i++)
        free(live[i]);
    printf("blocks: %llu\n", (unsigned long long)sum);
    return 0;
}

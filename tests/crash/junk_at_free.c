/* With harden=junk neither fresh nor freed memory has old contents. */
#include "crash.h"

static void misuse(bool bad)
{
    static const size_t sizes[] = {24, 100, 1000, 5000, 40000};
    for (int i = 0; bad && i < 5; i++) {
        char *block = (char *)malloc(sizes[i]), *keeps_page = (char *)malloc(sizes[i]);
        size_t zeros = 0, kept = 0;
        for (size_t at = 0; at < sizes[i]; at++)
            zeros += ((volatile char *)block)[at] == 0;
        require(zeros < sizes[i] / 2, "a fresh block is not zero");
        memset(block, 0x77, sizes[i]);
        free(HIDE(block));
        for (size_t at = 0; at < sizes[i]; at++)
            kept += ((volatile char *)HIDE(block))[at] == 0x77;
        require(kept < sizes[i] / 2, "a freed block loses its contents");
        free(keeps_page);
    }
}

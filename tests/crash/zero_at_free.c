/* With harden=zero a freed block reads zero. */
#include "crash.h"

static void misuse(bool bad)
{
    static const size_t sizes[] = {24, 100, 1000, 5000, 40000};
    for (int i = 0; bad && i < 5; i++) {
        char *block = (char *)malloc(sizes[i]), *keeps_page = (char *)malloc(sizes[i]);
        memset(block, 0x77, sizes[i]);
        free(HIDE(block));
        for (size_t at = 0; at < sizes[i]; at++)
            require(((volatile char *)HIDE(block))[at] == 0, "a freed byte is zero");
        free(keeps_page);
    }
}

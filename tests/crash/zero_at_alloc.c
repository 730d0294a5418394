/* With harden=zero what is handed out reads zero, whatever was there before. */
#include "crash.h"

static void is_zero(const char *block, size_t from, size_t size)
{
    for (size_t at = from; at < size; at++)
        require(((volatile const char *)block)[at] == 0, "a fresh byte is zero");
}

static void misuse(bool bad)
{
    static const size_t sizes[] = {24, 100, 1000, 5000, 40000, 300000, 3000000};
    enum { COUNT = 20 };
    for (int i = 0; bad && i < 7 * 3; i++) {
        size_t size = sizes[i * 5 % 7];
        char *block[COUNT];
        for (int k = 0; k < COUNT; k++) {
            block[k] = (char *)malloc(size);
            is_zero(block[k], 0, size);
            memset(block[k], 0x77, size);
        }
        for (int k = 0; k < COUNT; k++)
            free(block[k]);
        char *grown = (char *)malloc(size);
        memset(grown, 0x77, size);
        grown = (char *)realloc(grown, size + 3);
        is_zero(grown, size, size + 3);
        free(grown);
    }
}

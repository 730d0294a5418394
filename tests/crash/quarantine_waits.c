/* With harden=quarantine a freed block is not handed out again soon. */
#include "crash.h"

static void misuse(bool bad)
{
    static const size_t sizes[] = {24, 100, 1000, 5000};
    for (int i = 0; bad && i < 4; i++) {
        void *block = malloc(sizes[i]);
        free(HIDE(block));
        for (int k = 0; k < 200; k++) {
            void *other = malloc(sizes[i]);
            require(other != HIDE(block), "a block in quarantine is handed out");
            free(other);
        }
    }
}

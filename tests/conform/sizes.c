/* Every size: 16-byte alignment, the whole usable size writable, no overlap. */
#include "t.h"
#include <malloc.h>

static void one_size(size_t size)
{
    enum { blocks = 6 };
    unsigned char *block[blocks];
    for (int i = 0; i < blocks; i++) {
        block[i] = i & 1 ? calloc(1, size) : malloc(size);
        REQUIRE(block[i], "malloc(%zu) gave NULL", size);
        CHECK(((uintptr_t)block[i] & 15) == 0, "malloc(%zu) = %p", size, (void *)block[i]);
        size_t usable = malloc_usable_size(block[i]);
        CHECK(usable >= size, "usable %zu of %zu", usable, size);
        t_fill(block[i], usable, (unsigned)(size + (size_t)i));
    }
    block[0] = realloc(block[0], size + 1);
    REQUIRE(block[0], "realloc to %zu gave NULL", size + 1);
    CHECK(((uintptr_t)block[0] & 15) == 0, "realloc(%zu) = %p", size + 1, (void *)block[0]);
    CHECK(t_holds(block[0], size, (unsigned)size), "realloc from %zu lost the contents", size);
    for (int i = 1; i < blocks; i++) {
        size_t usable = malloc_usable_size(block[i]);
        CHECK(t_holds(block[i], usable, (unsigned)(size + (size_t)i)),
              "block %d of size %zu was overwritten", i, size);
    }
    for (int i = 0; i < blocks; i++)
        free(block[i]);
}

int main(void)
{
    for (size_t size = 0; size <= 4200; size++)
        one_size(size);
    for (size_t power = 4096; power <= ((size_t)4 << 20); power *= 2) {
        static const int off[] = {-17, -16, -15, -1, 0, 1, 15, 16, 17};
        for (size_t i = 0; i < sizeof off / sizeof *off; i++)
            one_size(power + (size_t)off[i]);
        one_size(power + power / 2);
    }
    CHECK(malloc_usable_size(NULL) == 0, "usable size of NULL");
    return t_done();
}

/* A wrapper with dlsym(RTLD_NEXT) in front of the allocator (see wrapper.c). */
#include "t.h"
#include <dlfcn.h>
#include <malloc.h>

int main(void)
{
    unsigned long *calls = dlsym(RTLD_DEFAULT, "wrapped_calls");
    REQUIRE(calls, "the wrapper is not preloaded");
    unsigned long before = *calls;
    for (size_t size = 1; size < 1000000; size = size * 2 + 1) {
        char *block = malloc(size);
        t_fill(block, size, 1);
        block = realloc(block, size * 2);
        CHECK(t_holds(block, size, 1), "realloc through a wrapper");
        free(block);
        free(calloc(3, size));
        free(strdup("text"));
        void *aligned = NULL;
        CHECK(posix_memalign(&aligned, 64, size) == 0, "posix_memalign beside a wrapper");
        free(aligned);
    }
    CHECK(*calls >= before + 15, "the wrapper saw %lu calls", *calls - before);
    return t_done();
}

/* The heap works before main: preinit_array, constructors, dlsym, signals.
 *
 * What was allocated there is freed later, and the other way round.
 */
#include "t.h"
#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>

enum { count = 200 };
static void *early[count], *middle[count];
static size_t size_of(int i)
{
    return (size_t)(i * i * 7 + 1);
}

static void at_preinit(void)
{
    free(NULL);
    for (int i = 0; i < count; i++) {
        early[i] = i & 1 ? calloc(1, size_of(i)) : malloc(size_of(i));
        t_fill(early[i], size_of(i), (unsigned)i);
    }
    free(aligned_alloc(4096, 10000));
    early[3] = realloc(early[3], size_of(3) * 100);
}
__attribute__((section(".preinit_array"), used)) static void (*const preinit[])(void) = {
    at_preinit};

__attribute__((constructor)) static void at_start(void)
{
    for (int i = 0; i < count; i++) {
        middle[i] = malloc(size_of(i));
        t_fill(middle[i], size_of(i), (unsigned)i + 1);
        if (i % 3 == 0) {
            CHECK(t_holds(early[i], size_of(i), (unsigned)i), "a block of preinit");
            free(early[i]);
            early[i] = NULL;
        }
    }
}

static void *at_exit_block;

__attribute__((destructor)) static void at_end(void)
{
    free(at_exit_block);
    void *block = malloc(100000);
    memset(block, 1, 100000);
    free(block);
    if (t_failures)
        _exit(1);
}

/* A failing dlsym makes the C library allocate its message. */
static void lookups(void)
{
    for (int i = 0; i < 1000; i++) {
        CHECK(dlsym(RTLD_DEFAULT, "no_such_symbol_anywhere") == NULL, "dlsym");
        const char *message = dlerror();
        CHECK(message && strstr(message, "no_such_symbol"), "dlerror");
        CHECK(dlopen("/no/such/library.so", RTLD_NOW) == NULL, "dlopen");
        CHECK(dlerror(), "dlerror");
    }
}

int main(void)
{
    for (int i = 0; i < count; i++) {
        if (early[i])
            CHECK(t_holds(early[i], size_of(i), (unsigned)i), "a block of preinit, in main");
        CHECK(t_holds(middle[i], size_of(i), (unsigned)i + 1), "a block of a constructor");
        free(early[i]);
        early[i] = NULL;
        middle[i] = realloc(middle[i], size_of(i) * 2);
        CHECK(t_holds(middle[i], size_of(i), (unsigned)i + 1), "realloc of it");
        free(middle[i]);
    }
    lookups();
    at_exit_block = malloc(333);
    return t_done();
}

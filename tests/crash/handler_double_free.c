/* The program's handler gets the record of a double free, and goes on. */
#include "crash.h"

/* Of <allot/misuse.h>; weak, so that the program also starts without Allot. */
struct allot_misuse {
    int kind, place;
    const char *call;
    const void *pointer, *block;
    size_t block_bytes, told_bytes, true_bytes;
    const char *detail, *heap;
    char name[128];
    size_t frame_count;
    uintptr_t frames[32];
};
typedef void (*allot_misuse_handler)(const struct allot_misuse *, void *);
__attribute__((weak)) void allot_set_misuse_handler(allot_misuse_handler handler, void *arg);

static struct allot_misuse seen;
static int calls;

static void handler(const struct allot_misuse *misuse, void *arg)
{
    require(arg == &seen, "the handler's argument");
    seen = *misuse;
    calls++;
}

static void set_handler(void)
{
    if (!allot_set_misuse_handler)
        _exit(77);
    allot_set_misuse_handler(handler, &seen);
}

static void misuse(bool bad)
{
    set_handler();
    void *block = malloc(40), *other = malloc(40);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
    require(calls == bad, "the handler is called once");
    if (bad) {
        require(seen.kind == 1, "kind double-free");
        require(seen.pointer == HIDE(block), "the pointer");
        require(!strcmp(seen.call, "free"), "the call");
        require(seen.frame_count > 0, "return addresses");
    }
    free(other);
    allot_set_misuse_handler(NULL, NULL);
}

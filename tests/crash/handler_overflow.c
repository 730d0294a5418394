/* calloc and reallocarray that overflow: NULL, told to the handler. */
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
    size_t count = bad ? SIZE_MAX / 16 : 1;
    void *block = calloc(HIDE(count), 32);
    require((block == NULL) == bad, "calloc");
    require(calls == (bad ? 1 : 0), "the handler is told of calloc");
    require(!bad || seen.kind == 6, "kind size-overflow");
    free(block);
    void *kept = malloc(10);
    block = reallocarray(kept, HIDE(count), 32);
    require((block == NULL) == bad, "reallocarray");
    require(calls == (bad ? 2 : 0), "the handler is told of reallocarray");
    free(block ? block : kept);
    allot_set_misuse_handler(NULL, NULL);
}

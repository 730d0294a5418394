/* A plug-in opened with RTLD_DEEPBIND finds the C library's allocator first,
 * so that blocks of two allocators cross the border.
 *
 * "inside": the plug-in keeps its blocks for itself.
 * "in": blocks of the plug-in (the C library's) are freed, resized and asked
 *   for their size by the program.
 * "libc": the plug-in frees what the C library allocated for it (strdup,
 *   asprintf): that came from the program's allocator and goes to the C
 *   library's free.
 * "out": the plug-in frees and resizes blocks of the program.
 */
#include "t.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

static void *handle;

static void *function(const char *name)
{
    void *address = dlsym(handle, name);
    REQUIRE(address, "%s", dlerror());
    return address;
}

static void *inside(void *arg)
{
    int (*work)(int) = (int (*)(int))function("plugin_work");
    for (int i = 0; i < 50; i++)
        CHECK(work(30) == 0, "the plug-in's work");
    return arg;
}

static void blocks_come_in(void)
{
    void *(*alloc)(size_t) = (void *(*)(size_t))function("plugin_alloc");
    void *(*zeroed)(size_t) = (void *(*)(size_t))function("plugin_calloc");
    void *(*aligned)(size_t, size_t) = (void *(*)(size_t, size_t))function("plugin_aligned");
    for (size_t size = 1; size < 2000000; size = size * 2 + 3) {
        void *block = alloc(size);
        CHECK(malloc_usable_size(block) >= size, "usable size of a plug-in's block of %zu", size);
        free(block);
        free(zeroed(size));
        free(aligned(64, size));
        free(aligned(4096, size));
        block = alloc(size);
        t_fill(block, size, 2);
        block = realloc(block, size * 2);
        CHECK(t_holds(block, size, 2), "realloc of a plug-in's block of %zu", size);
        block = realloc(block, size * 5);
        CHECK(t_holds(block, size, 2), "realloc of it again, %zu", size);
        free(block);
        block = alloc(size);
        t_fill(block, size, 3);
        block = realloc(block, size / 2 + 1);
        CHECK(t_holds(block, size / 2, 3), "shrinking a plug-in's block of %zu", size);
        free(block);
        CHECK(realloc(alloc(size), OPAQUE((size_t)0)) == NULL, "realloc(plug-in's block, 0)");
    }
}

static void libc_blocks(void)
{
    char *(*copy)(const char *) = (char *(*)(const char *))function("plugin_strdup");
    char *(*print)(int) = (char *(*)(int))function("plugin_print");
    void (*release)(void *) = (void (*)(void *))function("plugin_free");
    int (*lines)(void) = (int (*)(void))function("plugin_lines");
    for (int i = 0; i < 300; i++) {
        CHECK(lines() == 0, "getline in the plug-in");
        release(copy("what the C library allocated"));
        release(print(i));
    }
}

static void blocks_go_out(void)
{
    void (*release)(void *) = (void (*)(void *))function("plugin_free");
    void *(*resize)(void *, size_t) = (void *(*)(void *, size_t))function("plugin_realloc");
    for (size_t size = 1; size < 2000000; size = size * 2 + 3) {
        void *block = malloc(size);
        t_fill(block, size, 5);
        block = resize(block, size * 2);
        CHECK(t_holds(block, size, 5), "the plug-in's realloc of our block of %zu", size);
        release(block);
        release(calloc(1, size));
    }
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 3, "usage: deepbind inside|in|libc|out FILE");
    handle = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);
    REQUIRE(handle, "%s", dlerror());
    inside(NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, inside, NULL);
    pthread_join(thread, NULL);
    if (!strcmp(argv[1], "in"))
        blocks_come_in();
    if (!strcmp(argv[1], "libc"))
        libc_blocks();
    if (!strcmp(argv[1], "out"))
        blocks_go_out();
    CHECK(dlclose(handle) == 0, "dlclose");
    return t_done();
}

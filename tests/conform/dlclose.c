/* A plug-in is loaded, used by live threads and unloaded, again and again.
 *
 * "plugin FILE": a C++ plug-in. "self FILE": FILE is the drop-in itself,
 * loaded with dlopen beside the program's own malloc.
 */
#include "t.h"
#include <dlfcn.h>
#include <pthread.h>

enum { threads = 4, rounds = 60 };
static pthread_barrier_t loaded, used, unloaded;
static int (*work)(int);
static void *(*alloc)(size_t);
static void (*release)(void *);
static void *kept[threads];

static void *worker(void *arg)
{
    uintptr_t index = (uintptr_t)arg;
    for (int round = 0; round < rounds; round++) {
        pthread_barrier_wait(&loaded);
        CHECK(work(50) == 0, "the plug-in's work");
        void *block = alloc(2000);
        t_fill(block, 2000, (unsigned)index);
        free(kept[index]);
        kept[index] = block;
        pthread_barrier_wait(&used);
        pthread_barrier_wait(&unloaded);
        CHECK(t_holds(kept[index], 2000, (unsigned)index), "a block of an unloaded plug-in");
        free(malloc(3000));
    }
    free(kept[index]);
    return NULL;
}

static void load(const char *file, void **handle)
{
    *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(*handle, "%s", dlerror());
    work = (int (*)(int))dlsym(*handle, "plugin_work");
    alloc = (void *(*)(size_t))dlsym(*handle, "plugin_alloc");
    release = (void (*)(void *))dlsym(*handle, "plugin_free");
}

static void plugin(const char *file)
{
    pthread_t thread[threads];
    void *handle;
    pthread_barrier_init(&loaded, NULL, threads + 1);
    pthread_barrier_init(&used, NULL, threads + 1);
    pthread_barrier_init(&unloaded, NULL, threads + 1);
    for (uintptr_t i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, worker, (void *)i);
    for (int round = 0; round < rounds; round++) {
        load(file, &handle);
        REQUIRE(work && alloc && release, "the plug-in's functions");
        release(malloc(500));
        pthread_barrier_wait(&loaded);
        pthread_barrier_wait(&used);
        CHECK(dlclose(handle) == 0, "dlclose");
        pthread_barrier_wait(&unloaded);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
}

static void *(*other_malloc)(size_t);
static void (*other_free)(void *);

static void *other_user(void *arg)
{
    void *block[100];
    for (size_t i = 0; i < 100; i++)
        t_fill(block[i] = other_malloc(i * 100), i * 100, (unsigned)i);
    for (size_t i = 0; i < 100; i++) {
        CHECK(t_holds(block[i], i * 100, (unsigned)i), "a block of the loaded allocator");
        other_free(block[i]);
    }
    return arg;
}

/* Threads that used the allocator end after it was closed. */
static void *outliving_user(void *arg)
{
    other_user(arg);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    return NULL;
}

static void self(const char *file)
{
    pthread_barrier_init(&used, NULL, threads + 1);
    pthread_barrier_init(&unloaded, NULL, threads + 1);
    for (int round = 0; round < 10; round++) {
        void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        REQUIRE(handle, "%s", dlerror());
        other_malloc = (void *(*)(size_t))dlsym(handle, "malloc");
        other_free = (void (*)(void *))dlsym(handle, "free");
        REQUIRE(other_malloc && other_free, "malloc of the loaded allocator");
        pthread_t thread[threads];
        other_user(NULL);
        for (int i = 0; i < threads; i++)
            pthread_create(&thread[i], NULL, outliving_user, NULL);
        pthread_barrier_wait(&used);
        dlclose(handle);
        pthread_barrier_wait(&unloaded);
        for (int i = 0; i < threads; i++)
            pthread_join(thread[i], NULL);
    }
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 3, "usage: dlclose plugin|self FILE");
    if (!strcmp(argv[1], "self"))
        self(argv[2]);
    else
        plugin(argv[2]);
    return t_done();
}

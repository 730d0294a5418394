/* An ordinary, correct program for the runs beside other tools: Valgrind,
 * ThreadSanitizer, musl, emulators, static linking. It leaks nothing, and
 * threads share nothing but what a mutex guards.
 */
#include "t.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

enum { threads = 4, shared_slots = 64 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *shared[shared_slots];

/* The runner names the object that malloc must come from. */
static void check_owner(void)
{
#ifndef PLAIN_STATIC
    const char *owner = getenv("ALLOT_TEST_OWNER");
    Dl_info info;
    if (owner)
        CHECK(dladdr((void *)malloc, &info) && strstr(info.dli_fname, owner), "malloc is not %s's",
              owner);
#endif
}

static void one_of_each(size_t size)
{
    char *block = malloc(size);
    t_fill(block, size, 1);
    block = realloc(block, size * 3);
    CHECK(t_holds(block, size, 1), "realloc to %zu", size * 3);
    block = realloc(block, size / 2 + 1);
    free(block);
    block = calloc(2, size);
    CHECK(t_zero(block, 2 * size), "calloc(2, %zu)", size);
    free(block);
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 256, size) == 0, "posix_memalign(256, %zu)", size);
    CHECK(((uintptr_t)aligned & 255) == 0, "alignment");
    memset(aligned, 1, size);
    free(aligned);
}

static void *worker(void *arg)
{
    uint64_t seed = (uintptr_t)arg + 1;
    for (int i = 0; i < 300; i++) {
        one_of_each(t_random(&seed) % 3000 + 1);
        void *mine = malloc(t_random(&seed) % 500);
        unsigned slot = t_random(&seed) % shared_slots;
        pthread_mutex_lock(&mutex);
        void *other = shared[slot];
        shared[slot] = mine;
        pthread_mutex_unlock(&mutex);
        free(other);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    bool single = argc > 1 && !strcmp(argv[1], "single");
    check_owner();
    for (size_t size = 1; size < 3000000; size = size * 2 + 1)
        one_of_each(size);
    pthread_t thread[threads];
    for (uintptr_t i = 0; !single && i < threads; i++)
        pthread_create(&thread[i], NULL, worker, (void *)i);
    for (int i = 0; !single && i < threads; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < shared_slots; i++)
        free(shared[i]);
    if (!t_failures)
        puts("all well");
    return t_done();
}

/* A large block freed by another thread, then by its owner. */
#include "crash.h"

static void *free_it(void *block)
{
    free(block);
    return NULL;
}

static void in_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    require(pthread_create(&thread, NULL, body, arg) == 0, "pthread_create");
    pthread_join(thread, NULL);
}

static void misuse(bool bad)
{
    void *block = malloc(2 << 20);
    about(block);
    in_thread(free_it, HIDE(block));
    if (bad)
        free(HIDE(block));
}

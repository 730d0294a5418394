/* Freed twice by threads that do not own it. */
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
    void *block = malloc(80);
    about(block);
    in_thread(free_it, HIDE(block));
    if (bad)
        in_thread(free_it, HIDE(block));
}

/* The thread that allocated it has ended. */
#include "crash.h"

static void *of_thread;

static void *allocate(void *arg)
{
    of_thread = malloc(96);
    return arg;
}

static void in_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    require(pthread_create(&thread, NULL, body, arg) == 0, "pthread_create");
    pthread_join(thread, NULL);
}

static void misuse(bool bad)
{
    in_thread(allocate, NULL);
    void *block = of_thread;
    about(block);
    free(HIDE(block));
    if (bad)
        free(HIDE(block));
}

/* An array on the stack of another thread. */
#include "crash.h"

static pthread_barrier_t ready;
static void *on_its_stack;

static void *body(void *arg)
{
    _Alignas(16) char array[64] = {0};
    on_its_stack = HIDE(&array[0]);
    pthread_barrier_wait(&ready);
    pause();
    return arg;
}

static void misuse(bool bad)
{
    pthread_t thread;
    pthread_barrier_init(&ready, NULL, 2);
    require(pthread_create(&thread, NULL, body, NULL) == 0, "pthread_create");
    pthread_barrier_wait(&ready);
    void *wrong = on_its_stack;
    about(wrong);
    if (bad)
        free(HIDE(wrong));
}

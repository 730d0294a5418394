/* Producers fill batches of blocks, consumers free them; a bounded queue with a lock lies between.
 * All frees are of another thread's blocks, and a producer never frees. After the idea of Lever and
 * Boreham, "malloc() performance in a multithreaded Linux environment" (USENIX 2000). */
#include "workload.h"

enum { BATCH = 4096, QUEUE = 16 };

struct batch {
    struct batch *next;
    void *blocks[BATCH];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct batch *queue;
static unsigned queued, producers;
static size_t batches;
static uint64_t freed;

static void batch_push(struct batch *batch)
{
    pthread_mutex_lock(&lock);
    while (queued == QUEUE)
        pthread_cond_wait(&changed, &lock);
    batch->next = queue;
    queue = batch;
    queued++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct batch *batch_pop(void)
{
    pthread_mutex_lock(&lock);
    while (!queue && producers)
        pthread_cond_wait(&changed, &lock);
    struct batch *batch = queue;
    if (batch) {
        queue = batch->next;
        queued--;
        freed += BATCH;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return batch;
}

static void produce(uint64_t seed)
{
    for (size_t i = 0; i < batches; i++) {
        struct batch *batch = block_new(sizeof *batch);
        for (size_t at = 0; at < BATCH; at++)
            batch->blocks[at] = block_new(random_size(&seed, 8, 5));
        batch_push(batch);
    }
    pthread_mutex_lock(&lock);
    producers--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void consume(void)
{
    for (struct batch *batch; (batch = batch_pop());) {
        for (size_t at = 0; at < BATCH; at++)
            free(batch->blocks[at]);
        free(batch);
    }
}

static void *work(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    if (self % 2)
        consume();
    else
        produce(self + 3);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = (unsigned)argument(argc, argv, 1, 2);
    batches = argument(argc, argv, 2, 2500);
    producers = (threads + 1) / 2;
    threads_run(threads < 2 ? 2 : threads, work);
    printf("relay: %llu blocks\n", (unsigned long long)freed);
    return 0;
}

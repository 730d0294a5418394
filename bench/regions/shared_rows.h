/* Rows of pools that threads share. The contender has defined
 *     SHARED, shared_open(), shared_close(p), shared_get(p), shared_put(p, object), of POOL_BYTES.
 */
#include <pthread.h>
#include <stdlib.h>

enum { SHARED_AT_ONCE = 16 };

static void shared_churn(SHARED *pool, int count)
{
    void *p[SHARED_AT_ONCE];

    for (int i = 0; i < count; i++) {
        for (int k = 0; k < SHARED_AT_ONCE; k++) {
            p[k] = shared_get(pool);
            KEEP(p[k]);
        }
        for (int k = 0; k < SHARED_AT_ONCE; k++)
            shared_put(pool, p[k]);
    }
}

/* The objects are this thread's alone, also while others get and put. */
static uint64_t shared_sum(SHARED *pool)
{
    void *p[SHARED_AT_ONCE];
    uint64_t sum;

    for (int k = 0; k < SHARED_AT_ONCE; k++)
        p[k] = memset(shared_get(pool), k, POOL_BYTES);
    sum = sum_objects(p, SHARED_AT_ONCE, POOL_BYTES);
    for (int k = 0; k < SHARED_AT_ONCE; k++)
        shared_put(pool, p[k]);
    return sum;
}

struct shared_job {
    SHARED *pool;
    pthread_t thread;
    uint64_t sum;
};

static void *shared_work(void *arg)
{
    struct shared_job *job = (struct shared_job *)arg;

    shared_churn(job->pool, rounds(50000));
    job->sum = shared_sum(job->pool);
    return NULL;
}

/* What a get and a put cost each of so many threads. */
static double shared_threads(int threads, uint64_t *sum)
{
    SHARED *pool = shared_open();
    struct shared_job jobs[2];
    double start = now_ns(), end;

    for (int i = 0; i < threads; i++) {
        jobs[i].pool = pool;
        if (pthread_create(&jobs[i].thread, NULL, shared_work, &jobs[i]) != 0)
            abort();
    }
    *sum = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(jobs[i].thread, NULL);
        *sum += jobs[i].sum;
    }
    end = now_ns();
    shared_close(pool);
    return (end - start) / rounds(50000) / SHARED_AT_ONCE;
}

static double shared_1(uint64_t *sum)
{
    return shared_threads(1, sum);
}

static double shared_2(uint64_t *sum)
{
    return shared_threads(2, sum);
}

#define SHARED_PASSES                                                                              \
    {SHARED_1, shared_1},                                                                          \
    {                                                                                              \
        SHARED_2, shared_2                                                                         \
    }

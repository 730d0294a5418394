// Memory used by the destructors of a thread: C++ thread_local, pthread keys
// in every round of destructors, and blocks that outlive their thread.
#include "t.h"
#include <pthread.h>
#include <string>
#include <thread>
#include <vector>

static pthread_key_t first, last;
static int rounds_seen;
static void *left_behind[64];

struct slow_death {
    std::vector<std::string> words;
    ~slow_death()
    {
        std::string more(5000, 'y');
        for (int i = 0; i < 50; i++)
            words.push_back(more);
        CHECK(words.size() > 50, "a thread_local vector");
    }
};
static thread_local slow_death dying;

extern "C" void use_heap(void *value)
{
    uintptr_t round = (uintptr_t)value;
    if ((int)round > rounds_seen)
        rounds_seen = (int)round;
    void *block[30];
    for (int i = 0; i < 30; i++) {
        block[i] = malloc(size_t(i) * 100 * round);
        REQUIRE(block[i], "malloc in round %zu of destructors", round);
        t_fill(block[i], size_t(i) * 100 * round, unsigned(i));
    }
    for (int i = 0; i < 30; i++) {
        CHECK(t_holds(block[i], size_t(i) * 100 * round, unsigned(i)), "round %zu", round);
        free(block[i]);
    }
    pthread_setspecific(round & 1 ? last : first, (void *)(round + 1));
}

static void *body(void *arg)
{
    uintptr_t index = (uintptr_t)arg;
    dying.words.push_back(std::string(100, 'x'));
    pthread_setspecific(first, (void *)1);
    void *own = malloc(3000);
    left_behind[index] = malloc(1000 + index);
    t_fill(left_behind[index], 1000 + index, unsigned(index));
    free(own);
    return malloc(200);
}

int main()
{
    REQUIRE(!pthread_key_create(&first, use_heap) && !pthread_key_create(&last, use_heap), "keys");
    for (int round = 0; round < 8; round++) {
        pthread_t thread[64];
        for (uintptr_t i = 0; i < 64; i++)
            REQUIRE(!pthread_create(&thread[i], nullptr, body, (void *)i), "pthread_create");
        for (uintptr_t i = 0; i < 64; i++) {
            void *result;
            pthread_join(thread[i], &result);
            free(result);
            CHECK(t_holds(left_behind[i], 1000 + i, unsigned(i)), "a block of a thread that ended");
            left_behind[i] = realloc(left_behind[i], 30);
            CHECK(t_holds(left_behind[i], 30, unsigned(i)), "realloc of such a block");
            free(left_behind[i]);
        }
    }
    CHECK(rounds_seen >= 4, "%d rounds of destructors", rounds_seen);
    return t_done();
}

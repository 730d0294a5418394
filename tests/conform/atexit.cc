// Memory at the end: atexit, on_exit, static destructors, threads still there.
#include "t.h"
#include <pthread.h>
#include <string>
#include <vector>

static std::vector<std::string> *shared;

struct at_end {
    std::vector<std::string> words;
    explicit at_end(size_t count) : words(count, std::string(200, 'a'))
    {
    }
    ~at_end()
    {
        words.push_back(std::string(100000, 'b'));
        CHECK(words.back().size() == 100000, "a static destructor");
        if (t_failures)
            _exit(1);
    }
};
static at_end before_main(300);

static void by_atexit()
{
    static at_end late(20);
    for (size_t size = 1; size < 2000000; size *= 3)
        free(malloc(size));
    delete shared;
}

static void by_on_exit(int status, void *block)
{
    CHECK(status == 0, "status %d", status);
    CHECK(t_holds(block, 5000, 3), "a block kept for on_exit");
    free(block);
    atexit([] { free(malloc(77)); });
}

static void *sleeper(void *)
{
    std::vector<int> numbers(1000, 1);
    for (;;)
        pause();
    return nullptr;
}

int main()
{
    shared = new std::vector<std::string>(1000, std::string(60, 'c'));
    void *kept = malloc(5000);
    t_fill(kept, 5000, 3);
    atexit(by_atexit);
    on_exit(by_on_exit, kept);
    pthread_t thread;
    pthread_create(&thread, nullptr, sleeper, nullptr);
    return t_done();
}

// Every C++17 operator new and delete, with the new-handler's rules.
#include "t.h"
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <vector>

static int handler_calls;

static void handler_gives_up()
{
    if (++handler_calls == 3)
        std::set_new_handler(nullptr);
}

static void handler_throws()
{
    handler_calls++;
    throw 42;
}

static void plain()
{
    for (size_t size = 0; size < 3000000; size = size * 2 + 1) {
        void *one = ::operator new(size), *many = ::operator new[](size);
        CHECK(one && many && one != many, "operator new(%zu)", size);
        CHECK(((uintptr_t)one & 15) == 0 && ((uintptr_t)many & 15) == 0, "alignment of %zu", size);
        t_fill(one, size, 1);
        t_fill(many, size, 2);
        CHECK(t_holds(one, size, 1), "new(%zu) overlaps", size);
        ::operator delete(one);
        ::operator delete[](many);
        ::operator delete(::operator new(size), size);
        ::operator delete[](::operator new[](size), size);
        one = ::operator new(size, std::nothrow);
        many = ::operator new[](size, std::nothrow);
        CHECK(one && many, "nothrow new(%zu)", size);
        ::operator delete(one, std::nothrow);
        ::operator delete[](many, std::nothrow);
    }
    ::operator delete(nullptr);
    ::operator delete[](nullptr);
    ::operator delete(nullptr, size_t(8));
}

static void aligned()
{
    for (size_t shift = 3; shift <= 20; shift++) {
        size_t mask = (size_t(1) << shift) - 1;
        std::align_val_t align{mask + 1};
        for (size_t size = 0; size < 300000; size = size * 5 + 3) {
            void *p[4] = {::operator new(size, align), ::operator new[](size, align),
                          ::operator new(size, align, std::nothrow),
                          ::operator new[](size, align, std::nothrow)};
            for (void *each : p) {
                CHECK(each && ((uintptr_t)each & mask) == 0, "new(%zu, align %zu) = %p", size,
                      mask + 1, each);
                memset(each, 3, size);
            }
            ::operator delete(p[0], align);
            ::operator delete[](p[1], align);
            ::operator delete(p[2], align, std::nothrow);
            ::operator delete[](p[3], align, std::nothrow);
            ::operator delete(::operator new(size, align), size, align);
            ::operator delete[](::operator new[](size, align), size, align);
        }
    }
}

template <typename Call> static bool throws_bad_alloc(Call call)
{
    try {
        void *block = call();
        t_say("gave %p", block);
        return false;
    } catch (const std::bad_alloc &) {
        return true;
    }
}

static void refused()
{
    size_t huge = OPAQUE(size_t(PTRDIFF_MAX)), more = OPAQUE(SIZE_MAX - 3);
    std::align_val_t align{128};
    for (size_t size : {huge, more}) {
        CHECK(throws_bad_alloc([=] { return ::operator new(size); }), "new");
        CHECK(throws_bad_alloc([=] { return ::operator new[](size); }), "new[]");
        CHECK(!::operator new(size, std::nothrow), "new nothrow");
        CHECK(!::operator new[](size, std::nothrow), "new[] nothrow");
        // libstdc++ 12 rounds the size up to the alignment without looking.
        if (size == more && !getenv("ALLOT_MALLOC_IS_OURS"))
            continue;
        CHECK(throws_bad_alloc([=] { return ::operator new(size, align); }), "new, aligned");
        CHECK(throws_bad_alloc([=] { return ::operator new[](size, align); }), "new[], aligned");
        CHECK(!::operator new(size, align, std::nothrow), "new nothrow, aligned");
        CHECK(!::operator new[](size, align, std::nothrow), "new[] nothrow, aligned");
    }
}

static int unwound;

struct witness {
    ~witness() { unwound++; }
};

static void handler_refuses()
{
    witness local;
    if (++handler_calls % 3 == 0)
        throw std::bad_alloc();
}

// What a handler throws ends a nothrow new, after its frames were unwound, and leaves nothing.
static void refusing_handlers()
{
    size_t huge = OPAQUE(size_t(PTRDIFF_MAX));
    std::align_val_t align{64};
    std::set_new_handler(handler_refuses);
    handler_calls = unwound = 0;
    CHECK(!::operator new(huge, std::nothrow), "new nothrow, the handler throws");
    CHECK(handler_calls == 3 && unwound == 3, "%d calls, %d unwound", handler_calls, unwound);
    CHECK(!::operator new[](huge, std::nothrow), "new[] nothrow, the handler throws");
    CHECK(!::operator new(huge, align, std::nothrow), "aligned new nothrow, likewise");
    CHECK(!::operator new[](huge, align, std::nothrow), "aligned new[] nothrow, likewise");
    CHECK(handler_calls == 12 && unwound == 12, "%d calls, %d unwound", handler_calls, unwound);
    CHECK(std::uncaught_exceptions() == 0 && !std::current_exception(), "an exception was left");
    try {
        throw 7;
    } catch (int outer) {
        CHECK(!::operator new(huge, std::nothrow), "in a catch block");
        int again = 0;
        try {
            throw;
        } catch (int value) {
            again = value;
        }
        CHECK(outer == 7 && again == 7, "the exception being handled is another now: %d", again);
    }
    // For as long as the process lives: each exception is freed again.
    for (int i = 0; i < 20000; i++)
        CHECK(!::operator new(huge, std::nothrow), "round %d", i);
}

static void handlers()
{
    size_t huge = OPAQUE(size_t(PTRDIFF_MAX));
    std::align_val_t align{64};
    handler_calls = 0;
    std::set_new_handler(handler_gives_up);
    CHECK(throws_bad_alloc([=] { return ::operator new(huge); }), "new with a handler");
    CHECK(handler_calls == 3, "the handler ran %d times", handler_calls);
    handler_calls = 0;
    std::set_new_handler(handler_gives_up);
    CHECK(!::operator new(huge, std::nothrow), "nothrow new with a handler");
    CHECK(handler_calls == 3, "the handler ran %d times (nothrow)", handler_calls);
    handler_calls = 0;
    std::set_new_handler(handler_gives_up);
    CHECK(throws_bad_alloc([=] { return ::operator new(huge, align); }), "aligned, handler");
    CHECK(handler_calls == 3, "the handler ran %d times (aligned)", handler_calls);
    std::set_new_handler(handler_throws);
    handler_calls = 0;
    int caught = 0;
    try {
        ::operator delete(::operator new(huge));
    } catch (int value) {
        caught = value;
    }
    CHECK(caught == 42, "an exception of the handler passes through operator new");
    refusing_handlers();
    std::set_new_handler(nullptr);
}

struct alignas(256) wide {
    char bytes[300];
};

static void language()
{
    std::vector<std::string> words;
    for (int i = 0; i < 20000; i++)
        words.push_back(std::string(size_t(i % 300), char('a' + i % 26)));
    size_t sum = 0;
    for (const std::string &word : words)
        sum += word.size();
    CHECK(sum == 2980000, "strings: %zu", sum);
    wide *array = new wide[7];
    CHECK(((uintptr_t)array & 255) == 0, "new of an over-aligned array");
    delete[] array;
    wide *single = new wide;
    CHECK(((uintptr_t)single & 255) == 0, "new of an over-aligned type");
    delete single;
    try {
        throw std::string(100000, 'x');
    } catch (const std::string &text) {
        CHECK(text.size() == 100000, "an exception that owns memory");
    }
    bool refused = false;
    try {
        words.reserve(words.max_size() + 1);
    } catch (const std::exception &) {
        refused = true;
    }
    CHECK(refused, "vector::reserve beyond max_size");
}

int main()
{
    plain();
    aligned();
    refused();
    handlers();
    language();
    return t_done();
}

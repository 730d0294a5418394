// What the C++ tests share: checks that end the program, a counted object, an allocator that
// counts.
#ifndef ALLOT_TESTS_CXX_CHECK_H
#define ALLOT_TESTS_CXX_CHECK_H

#include <allot/allot.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

// Notes its end by its letter; throws from its constructor when told.
struct counted {
    static inline int live = 0;
    static inline int throw_at = 0; // the n-th constructor from now
    static inline std::string ends;

    explicit counted(char letter_ = '?') : letter(letter_)
    {
#if defined(__cpp_exceptions)
        if (throw_at > 0 && --throw_at == 0)
            throw 42;
#endif
        live++;
    }
    counted(const counted &other) : letter(other.letter)
    {
        live++;
    }
    counted &operator=(const counted &) = default;
    ~counted()
    {
        live--;
        ends += letter;
    }

    char letter;
};

inline std::string take_ends()
{
    return std::exchange(counted::ends, std::string());
}

// Every block is one of the default heap; checks the sizes and alignments that it gets back.
struct meter {
    allot_allocator base;
    std::size_t live = 0;
    std::size_t bytes = 0;
    std::size_t calls = 0;
    std::size_t fail_at = 0; // the call from which on all fail; 0: none

    meter() noexcept : base{&ops}
    {
    }
    meter(const meter &) = delete;
    meter &operator=(const meter &) = delete;
    ~meter()
    {
        CHECK(live == 0);
        CHECK(bytes == 0);
    }
    allot_allocator *get() noexcept
    {
        return &base;
    }

  private:
    struct header {
        std::size_t size;
        allot_how how;
    };

    static std::size_t front(allot_how how) noexcept
    {
        return allot_how_align(how) > sizeof(header) ? allot_how_align(how) : sizeof(header);
    }
    static void *alloc(allot_allocator *a, std::size_t size, allot_how how, const void *) noexcept
    {
        auto *m = reinterpret_cast<meter *>(a);
        m->calls++;
        if (m->fail_at != 0 && m->calls >= m->fail_at)
            return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_INJECTED, 0);
        if (size > PTRDIFF_MAX - front(how))
            return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        auto *p = static_cast<char *>(
            allot_new_how(allot_heap_allocator(nullptr), size + front(how), how));
        if (p == nullptr)
            return nullptr;
        auto *h = reinterpret_cast<header *>(p + front(how)) - 1;
        h->size = size;
        h->how = how & ALLOT_HOW_ALIGN_BITS;
        m->live++;
        m->bytes += size;
        return p + front(how);
    }
    static void free(allot_allocator *a, void *p, std::size_t size, allot_how how,
                     const void *) noexcept
    {
        auto *m = reinterpret_cast<meter *>(a);
        auto *h = static_cast<header *>(p) - 1;
        CHECK(h->size == size);
        CHECK(h->how == (how & ALLOT_HOW_ALIGN_BITS));
        m->live--;
        m->bytes -= size;
        allot_delete_how(allot_heap_allocator(nullptr), static_cast<char *>(p) - front(how),
                         size + front(how), how);
    }
    static constexpr allot_allocator_ops ops = {
        ALLOT_ALLOCATOR_ABI,
        ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN,
        "meter",
        alloc,
        nullptr,
        nullptr,
        free,
        nullptr,
        nullptr,
        nullptr,
        nullptr,
        nullptr,
        nullptr,
    };
};

#endif

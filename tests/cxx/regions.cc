// allot/regions.hpp: which destructors run, when, and in which order; what is left of an owner that
// was moved from; that every record and chunk goes back.
#include "check.h"

#include <cstring>
#include <vector>

namespace
{

allot_arena_options on(meter &m)
{
    allot_arena_options options{};
    options.source = m.get();
    return options;
}

template <class T> allot::pool<T> pool_on(meter &m, std::size_t most = 0)
{
    allot_pool_options options{};
    options.source = m.get();
    options.max_objects = most;
    return allot::pool<T>(options);
}

// --- arenas -----------------------------------------------------------------------------------

// Makes another object in its arena before it is itself made.
struct nested {
    explicit nested(allot::arena &a) : inner(a.make<counted>('i'))
    {
    }
    ~nested()
    {
        CHECK(counted::ends.find('i') == std::string::npos); // still there
        counted::ends += 'n';
    }
    counted *inner;
};

void arena_ends_its_objects_in_reverse()
{
    meter m;
    {
        allot::arena a(on(m));
        CHECK(a);
        CHECK(a.make<counted>('a')->letter == 'a');
        CHECK(*a.make<int>(7) == 7);
        CHECK(a.make<nested>(a)->inner->letter == 'i');
        CHECK(a.make<counted>('z') != nullptr);
        CHECK(counted::live == 3);
    }
    CHECK(take_ends() == "znia");
    CHECK(counted::live == 0);
}

void arena_arrays_are_made_and_ended()
{
    allot::arena a;
    volatile std::size_t too_many = SIZE_MAX / 2; // the compiler would say so
    auto *numbers = a.make_array<int>(100);
    auto *objects = a.make_array<counted>(3);

    for (int i = 0; i < 100; i++)
        CHECK(numbers[i] == 0);
    CHECK(a.make_array<counted>(0) != nullptr);
    CHECK(a.make_array<int>(too_many) == nullptr);
    CHECK(a.make_array<counted>(too_many) == nullptr);
    objects[0].letter = '0';
    objects[2].letter = '2';
    CHECK(a.reset() == 0);
    CHECK(take_ends() == "2?0");
}

void arena_scope_rewinds()
{
    allot::arena a;
    auto *kept = a.make<counted>('k');
    char *text;
    {
        allot::arena::scope here(a);
        CHECK(a.make<counted>('1') != nullptr);
        for (int i = 0; i < 3; i++) {
            allot::arena::scope inner(a);
            CHECK(a.make<counted>('2') != nullptr);
            if (i == 1)
                continue;
            CHECK(a.push(100000) != nullptr);
        }
        text = a.copy("text");
        CHECK(std::strcmp(text, "text") == 0);
        CHECK(take_ends() == "222");
    }
    CHECK(take_ends() == "1");
    CHECK(kept->letter == 'k' && !a.owns(text) && a.owns(kept));
    auto mark = a.mark();
    CHECK(a.make<counted>('m') != nullptr);
    CHECK(a.rewind(mark) == 0);
    CHECK(take_ends() == "m");
    a.release();
    CHECK(take_ends() == "k");
    CHECK(!a);
}

void arena_that_was_moved_from_is_empty()
{
    meter m;
    {
        allot::arena a(on(m));
        auto *object = a.make<counted>('a');
        allot::arena b(std::move(a));

        CHECK(!a && a.get() == nullptr && b && b.owns(object));
        CHECK(a.push(1) == nullptr && a.push(1, 64) == nullptr && a.copy("") == nullptr);
        CHECK(a.make<counted>('x') == nullptr && a.make_array<int>(2) == nullptr);
        CHECK(a.reset() != 0 && !a.owns(object) && a.allocator() == nullptr);
        allot::arena c(on(m));
        CHECK(c.make<counted>('c') != nullptr);
        c = std::move(b);
        CHECK(take_ends() == "c");
        CHECK(!b && c.owns(object));
        a = std::move(c); // one that is empty can be given to again
        CHECK(a && a.owns(object));
        auto &self = a;
        a = std::move(self);
        CHECK(a.owns(object));
        allot::arena::scope nothing(b);
    }
    CHECK(take_ends() == "a");
    CHECK(m.live == 0);
    static_assert(!std::is_copy_constructible_v<allot::arena>);
    static_assert(std::is_nothrow_move_constructible_v<allot::arena>);
}

void arena_merges()
{
    meter m;
    {
        allot::arena a(on(m)), b(on(m));
        CHECK(a.make<counted>('a') != nullptr);
        auto *object = b.make<counted>('b');
        CHECK(a.merge(std::move(b)) == 0);
        CHECK(!b && object->letter == 'b' && counted::live == 2);
        CHECK(a.merge(allot::arena(on(m))) == 0);
        CHECK(a.merge(std::move(b)) != 0);
    }
    CHECK(counted::live == 0 && take_ends().size() == 2);
}

void arena_in_a_buffer_needs_nothing_else()
{
    meter none;
    alignas(16) static char buffer[4096];
    allot_arena_options options = on(none);

    none.fail_at = 1;
    options.buffer = buffer;
    options.buffer_bytes = sizeof buffer;
    options.flags = ALLOT_ARENA_BUFFER_ONLY;
    {
        allot::arena a(options);
        std::size_t count = 0;
        CHECK(a);
        while (a.make<counted>('b') != nullptr)
            count++;
        CHECK(count > 20);
        CHECK(counted::live == int(count));
        CHECK(none.calls == 0);
    }
    CHECK(counted::live == 0);
    take_ends();
    options.buffer_bytes = 8;
    CHECK(!allot::arena(options));
}

// From the n-th allocation on: no destructor is missed, none runs for what is not there.
void arena_when_memory_is_short()
{
    for (std::size_t n = 1; n < 12; n++) {
        meter m;
        m.fail_at = n;
        allot::arena a(on(m));
        int made = 0;
        CHECK(bool(a) == (n > 1));
        for (int i = 0; i < 400; i++)
            made += a.make<counted>('s') != nullptr;
        auto *row = a.make_array<counted>(1000);
        CHECK(counted::live == made + (row != nullptr ? 1000 : 0));
        a.release();
        CHECK(counted::live == 0);
    }
    take_ends();
}

void arena_constructors_that_throw()
{
#if defined(__cpp_exceptions)
    allot::arena a;
    int caught = 0;

    for (int n = 1; n <= 3; n++) {
        counted::throw_at = n;
        try {
            (void)a.make_array<counted>(3);
        } catch (int) {
            caught++;
        }
        CHECK(counted::live == 0);
    }
    counted::throw_at = 1;
    try {
        (void)a.make<counted>('t');
    } catch (int) {
        caught++;
    }
    CHECK(caught == 4);
    take_ends();
    CHECK(a.reset() == 0);
    CHECK(take_ends().empty());
#endif
}

// --- scratch arenas and stacks ----------------------------------------------------------------

void scratch_ends_with_its_scope()
{
    allot::scratch outer;
    allot_arena *seen = nullptr;

    CHECK(outer);
    for (int i = 0; i < 3; i++) {
        allot::scratch inner(outer.get());
        CHECK(inner && inner.get() != outer.get());
        CHECK(seen == nullptr || seen == inner.get());
        seen = inner.get();
        void *p = inner.push(10000, 64);
        CHECK(p != nullptr && allot_arena_owns(inner.get(), p));
        std::vector<int, allot::allocator<int>> v(100, 7, outer.allocator());
        CHECK(allot_arena_owns(outer.get(), v.data()));
    }
    allot::arena a;
    allot::scratch beside(a);
    CHECK(beside && beside.get() != a.get());
}

void stack_scope_ends_its_objects_in_reverse()
{
    allot_stack stack;
    CHECK(allot_stack_init(&stack, nullptr) == 0);
    void *first = nullptr;
    for (int i = 0; i < 3; i++) {
        allot::stack_scope outer(&stack);
        counted *a = outer.make<counted>('a');
        CHECK(outer && a != nullptr && (first == nullptr || first == a));
        first = a;
        CHECK(*outer.make<int>(5) == 5);
        {
            allot::stack_scope inner(&stack);
            CHECK(inner.make<counted>('1') != nullptr && inner.make<counted>('2') != nullptr);
            CHECK(inner.push(100000, 64) != nullptr);
            if (i == 1)
                continue;
        }
        CHECK(outer.make<counted>('b') != nullptr);
    }
    CHECK(take_ends() == "21ba21a21ba");
    CHECK(counted::live == 0);
#if defined(__cpp_exceptions)
    try {
        allot::stack_scope scope(&stack);
        CHECK(scope.make<counted>('k') != nullptr);
        counted::throw_at = 1;
        (void)scope.make<counted>('x');
        CHECK(false);
    } catch (int) {
    }
    CHECK(take_ends() == "k" && counted::live == 0);
#endif
    allot_stack_release(&stack);
}

// --- pools ------------------------------------------------------------------------------------

void pool_makes_and_ends()
{
    meter m;
    {
        auto p = pool_on<counted>(m, 4);
        counted *a = p.make('a');
        counted *b = p.make('b');

        CHECK(p && a != nullptr && b != nullptr && p.owns(a));
        p.destroy(a);
        p.destroy(nullptr);
        CHECK(take_ends() == "a");
        {
            auto c = p.make_unique('c');
            auto d = p.try_make_unique('d');
            auto e = p.try_make_unique('e');
            CHECK(c->letter == 'c' && d && e);
            CHECK(p.make('f') == nullptr);
            CHECK(p.try_make_unique('g') == nullptr);
            d.reset();
            CHECK(take_ends() == "d");
        }
        CHECK(take_ends() == "ec");
#if defined(__cpp_exceptions)
        for (int i = 0; i < 10; i++) { // a constructor that throws keeps no object
            counted::throw_at = 1;
            try {
                (void)p.make('x');
                CHECK(false);
            } catch (int) {
            }
        }
        auto one = p.make_unique('1'), two = p.make_unique('2'), three = p.make_unique('3');
        bool caught = false;
        try {
            auto four = p.make_unique('4');
        } catch (const std::bad_alloc &) {
            caught = true;
        }
        CHECK(caught);
#endif
    }
    CHECK(counted::live == 0);
    CHECK(take_ends().find('b') != std::string::npos);
}

void pool_that_was_moved_from_is_empty()
{
    meter m;
    {
        auto p = pool_on<counted>(m);
        auto object = p.make_unique('u');
        allot::pool<counted> q(std::move(p));

        CHECK(!p && q && q.owns(object.get()));
        CHECK(p.make('x') == nullptr && p.try_make_unique('x') == nullptr && !p.owns(&p));
        p = std::move(q);
        CHECK(p && !q);
        object.reset(); // it knows its pool still
        CHECK(take_ends() == "u");
        CHECK(p.make('l') != nullptr);
        p.release();
        CHECK(take_ends() == "l");
        CHECK(!p);
        p.release();
    }
}

void pool_in_a_buffer_needs_nothing_else()
{
    meter none;
    alignas(64) static char buffer[8192];
    allot_pool_options options{};

    none.fail_at = 1;
    options.source = none.get();
    options.buffer = buffer;
    options.buffer_bytes = sizeof buffer;
    options.flags = ALLOT_POOL_FIXED;
    {
        allot::pool<counted> p(options);
        int count = 0;
        CHECK(p);
        while (p.make('f') != nullptr)
            count++;
        CHECK(count > 20 && counted::live == count && none.calls == 0);
    }
    CHECK(counted::live == 0);
    take_ends();
}

void pool_aligns_and_survives_failure()
{
    struct alignas(128) wide {
        char bytes[128];
    };
    for (std::size_t n = 1; n < 6; n++) {
        meter m;
        m.fail_at = n;
        auto p = pool_on<wide>(m);
        for (int i = 0; i < 100; i++) {
            wide *w = p.make();
            CHECK(reinterpret_cast<std::uintptr_t>(w) % 128 == 0);
            CHECK(w == nullptr || (w->bytes[0] == 0 && w->bytes[127] == 0));
        }
    }
}

// --- heaps ------------------------------------------------------------------------------------

void heap_owns_its_blocks()
{
    allot_heap_options options{};
    options.name = "cxx";
    allot::heap h(options);
    CHECK(h && std::strcmp(allot_heap_name(h.get()), "cxx") == 0);
    auto object = allot::make_unique<int>(h.allocator(), 5);
    CHECK(allot_heap_of(object.get()) == h.get());
    object.reset();
    allot::heap other(std::move(h));
    CHECK(!h && other);
    h = std::move(other);
    CHECK(h && !other);
    auto &self = h;
    h = std::move(self);
    CHECK(h);
    h.reset();
    CHECK(!h);
}

} // namespace

int main()
{
    arena_ends_its_objects_in_reverse();
    arena_arrays_are_made_and_ended();
    arena_scope_rewinds();
    arena_that_was_moved_from_is_empty();
    arena_merges();
    arena_in_a_buffer_needs_nothing_else();
    arena_when_memory_is_short();
    arena_constructors_that_throw();
    scratch_ends_with_its_scope();
    stack_scope_ends_its_objects_in_reverse();
    pool_makes_and_ends();
    pool_that_was_moved_from_is_empty();
    pool_in_a_buffer_needs_nothing_else();
    pool_aligns_and_survives_failure();
    heap_owns_its_blocks();
    std::puts("ok");
}

// allot/memory.hpp: objects, containers and std::pmr over an allocator that checks every size and
// alignment that it gets back, and that nothing is left.
#include "check.h"

#include <cstring>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace
{

struct alignas(128) wide {
    int values[32];
};

struct aggregate {
    int a;
    const char *b;
};

template <class T> using vector = std::vector<T, allot::allocator<T>>;
using string = std::basic_string<char, std::char_traits<char>, allot::allocator<char>>;

bool aligned(const void *p, std::size_t align)
{
    return reinterpret_cast<std::uintptr_t>(p) % align == 0;
}

// --- objects ----------------------------------------------------------------------------------

void objects_are_made_and_ended()
{
    meter m;
    counted *c = allot::new_object<counted>(m.get(), 'a');
    auto *w = allot::new_object<wide>(m.get());
    auto *g = allot::new_object<aggregate>(m.get(), 7, "text");

    CHECK(c != nullptr && c->letter == 'a' && counted::live == 1);
    CHECK(w != nullptr && aligned(w, 128));
    CHECK(g != nullptr && g->a == 7 && std::strcmp(g->b, "text") == 0);
    CHECK(m.live == 3);
    allot::delete_object(m.get(), c);
    allot::delete_object(m.get(), w);
    allot::delete_object(m.get(), g);
    allot::delete_object(m.get(), static_cast<counted *>(nullptr));
    CHECK(take_ends() == "a" && counted::live == 0);
    m.fail_at = 1;
    CHECK(allot::new_object<counted>(m.get(), 'b') == nullptr);
    CHECK(allot_last_error().cause == ALLOT_CAUSE_INJECTED);
    CHECK(take_ends().empty());
    counted *d = allot::new_object<counted>(nullptr, 'd');
    CHECK(d != nullptr);
    allot::delete_object(nullptr, d);
    CHECK(take_ends() == "d");
}

void unique_pointers_end_what_they_own()
{
    meter m;
    {
        auto a = allot::make_unique<counted>(m.get(), 'a');
        auto b = allot::try_make_unique<counted>(m.get(), 'b');
        auto array = allot::try_make_unique<counted[]>(m.get(), 3);
        auto zeros = allot::make_unique<int[]>(m.get(), 1000);
        allot::unique_ptr<counted> moved = std::move(a);
        const auto constant = allot::make_unique<const counted>(m.get(), 'k');

        CHECK(a == nullptr);
        CHECK(moved->letter == 'a');
        CHECK(array.get_deleter().count() == 3);
        for (std::size_t i = 0; i < 1000; i++)
            CHECK(zeros[i] == 0);
        CHECK(constant->letter == 'k');
        b.reset();
        CHECK(take_ends() == "b");
        CHECK(counted::live == 5);
    }
    CHECK(counted::live == 0);
    CHECK(take_ends() == "ka???");
    m.fail_at = m.calls + 1;
    CHECK(allot::try_make_unique<counted>(m.get()) == nullptr);
    CHECK(allot::try_make_unique<counted[]>(m.get(), 2) == nullptr);
    CHECK(allot::try_make_unique<counted[]>(m.get(), SIZE_MAX / 2) == nullptr);
    allot::unique_ptr<counted> none;
    CHECK(none == nullptr);
    allot::malloc_ptr<char> text(allot_strdup("text"));
    CHECK(std::strcmp(text.get(), "text") == 0);
}

void constructors_that_throw_leave_nothing()
{
#if defined(__cpp_exceptions)
    meter m;
    int caught = 0;

    for (int n = 1; n <= 4; n++) {
        counted::throw_at = n;
        try {
            auto array = allot::make_unique<counted[]>(m.get(), 3);
            CHECK(n == 4);
        } catch (int) {
            caught++;
        }
    }
    CHECK(caught == 3);
    counted::throw_at = 1;
    try {
        auto one = allot::make_unique<counted>(m.get());
        CHECK(false);
    } catch (int) {
        caught++;
    }
    CHECK(caught == 4 && m.live == 0 && counted::live == 0);
    m.fail_at = m.calls + 1;
    try {
        auto none = allot::make_unique<counted>(m.get());
        CHECK(false);
    } catch (const std::bad_alloc &) {
        caught++;
    }
    CHECK(caught == 5);
    take_ends();
#endif
}

void default_that_changes_is_remembered()
{
    meter m;
    {
        allot::unique_ptr<counted> before = allot::make_unique<counted>(nullptr);
        allot_allocator *was = allot_allocator_set_default(m.get());
        vector<int> on_meter(10);
        auto after = allot::make_unique<counted>(nullptr);
        CHECK(m.live == 2);
        allot_allocator_set_default(was);
        before.reset();
        CHECK(m.live == 2);
    }
    CHECK(m.live == 0);
    take_ends();
}

// --- containers -------------------------------------------------------------------------------

void containers_take_all_from_the_allocator()
{
    meter m;
    {
        vector<string> v(m.get());
        std::list<counted, allot::allocator<counted>> l(m.get());
        std::map<int, string, std::less<int>, allot::allocator<std::pair<const int, string>>> map(
            m.get());
        std::unordered_map<std::string, int, std::hash<std::string>, std::equal_to<std::string>,
                           allot::allocator<std::pair<const std::string, int>>>
            hashed(m.get());
        vector<wide> aligned_elements(3, wide(), m.get());

        for (int i = 0; i < 1000; i++) {
            v.emplace_back("a text that is too long for the string itself", m.get());
            map.emplace(i, string(40, 'm', m.get()));
            hashed[std::to_string(i)] = i;
            l.emplace_back('l');
        }
        CHECK(aligned(aligned_elements.data(), 128));
        CHECK(map.at(999).size() == 40 && hashed.at("500") == 500);
        CHECK(m.live > 4000);
        for (int i = 0; i < 1000; i += 2)
            map.erase(i);
        v.resize(10);
        v.shrink_to_fit();
    }
    CHECK(m.live == 0);
    take_ends();
}

void containers_propagate_as_told()
{
    meter m, n;
    {
        vector<int> a({1, 2, 3}, m.get());
        vector<int> b({4, 5}, n.get());
        vector<int> copy(a);
        CHECK(copy.get_allocator() == a.get_allocator());
        CHECK(a.get_allocator() != b.get_allocator());

        b = a; // keeps its allocator
        CHECK(b.get_allocator().get() == n.get() && b.size() == 3);

        const int *place = a.data();
        std::size_t calls = n.calls;
        b = std::move(a); // takes the other over: no element moves
        CHECK(b.data() == place && b.get_allocator().get() == m.get());
        CHECK(n.calls == calls && a.empty());

        vector<int> c({7}, n.get());
        place = c.data();
        swap(b, c);
        CHECK(b.data() == place && b.get_allocator().get() == n.get());
        CHECK(c.size() == 3 && c.get_allocator().get() == m.get());
    }
    static_assert(std::is_nothrow_move_assignable_v<vector<int>>);
    static_assert(!std::allocator_traits<allot::allocator<int>>::is_always_equal::value);
    allot::allocator<int> one(m.get());
    allot::allocator<double> other(one);
    CHECK(one == other && !(one != other));
}

void containers_on_an_arena_and_a_pool()
{
    allot::arena arena;
    {
        vector<string> v(arena.allocator());
        for (int i = 0; i < 100; i++)
            v.emplace_back("a text that is too long for the string itself", arena.allocator());
        CHECK(arena.owns(v.data()) && arena.owns(v[99].data()));
    }
}

void allocation_that_fails_throws()
{
#if defined(__cpp_exceptions)
    meter m;
    int caught = 0;
    vector<int> v(m.get());

    m.fail_at = 1;
    try {
        v.push_back(1);
    } catch (const std::bad_alloc &) {
        caught++;
    }
    CHECK(caught == 1 && v.empty());
    m.fail_at = 0;
    try {
        (void)allot::allocator<int>(m.get()).allocate(SIZE_MAX / sizeof(int) + 1);
    } catch (const std::bad_array_new_length &) {
        caught++;
    }
    try {
        (void)allot::allocator<int>(m.get()).allocate(PTRDIFF_MAX / sizeof(int));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    CHECK(caught == 3);
    // From the n-th allocation on, until none fails.
    for (std::size_t n = 1;; n++) {
        m.calls = 0;
        m.fail_at = n;
        try {
            std::map<int, string, std::less<int>, allot::allocator<std::pair<const int, string>>>
                map(m.get());
            for (int i = 0; i < 5; i++)
                map.emplace(i, string(40, 'm', m.get()));
        } catch (const std::bad_alloc &) {
            CHECK(m.live == 0);
            continue;
        }
        CHECK(n > 10);
        break;
    }
#endif
    allot::allocator<int> a;
    int *none = a.allocate(0);
    CHECK(none != nullptr);
    a.deallocate(none, 0);
}

// --- std::pmr ---------------------------------------------------------------------------------

#if defined(__cpp_lib_memory_resource)

void pmr_over_an_allocator()
{
    meter m, n;
    allot::memory_resource resource(m.get()), same(m.get()), other(n.get());
    {
        std::pmr::vector<std::pmr::string> v(&resource);
        for (int i = 0; i < 100; i++)
            v.emplace_back("a text that is too long for the string itself");
        CHECK(v[99].get_allocator().resource() == &resource);
        CHECK(m.live > 100);
        void *p = resource.allocate(1000, 4096);
        CHECK(aligned(p, 4096));
        resource.deallocate(p, 1000, 4096);
    }
    CHECK(resource == resource && resource != other);
    CHECK(resource != *std::pmr::get_default_resource());
#if defined(__cpp_rtti)
    CHECK(resource == same);
#else
    CHECK(resource != same);
#endif
#if defined(__cpp_exceptions)
    bool caught = false;
    m.fail_at = 1;
    try {
        (void)resource.allocate(1);
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
    caught = false;
    try { // an alignment that is too large
        volatile std::size_t too_far = std::size_t(1) << 40;
        (void)other.allocate(1, too_far);
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
#endif
}

void allocator_over_pmr()
{
    std::pmr::monotonic_buffer_resource memory;
    allot::pmr_allocator on(&memory);
    allot_allocator *a = on.get();
    void *p = allot_new(a, 100);
    void *zero = allot_new_zero(a, 100);
    void *w = allot_new_how(a, 10, ALLOT_ALIGN(256));

    CHECK(p != nullptr && zero != nullptr && aligned(w, 256));
    for (int i = 0; i < 100; i++)
        CHECK(static_cast<char *>(zero)[i] == 0);
    std::memset(p, 'p', 100);
    CHECK(allot_resize(a, &p, 100, 5000) == 0);
    CHECK(static_cast<char *>(p)[99] == 'p');
    allot_delete(a, p, 5000);
    CHECK(std::strcmp(allot_allocator_kind(a), "pmr") == 0);
    CHECK(on.resource() == &memory);
#if defined(__cpp_exceptions)
    allot::pmr_allocator never(std::pmr::null_memory_resource());
    CHECK(allot_new(never.get(), 1) == nullptr);
    CHECK(allot_last_error().cause == ALLOT_CAUSE_EXHAUSTED);
#endif
}

// All the way: a container on pmr on an allocator on pmr on an allocator that counts.
void pmr_both_ways()
{
    meter m;
    {
        allot::memory_resource lower(m.get());
        allot::pmr_allocator middle(&lower);
        allot::memory_resource upper(middle.get());
        std::pmr::vector<int> v(&upper);
        for (int i = 0; i < 1000; i++)
            v.push_back(i);
        CHECK(m.live == 1);
    }
    CHECK(m.live == 0);
}

#else
void pmr_over_an_allocator()
{
}
void allocator_over_pmr()
{
}
void pmr_both_ways()
{
}
#endif

// --- ends of scopes ---------------------------------------------------------------------------

void defer_runs_once_unless_dropped()
{
    int runs = 0;

    for (int i = 0; i < 4; i++) {
        allot::defer guard([&] { runs++; });
        if (i == 1)
            continue;
        if (i == 2)
            guard.drop();
    }
    CHECK(runs == 3);
#if defined(__cpp_exceptions)
    try {
        allot::defer guard([&] { runs++; });
        throw 1;
    } catch (int) {
    }
    CHECK(runs == 4);
#endif
}

void spans_are_views()
{
    CHECK(allot::view(ALLOT_SPAN("text")) == "text");
    CHECK(allot::view(allot_span_of(nullptr)).empty());
    CHECK(allot_span_equal(allot::span_of(std::string("text")), ALLOT_SPAN("text")));
}

} // namespace

int main()
{
    objects_are_made_and_ended();
    unique_pointers_end_what_they_own();
    constructors_that_throw_leave_nothing();
    default_that_changes_is_remembered();
    containers_take_all_from_the_allocator();
    containers_propagate_as_told();
    containers_on_an_arena_and_a_pool();
    allocation_that_fails_throws();
    pmr_over_an_allocator();
    allocator_over_pmr();
    pmr_both_ways();
    defer_runs_once_unless_dropped();
    spans_are_views();
    std::puts("ok");
}

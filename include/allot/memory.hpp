// allot/memory.hpp - C++: objects of any allocator, containers, std::pmr, ends of scopes.
// Part of Allot. MIT licence. What holds for all of it is told in allot/allot.hpp.
#ifndef ALLOT_MEMORY_HPP
#define ALLOT_MEMORY_HPP

#include <allot/alloc.h>
#include <allot/str.h>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#if __has_include(<memory_resource>)
#include <memory_resource>
#endif

namespace allot
{

// --- what the rest is made of -----------------------------------------------------------------

namespace detail
{

[[noreturn]] inline void throw_bad_alloc()
{
#if defined(__cpp_exceptions)
    throw std::bad_alloc();
#else
    __builtin_abort();
#endif
}

[[noreturn]] inline void throw_bad_length()
{
#if defined(__cpp_exceptions)
    throw std::bad_array_new_length();
#else
    __builtin_abort();
#endif
}

// Alignments below 16 are 16 everywhere, so that what frees says the same as what allocated.
constexpr allot_how how_of(std::size_t align) noexcept
{
    return ALLOT_ALIGN(align > 16 ? align : 16);
}

inline allot_allocator *resolved(allot_allocator *a) noexcept
{
    return a != nullptr ? a : allot_allocator_default();
}

// Parentheses where the type has such a constructor; braces for aggregates.
template <class T, class... Args> T *construct(void *p, Args &&...args)
{
    if constexpr (std::is_constructible_v<T, Args...>)
        return ::new (p) T(std::forward<Args>(args)...);
    else
        return ::new (p) T{std::forward<Args>(args)...};
}

template <class T> void destroy(void *object) noexcept
{
    static_cast<T *>(object)->~T();
}

// Calls f at the end of the scope unless it was dropped.
template <class F> class finally
{
  public:
    explicit finally(F f) noexcept(std::is_nothrow_move_constructible_v<F>) : f_(std::move(f))
    {
    }
    finally(const finally &) = delete;
    finally &operator=(const finally &) = delete;
    ~finally()
    {
        if (armed_)
            f_();
    }
    void drop() noexcept
    {
        armed_ = false;
    }

  private:
    F f_;
    bool armed_ = true;
};

// Storage for a struct of the C library that must not move: in the caller's buffer, or in memory of
// an allocator.
template <class Body> struct stored {
    Body *body = nullptr;
    allot_allocator *from = nullptr; // nullptr: in a buffer

    static stored in_memory(allot_allocator *a) noexcept
    {
        stored s;
        s.from = resolved(a);
        s.body = static_cast<Body *>(allot_new_how(s.from, sizeof(Body), how_of(alignof(Body))));
        return s;
    }

    // Takes the start of the buffer.
    static stored in_buffer(void *&buffer, std::size_t &bytes) noexcept
    {
        stored s;
        if (std::align(alignof(Body), sizeof(Body), buffer, bytes) == nullptr) {
            allot_fail(ALLOT_LAYER_REGION, ALLOT_CAUSE_EXHAUSTED, 0);
            return s;
        }
        s.body = static_cast<Body *>(buffer);
        buffer = static_cast<char *>(buffer) + sizeof(Body);
        bytes -= sizeof(Body);
        return s;
    }

    void free() noexcept
    {
        if (from != nullptr && body != nullptr)
            allot_delete_how(from, body, sizeof(Body), how_of(alignof(Body)));
        body = nullptr;
    }
};

} // namespace detail

// --- ends of scopes ---------------------------------------------------------------------------

// allot::defer guard([&] { close(fd); });   guard.drop() calls it off.
template <class F> class [[nodiscard]] defer : public detail::finally<F>
{
  public:
    using detail::finally<F>::finally;
};
template <class F> defer(F) -> defer<F>;

// --- strings ----------------------------------------------------------------------------------

inline std::string_view view(allot_span span) noexcept
{
    return span.bytes == 0 ? std::string_view() : std::string_view(span.at, span.bytes);
}

inline allot_span span_of(std::string_view text) noexcept
{
    return allot_span_make(text.data(), text.size());
}

// --- objects of any allocator -----------------------------------------------------------------

// An object, to be ended by delete_object with the same type and allocator; nullptr on failure.
// When the constructor throws the memory is given back.
template <class T, class... Args> [[nodiscard]] T *new_object(allot_allocator *a, Args &&...args)
{
    a = detail::resolved(a);
    void *p = allot_new_how(a, sizeof(T), detail::how_of(alignof(T)));
    if (p == nullptr)
        return nullptr;
    detail::finally give_back(
        [=]() noexcept { allot_delete_how(a, p, sizeof(T), detail::how_of(alignof(T))); });
    T *object = detail::construct<T>(p, std::forward<Args>(args)...);
    give_back.drop();
    return object;
}

template <class T> void delete_object(allot_allocator *a, T *object) noexcept
{
    static_assert(!std::is_abstract_v<T>, "a part of the object has neither its size nor address");
    if (object == nullptr)
        return;
    object->~T();
    allot_delete_how(a, const_cast<std::remove_cv_t<T> *>(object), sizeof(T),
                     detail::how_of(alignof(T)));
}

// For std::unique_ptr. It does not convert to the deleter of a base class, which could not know the
// size of the object.
template <class T> class deleter
{
  public:
    deleter() noexcept = default;
    explicit deleter(allot_allocator *a) noexcept : a_(detail::resolved(a))
    {
    }
    void operator()(T *object) const noexcept
    {
        delete_object(a_, object);
    }
    allot_allocator *allocator() const noexcept
    {
        return a_;
    }

  private:
    allot_allocator *a_ = nullptr;
};

template <class T> class deleter<T[]>
{
  public:
    deleter() noexcept = default;
    deleter(allot_allocator *a, std::size_t count) noexcept : a_(detail::resolved(a)), count_(count)
    {
    }
    void operator()(T *first) const noexcept
    {
        if (first == nullptr)
            return;
        std::destroy_n(first, count_);
        allot_delete_how(a_, first, count_ * sizeof(T), detail::how_of(alignof(T)));
    }
    std::size_t count() const noexcept
    {
        return count_;
    }
    allot_allocator *allocator() const noexcept
    {
        return a_;
    }

  private:
    allot_allocator *a_ = nullptr;
    std::size_t count_ = 0;
};

template <class T> using unique_ptr = std::unique_ptr<T, deleter<T>>;

// Empty on failure.
template <class T, class... Args>
[[nodiscard]] std::enable_if_t<!std::is_array_v<T>, unique_ptr<T>>
try_make_unique(allot_allocator *a, Args &&...args)
{
    a = detail::resolved(a);
    return unique_ptr<T>(new_object<T>(a, std::forward<Args>(args)...), deleter<T>(a));
}

// An array of `count` objects, each made by T(): zero for what has no constructor.
template <class T>
[[nodiscard]] std::enable_if_t<std::is_array_v<T> && std::extent_v<T> == 0, unique_ptr<T>>
try_make_unique(allot_allocator *a, std::size_t count)
{
    using element = std::remove_extent_t<T>;
    constexpr allot_how how = detail::how_of(alignof(element));

    a = detail::resolved(a);
    void *p = allot_new_array_how(a, count, sizeof(element), how);
    if (p == nullptr)
        return unique_ptr<T>(nullptr, deleter<T>(a, 0));
    detail::finally give_back(
        [=]() noexcept { allot_delete_how(a, p, count * sizeof(element), how); });
    std::uninitialized_value_construct_n(static_cast<element *>(p), count);
    give_back.drop();
    return unique_ptr<T>(static_cast<element *>(p), deleter<T>(a, count));
}

// The same, throwing std::bad_alloc on failure.
template <class T, class... Args>
[[nodiscard]] std::enable_if_t<!std::is_array_v<T>, unique_ptr<T>> make_unique(allot_allocator *a,
                                                                               Args &&...args)
{
    unique_ptr<T> object = try_make_unique<T>(a, std::forward<Args>(args)...);
    if (object == nullptr)
        detail::throw_bad_alloc();
    return object;
}

template <class T>
[[nodiscard]] std::enable_if_t<std::is_array_v<T> && std::extent_v<T> == 0, unique_ptr<T>>
make_unique(allot_allocator *a, std::size_t count)
{
    unique_ptr<T> array = try_make_unique<T>(a, count);
    if (array == nullptr)
        detail::throw_bad_alloc();
    return array;
}

// Blocks of the checked family: allot::malloc_ptr<char> text(allot_strdup(s));
struct free_deleter {
    void operator()(void *p) const noexcept
    {
        allot_free(p);
    }
};
template <class T> using malloc_ptr = std::unique_ptr<T, free_deleter>;

// --- containers -------------------------------------------------------------------------------

// std::vector<int, allot::allocator<int>> v(a);
//
// A container keeps its allocator when it is copied to; it takes over the other one when it is
// moved to or swapped, so that both are O(1) and no element moves. A copy of a container is on the
// same allocator. Two are equal when they are on the same allocator.
template <class T> class allocator
{
  public:
    using value_type = T;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using propagate_on_container_copy_assignment = std::false_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;
    using is_always_equal = std::false_type;

    allocator(allot_allocator *a = nullptr) noexcept : a_(detail::resolved(a))
    {
    }
    template <class U> allocator(const allocator<U> &other) noexcept : a_(other.get())
    {
    }

    [[nodiscard]] T *allocate(std::size_t count)
    {
        if (count > PTRDIFF_MAX / sizeof(T))
            detail::throw_bad_length();
        void *p = allot_new_how(a_, count * sizeof(T), detail::how_of(alignof(T)));
        if (p == nullptr)
            detail::throw_bad_alloc();
        return static_cast<T *>(p);
    }

    // A size of 0 counted as 1 when it was allocated, and does so here.
    void deallocate(T *p, std::size_t count) noexcept
    {
        allot_delete_how(a_, p, count * sizeof(T), detail::how_of(alignof(T)));
    }

    allot_allocator *get() const noexcept
    {
        return a_;
    }

  private:
    allot_allocator *a_;
};

template <class T, class U> bool operator==(const allocator<T> &a, const allocator<U> &b) noexcept
{
    return a.get() == b.get();
}
template <class T, class U> bool operator!=(const allocator<T> &a, const allocator<U> &b) noexcept
{
    return a.get() != b.get();
}

#if defined(__cpp_lib_memory_resource)

// std::pmr over an allot_allocator. Equal to another that is on the same allocator; without RTTI,
// to itself only.
class memory_resource final : public std::pmr::memory_resource
{
  public:
    explicit memory_resource(allot_allocator *a = nullptr) noexcept : a_(detail::resolved(a))
    {
    }
    allot_allocator *get() const noexcept
    {
        return a_;
    }

  private:
    void *do_allocate(std::size_t bytes, std::size_t align) override
    {
        void *p = allot_new_how(a_, bytes, detail::how_of(align));
        if (p == nullptr)
            detail::throw_bad_alloc();
        return p;
    }
    void do_deallocate(void *p, std::size_t bytes, std::size_t align) override
    {
        allot_delete_how(a_, p, bytes, detail::how_of(align));
    }
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
        if (this == &other)
            return true;
#if defined(__cpp_rtti)
        const auto *same = dynamic_cast<const memory_resource *>(&other);
        return same != nullptr && same->a_ == a_;
#else
        return false;
#endif
    }

    allot_allocator *a_;
};

// An allot_allocator over a std::pmr::memory_resource. Both must outlive what is allocated; it
// stays where it is, as its address is the allocator.
class pmr_allocator
{
  public:
    explicit pmr_allocator(std::pmr::memory_resource *resource = std::pmr::get_default_resource())
        : body_{{&ops}, resource}
    {
    }
    pmr_allocator(const pmr_allocator &) = delete;
    pmr_allocator &operator=(const pmr_allocator &) = delete;

    allot_allocator *get() noexcept
    {
        return &body_.base;
    }
    std::pmr::memory_resource *resource() const noexcept
    {
        return body_.resource;
    }

  private:
    struct body {
        allot_allocator base;
        std::pmr::memory_resource *resource;
    };

    static std::pmr::memory_resource *of(allot_allocator *a) noexcept
    {
        return reinterpret_cast<body *>(a)->resource;
    }

    static void *alloc(allot_allocator *a, std::size_t size, allot_how how, const void *) noexcept
    {
        void *p = nullptr;
#if defined(__cpp_exceptions)
        try {
            p = of(a)->allocate(size, allot_how_align(how));
        } catch (...) {
            return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_EXHAUSTED, 0);
        }
#else
        p = of(a)->allocate(size, allot_how_align(how));
#endif
        if ((how & ALLOT_ZERO) != 0 && p != nullptr)
            __builtin_memset(p, 0, size);
        return p;
    }

    static void free(allot_allocator *a, void *p, std::size_t size, allot_how how,
                     const void *) noexcept
    {
        of(a)->deallocate(p, size, allot_how_align(how));
    }

    static constexpr allot_allocator_ops ops = {
        ALLOT_ALLOCATOR_ABI,
        ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN,
        "pmr",
        alloc,
        nullptr, // resize
        nullptr, // remap
        free,
        nullptr, // usable
        nullptr, // owns
        nullptr, // trim
        nullptr, // reset
        nullptr, // stats
        nullptr, // visit
    };

    body body_;
};

#endif

} // namespace allot

#endif

// allot/regions.hpp - C++: heaps, arenas, pools and scopes as objects that own.
// Part of Allot. MIT licence. What holds for all of it is told in allot/allot.hpp.
#ifndef ALLOT_REGIONS_HPP
#define ALLOT_REGIONS_HPP

#include <allot/arena.h>
#include <allot/heap.h>
#include <allot/memory.hpp>
#include <allot/pool.h>
#include <allot/scratch.h>
#include <allot/stack.h>

namespace allot
{

// --- heaps ------------------------------------------------------------------------------------

class heap
{
  public:
    // Empty on failure.
    heap() noexcept : heap_(allot_heap_create(nullptr))
    {
    }
    explicit heap(const allot_heap_options &options) noexcept : heap_(allot_heap_create(&options))
    {
    }
    heap(heap &&other) noexcept : heap_(std::exchange(other.heap_, nullptr))
    {
    }
    heap &operator=(heap &&other) noexcept
    {
        if (this != &other) {
            reset();
            heap_ = std::exchange(other.heap_, nullptr);
        }
        return *this;
    }
    ~heap()
    {
        reset();
    }

    // Destroys the heap with all that is in it.
    void reset() noexcept
    {
        allot_heap_destroy(std::exchange(heap_, nullptr));
    }
    explicit operator bool() const noexcept
    {
        return heap_ != nullptr;
    }
    allot_heap *get() const noexcept
    {
        return heap_;
    }
    // Require: not empty; nullptr would be the default allocator.
    allot_allocator *allocator() const noexcept
    {
        return allot_heap_allocator(heap_);
    }

  private:
    allot_heap *heap_;
};

// --- arenas -----------------------------------------------------------------------------------

class arena
{
  public:
    class scope;

    // Empty on failure. The arena's own record is in memory of the source, or at the start of the
    // buffer with ALLOT_ARENA_BUFFER_ONLY.
    arena() noexcept : arena(allot_arena_options{})
    {
    }
    explicit arena(allot_allocator *source) noexcept : arena(of_source(source))
    {
    }
    explicit arena(allot_arena_options options) noexcept
    {
        stored_ = (options.flags & ALLOT_ARENA_BUFFER_ONLY) != 0
                      ? stored::in_buffer(options.buffer, options.buffer_bytes)
                      : stored::in_memory(options.source);
        if (stored_.body != nullptr && allot_arena_init(stored_.body, &options) != 0)
            stored_.free();
    }
    arena(arena &&other) noexcept : stored_(std::exchange(other.stored_, {}))
    {
    }
    arena &operator=(arena &&other) noexcept
    {
        if (this != &other) {
            release();
            stored_ = std::exchange(other.stored_, {});
        }
        return *this;
    }
    ~arena()
    {
        release();
    }

    explicit operator bool() const noexcept
    {
        return get() != nullptr;
    }
    allot_arena *get() const noexcept
    {
        return stored_.body;
    }
    // Require: not empty; nullptr would be the default allocator.
    allot_allocator *allocator() const noexcept
    {
        return get() == nullptr ? nullptr : &get()->base;
    }

    // Memory until the arena is rewound, reset or released; nullptr on failure.
    [[nodiscard]] void *push(std::size_t size) noexcept
    {
        return get() == nullptr ? nullptr : allot_arena_push(get(), size);
    }
    [[nodiscard]] void *push(std::size_t size, std::size_t align) noexcept
    {
        return get() == nullptr ? nullptr : allot_arena_push_array(get(), 1, size, align);
    }

    // An object; nullptr on failure. Its destructor, unless trivial, is called when the arena is
    // rewound past it, reset or released, those of younger objects first.
    template <class T, class... Args> [[nodiscard]] T *make(Args &&...args)
    {
        void *p = push(sizeof(T), alignof(T));
        if (p == nullptr)
            return nullptr;
        T *object = detail::construct<T>(p, std::forward<Args>(args)...);
        if constexpr (!std::is_trivially_destructible_v<T>) {
            if (allot_arena_cleanup(get(), detail::destroy<T>, object) != 0) {
                object->~T();
                return nullptr;
            }
        }
        return object;
    }

    // `count` objects in a row, each made by T(): zero for what has no constructor.
    template <class T> [[nodiscard]] T *make_array(std::size_t count)
    {
        if (get() == nullptr)
            return nullptr;
        if (count > PTRDIFF_MAX / sizeof(T)) {
            allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
            return nullptr;
        }
        void *p = push(count * sizeof(T), alignof(T));
        if (p == nullptr)
            return nullptr;
        if constexpr (std::is_trivially_destructible_v<T>) {
            std::uninitialized_value_construct_n(static_cast<T *>(p), count);
        } else {
            auto *all = make<row<T>>(row<T>{static_cast<T *>(p), count});
            if (all == nullptr)
                return nullptr;
            std::uninitialized_value_construct_n(all->first, count);
            if (allot_arena_cleanup(get(), destroy_row<T>, all) != 0) {
                destroy_row<T>(all);
                return nullptr;
            }
        }
        return static_cast<T *>(p);
    }

    // A copy, terminated; nullptr on failure.
    [[nodiscard]] char *copy(std::string_view text) noexcept
    {
        char *at = get() == nullptr ? nullptr : static_cast<char *>(push(text.size() + 1, 1));
        if (at != nullptr) {
            text.copy(at, text.size());
            at[text.size()] = 0;
        }
        return at;
    }

    // 0, or what allot_arena_reset and allot_arena_rewind return; -EINVAL (-22) when empty.
    allot_status reset(std::size_t keep_bytes = ALLOT_KEEP_ALL) noexcept
    {
        return get() == nullptr ? empty_status : allot_arena_reset(get(), keep_bytes);
    }
    // Require: not empty.
    [[nodiscard]] allot_arena_mark mark() noexcept
    {
        return allot_arena_mark_get(get());
    }
    allot_status rewind(const allot_arena_mark &mark) noexcept
    {
        return get() == nullptr ? empty_status : allot_arena_rewind(get(), &mark);
    }

    // Takes over all that the other arena has allocated; that one is empty afterwards.
    [[nodiscard]] allot_status merge(arena &&other) noexcept
    {
        if (get() == nullptr || other.get() == nullptr)
            return empty_status;
        allot_status status = allot_arena_merge(get(), other.get());
        if (status == 0)
            other.stored_.free();
        return status;
    }

    bool owns(const void *p) const noexcept
    {
        return get() != nullptr && allot_arena_owns(get(), p);
    }

    // Destroys and frees everything; the arena is then empty.
    void release() noexcept
    {
        if (get() == nullptr)
            return;
        allot_arena_release(get());
        stored_.free();
        stored_ = {};
    }

  private:
    using stored = detail::stored<allot_arena>;
    static constexpr allot_status empty_status = -22;

    template <class T> struct row {
        T *first;
        std::size_t count;
    };
    template <class T> static void destroy_row(void *all) noexcept
    {
        auto *objects = static_cast<row<T> *>(all);
        for (std::size_t i = objects->count; i > 0; i--)
            objects->first[i - 1].~T();
    }
    static allot_arena_options of_source(allot_allocator *source) noexcept
    {
        allot_arena_options options{};
        options.source = source;
        return options;
    }

    stored stored_;
};

// allot::arena::scope here(arena);   The arena must not be moved from, reset, released or rewound
// further in the scope.
class [[nodiscard]] arena::scope
{
  public:
    explicit scope(arena &a) noexcept : scope(a.get())
    {
    }
    explicit scope(allot_arena *a) noexcept : arena_(a)
    {
        if (arena_ != nullptr)
            mark_ = allot_arena_mark_get(arena_);
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;
    ~scope()
    {
        if (arena_ != nullptr)
            (void)allot_arena_rewind(arena_, &mark_);
    }

  private:
    allot_arena *arena_;
    allot_arena_mark mark_ = {};
};

// An arena of the thread for the scope, not `result`, in which what outlives the scope is put.
//
//     allot::scratch temporary(result);   if (temporary) temporary.get()...
class [[nodiscard]] scratch
{
  public:
    scratch() noexcept : scratch_(allot_scratch_begin(nullptr, 0))
    {
    }
    explicit scratch(allot_arena *result) noexcept
        : scratch_(allot_scratch_begin(&result, result != nullptr))
    {
    }
    explicit scratch(const arena &result) noexcept : scratch(result.get())
    {
    }
    scratch(const scratch &) = delete;
    scratch &operator=(const scratch &) = delete;
    ~scratch()
    {
        allot_scratch_end(&scratch_);
    }

    // False: there was no memory for one.
    explicit operator bool() const noexcept
    {
        return get() != nullptr;
    }
    allot_arena *get() const noexcept
    {
        return scratch_.arena;
    }
    // Require: not false; nullptr would be the default allocator.
    allot_allocator *allocator() const noexcept
    {
        return get() == nullptr ? nullptr : &get()->base;
    }
    [[nodiscard]] void *push(std::size_t size, std::size_t align = 16) noexcept
    {
        return get() == nullptr ? nullptr : allot_arena_push_array(get(), 1, size, align);
    }

  private:
    struct allot_scratch scratch_;
};

// --- stacks -----------------------------------------------------------------------------------

// Pops what is pushed on a stack (allot/stack.h) in the scope, after the destructors of what it
// made, the youngest first. Nothing below may be popped in it.
class [[nodiscard]] stack_scope
{
  public:
    // False when there was no memory for the mark: it then makes nothing.
    explicit stack_scope(allot_stack *stack) noexcept
        : stack_(stack), mark_(allot_stack_mark_get(stack))
    {
    }
    stack_scope(const stack_scope &) = delete;
    stack_scope &operator=(const stack_scope &) = delete;
    ~stack_scope()
    {
        for (; last_ != nullptr; last_ = last_->before)
            last_->destroy(last_->object);
        if (mark_.record != nullptr)
            (void)allot_stack_rewind(stack_, mark_);
    }

    explicit operator bool() const noexcept
    {
        return mark_.record != nullptr;
    }
    [[nodiscard]] void *push(std::size_t size, std::size_t align = 16) noexcept
    {
        return *this ? allot_stack_push_aligned(stack_, size, align) : nullptr;
    }

    // An object until the end of the scope; nullptr on failure.
    template <class T, class... Args> [[nodiscard]] T *make(Args &&...args)
    {
        if constexpr (std::is_trivially_destructible_v<T>) {
            void *p = push(sizeof(T), alignof(T));
            return p == nullptr ? nullptr : detail::construct<T>(p, std::forward<Args>(args)...);
        } else {
            void *due_at = push(sizeof(due), alignof(due));
            void *p = due_at == nullptr ? nullptr : push(sizeof(T), alignof(T));
            if (p == nullptr)
                return nullptr;
            T *object = detail::construct<T>(p, std::forward<Args>(args)...);
            last_ = ::new (due_at) due{detail::destroy<T>, object, last_};
            return object;
        }
    }

  private:
    struct due {
        void (*destroy)(void *) noexcept;
        void *object;
        due *before;
    };

    allot_stack *stack_;
    allot_stack_mark mark_;
    due *last_ = nullptr;
};

// --- pools ------------------------------------------------------------------------------------

// Objects of one type. Its own record is in memory of the source, or at the start of the buffer
// with ALLOT_POOL_FIXED. Live objects are destroyed with the pool; their destructors must then not
// use it.
template <class T> class pool
{
  public:
    class put_back
    {
      public:
        put_back() noexcept = default;
        explicit put_back(allot_pool *pool) noexcept : pool_(pool)
        {
        }
        void operator()(T *object) const noexcept
        {
            object->~T();
            allot_pool_put(pool_, object);
        }

      private:
        allot_pool *pool_ = nullptr;
    };
    using unique_ptr = std::unique_ptr<T, put_back>;

    // Empty on failure.
    pool() noexcept : pool(allot_pool_options{})
    {
    }
    // Size, alignment, construct and destroy are the type's.
    explicit pool(allot_pool_options options) noexcept
    {
        options.object_bytes = sizeof(T);
        options.align = alignof(T);
        options.construct = nullptr;
        options.destroy = nullptr;
        stored_ = (options.flags & ALLOT_POOL_FIXED) != 0
                      ? stored::in_buffer(options.buffer, options.buffer_bytes)
                      : stored::in_memory(options.source);
        if (stored_.body != nullptr && allot_pool_init(stored_.body, &options) != 0)
            stored_.free();
    }
    pool(pool &&other) noexcept : stored_(std::exchange(other.stored_, {}))
    {
    }
    pool &operator=(pool &&other) noexcept
    {
        if (this != &other) {
            release();
            stored_ = std::exchange(other.stored_, {});
        }
        return *this;
    }
    ~pool()
    {
        release();
    }

    explicit operator bool() const noexcept
    {
        return get() != nullptr;
    }
    allot_pool *get() const noexcept
    {
        return stored_.body;
    }

    // An object, to be ended by destroy; nullptr on failure. When the constructor throws the memory
    // is put back.
    template <class... Args> [[nodiscard]] T *make(Args &&...args)
    {
        allot_pool *p = get();
        void *raw = p == nullptr ? nullptr : allot_pool_get(p);
        if (raw == nullptr)
            return nullptr;
        detail::finally give_back([=]() noexcept { allot_pool_put(p, raw); });
        T *object = detail::construct<T>(raw, std::forward<Args>(args)...);
        give_back.drop();
        return object;
    }
    void destroy(T *object) noexcept
    {
        if (object != nullptr)
            put_back{get()}(object);
    }

    // Empty, or throws std::bad_alloc.
    template <class... Args> [[nodiscard]] unique_ptr try_make_unique(Args &&...args)
    {
        return unique_ptr(make(std::forward<Args>(args)...), put_back(get()));
    }
    template <class... Args> [[nodiscard]] unique_ptr make_unique(Args &&...args)
    {
        unique_ptr object = try_make_unique(std::forward<Args>(args)...);
        if (object == nullptr)
            detail::throw_bad_alloc();
        return object;
    }

    bool owns(const void *p) const noexcept
    {
        return get() != nullptr && allot_pool_owns(get(), p);
    }

    // Destroys and frees everything; the pool is then empty.
    void release() noexcept
    {
        if (get() == nullptr)
            return;
        if constexpr (!std::is_trivially_destructible_v<T>)
            (void)allot_pool_visit(get(), destroy_live, nullptr);
        allot_pool_release(get());
        stored_.free();
        stored_ = {};
    }

  private:
    using stored = detail::stored<allot_pool>;

    static bool destroy_live(void *object, std::size_t, void *) noexcept
    {
        detail::destroy<T>(object);
        return true;
    }

    stored stored_;
};

} // namespace allot

#endif

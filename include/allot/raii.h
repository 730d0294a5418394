/* allot/raii.h - what is released at the end of a scope, in C, with gcc and clang.
 * Part of Allot. MIT licence.
 *
 *     ALLOT_AUTO char *line = allot_strdup(text);            freed by allot_free
 *     ALLOT_AUTO_ARENA allot_arena arena = ALLOT_ARENA_INIT;  released
 *     ALLOT_REWIND(&arena);                                   rewound to here
 *     ALLOT_SCRATCH(scratch);                                 a scratch arena for this scope
 *     ALLOT_DEFER(close_it, &file);                           close_it(&file) is called
 *     return ALLOT_TAKE(line);                                moved out: not freed here
 *
 * It happens once on every way out of the scope: its end, return, break, continue and goto, in the
 * reverse order of declaration; also for an exception, in C++ and in C built by -fexceptions. It
 * does not happen for longjmp, exit and threads that are ended from outside.
 *
 * A variable must be initialised where it is declared (NULL will do, and all zero for a struct),
 * and no goto or case label may jump forward into its scope: clang refuses that, gcc does not and
 * runs the cleanup on what was on the stack. */
#ifndef ALLOT_RAII_H
#define ALLOT_RAII_H

#include <allot/alloc.h>
#include <allot/arena.h>
#include <allot/heap.h>
#include <allot/pool.h>
#include <allot/scratch.h>
#include <allot/stack.h>
#include <allot/str.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `function`, which takes a pointer to the variable, is called at the end of its scope. */
#define ALLOT_CLEANUP(function) __attribute__((cleanup(function)))

#define ALLOT_RAII_JOIN2(a, b) a##b
#define ALLOT_RAII_JOIN(a, b) ALLOT_RAII_JOIN2(a, b)
#define ALLOT_RAII_GUARDED(type, function, name)                                                   \
    ALLOT_CLEANUP(function) __attribute__((unused)) type name
#define ALLOT_RAII_GUARD(type, function)                                                           \
    ALLOT_RAII_GUARDED(type, function, ALLOT_RAII_JOIN(allot_guard_, __COUNTER__))

/* --- pointers ------------------------------------------------------------------------------ */

/* What a variable of any pointer type holds, which becomes NULL. For ALLOT_TAKE.
 *
 * Returns: the pointer; never fails.
 * Threads: the caller owns the variable.   Signals: safe.
 * Cost:    O(1). */
static inline ALLOT_MUST_USE void *allot_raii_take(void *variable)
{
    void *none = NULL;
    void *p;

    __builtin_memcpy(&p, variable, sizeof p);
    __builtin_memcpy(variable, &none, sizeof none);
    return p;
}

/* Moves a pointer out of a variable that is released at the end of a scope: to return it, or to
 * hand it over. */
#define ALLOT_TAKE(p) ((__typeof__(p))allot_raii_take(&(p)))

/* For ALLOT_AUTO.
 *
 * Returns: nothing.
 * Threads: the caller owns the variable.   Signals: not safe.
 * Failure: as allot_free.
 * Cost:    O(1). */
static inline void allot_raii_free(void *variable)
{
    void *p;

    __builtin_memcpy(&p, variable, sizeof p);
    allot_free(p);
}

/* A pointer of any type to a block of the checked family; NULL is fine. */
#define ALLOT_AUTO ALLOT_CLEANUP(allot_raii_free)

/* --- objects of an allocator --------------------------------------------------------------- */

struct allot_raii_object {
    allot_allocator *allocator;
    void *variable;      /* the pointer */
    const size_t *bytes; /* its size, or NULL: fixed_bytes */
    size_t fixed_bytes;
    allot_how how;
};

/* For ALLOT_AUTO_DELETE.
 *
 * Returns: nothing.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_delete_how.
 * Cost:    that of the allocator. */
static inline void allot_raii_delete(const struct allot_raii_object *object)
{
    void *p = allot_raii_take(object->variable);

    allot_delete_how(object->allocator, p,
                     object->bytes == NULL ? object->fixed_bytes : *object->bytes, object->how);
}

/* Deletes what the pointer variable p points to at the end of the scope, if it is not NULL then:
 * what ALLOT_NEW gave; what ALLOT_ARRAY gave for n elements; or what allot_new gave, in a variable
 * `bytes` that always has its size. p is declared before and is no expression. */
#define ALLOT_AUTO_DELETE(a, p) ALLOT_AUTO_DELETE_ARRAY(a, p, 1)
#define ALLOT_AUTO_DELETE_ARRAY(a, p, n)                                                           \
    ALLOT_RAII_GUARD(const struct allot_raii_object, allot_raii_delete) = {                        \
        (a), &(p), NULL, sizeof *(p) * (n), ALLOT_ALIGN_OF(__typeof__(*(p)))}
#define ALLOT_AUTO_DELETE_BYTES(a, p, bytes)                                                       \
    ALLOT_RAII_GUARD(const struct allot_raii_object, allot_raii_delete) = {(a), &(p), &(bytes), 0, \
                                                                           ALLOT_ALIGN_DEFAULT}

struct allot_raii_pooled {
    allot_pool *pool;
    void *variable;
};

/* For ALLOT_AUTO_PUT.
 *
 * Returns: nothing.
 * Threads: as the pool.   Signals: not safe.
 * Failure: as allot_pool_put.
 * Cost:    O(1). */
static inline void allot_raii_put(const struct allot_raii_pooled *object)
{
    allot_pool_put(object->pool, allot_raii_take(object->variable));
}

/* Puts what the pointer variable p points to at the end of the scope back into a pool. */
#define ALLOT_AUTO_PUT(pool, p)                                                                    \
    ALLOT_RAII_GUARD(const struct allot_raii_pooled, allot_raii_put) = {(pool), &(p)}

/* --- owners -------------------------------------------------------------------------------- */

/* Each stands in front of a declaration. A struct that is all zero may be released. */
#define ALLOT_AUTO_ARENA ALLOT_CLEANUP(allot_arena_release)
#define ALLOT_AUTO_POOL ALLOT_CLEANUP(allot_pool_release)
#define ALLOT_AUTO_STACK ALLOT_CLEANUP(allot_stack_release)
#define ALLOT_AUTO_STRING ALLOT_CLEANUP(allot_string_release)
#define ALLOT_AUTO_HEAP ALLOT_CLEANUP(allot_raii_heap_destroy)

/* For ALLOT_AUTO_HEAP.
 *
 * Returns: nothing.
 * Require: nobody else is inside a call on the heap.
 * Threads: any one thread.   Signals: not safe.
 * Failure: as allot_heap_destroy.
 * Cost:    as allot_heap_destroy. */
static inline void allot_raii_heap_destroy(allot_heap **heap)
{
    allot_heap_destroy(*heap);
}

/* --- scopes -------------------------------------------------------------------------------- */

struct allot_raii_rewind {
    allot_arena *arena;
    allot_arena_mark mark;
};

/* For ALLOT_REWIND: the arena and where it is now.
 *
 * Returns: what allot_raii_rewind takes; never fails.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Cost:    O(1). */
static inline struct allot_raii_rewind allot_raii_mark(allot_arena *arena)
{
    struct allot_raii_rewind scope;

    scope.arena = arena;
    scope.mark = allot_arena_mark_get(arena);
    return scope;
}

/* For ALLOT_REWIND.
 *
 * Returns: nothing.
 * Threads: the caller owns the arena.   Signals: not safe.
 * Failure: a mark that became stale within the scope is reported as misuse.
 * Cost:    as allot_arena_rewind. */
static inline void allot_raii_rewind(const struct allot_raii_rewind *scope)
{
    (void)allot_arena_rewind(scope->arena, &scope->mark);
}

/* Rewinds the arena to its present state at the end of the scope. Within the scope it must not be
 * reset, released or rewound further. */
#define ALLOT_REWIND(arena)                                                                        \
    ALLOT_RAII_GUARD(const struct allot_raii_rewind, allot_raii_rewind) = allot_raii_mark(arena)

/* Declares a variable of the scope: an arena of the thread, NULL when there is no memory for one,
 * whose content is gone at the end of the scope. ..._BESIDE: another arena than `conflict`, which a
 * result is put into and which may be a scratch arena itself. */
#define ALLOT_SCRATCH(name)                                                                        \
    ALLOT_RAII_GUARDED(struct allot_scratch, allot_scratch_end, name##_scratch) =                  \
        allot_scratch_begin(NULL, 0);                                                              \
    allot_arena *const name = name##_scratch.arena
#define ALLOT_SCRATCH_BESIDE(name, conflict)                                                       \
    allot_arena *const name##_conflict = (conflict);                                               \
    ALLOT_RAII_GUARDED(struct allot_scratch, allot_scratch_end, name##_scratch) =                  \
        allot_scratch_begin(&name##_conflict, 1);                                                  \
    allot_arena *const name = name##_scratch.arena

struct allot_raii_stack {
    allot_stack *stack;
    allot_stack_mark mark;
};

/* For ALLOT_STACK_REWIND: the stack and how far it is filled.
 *
 * Returns: what allot_raii_stack_rewind takes.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: as allot_stack_mark_get; the end of the scope then pops nothing.
 * Cost:    O(1). */
static inline struct allot_raii_stack allot_raii_stack_mark(allot_stack *stack)
{
    struct allot_raii_stack scope;

    scope.stack = stack;
    scope.mark = allot_stack_mark_get(stack);
    return scope;
}

/* For ALLOT_STACK_REWIND.
 *
 * Returns: nothing.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: a mark that became stale within the scope is reported as misuse.
 * Cost:    as allot_stack_rewind. */
static inline void allot_raii_stack_rewind(const struct allot_raii_stack *scope)
{
    if (scope->mark.record != NULL)
        (void)allot_stack_rewind(scope->stack, scope->mark);
}

/* Pops what was pushed on a stack (allot/stack.h) in the scope. Nothing below may be popped in it.
 * Where there was no memory for the mark, nothing is. */
#define ALLOT_STACK_REWIND(stack)                                                                  \
    ALLOT_RAII_GUARD(const struct allot_raii_stack, allot_raii_stack_rewind) =                     \
        allot_raii_stack_mark(stack)

/* --- anything else ------------------------------------------------------------------------- */

struct allot_raii_deferred {
    void (*function)(void *arg);
    void *arg;
};

/* For ALLOT_DEFER.
 *
 * Returns: nothing.
 * Threads: as the function.   Signals: as the function.
 * Failure: none.
 * Cost:    that of the function. */
static inline void allot_raii_call(const struct allot_raii_deferred *deferred)
{
    deferred->function(deferred->arg);
}

/* Calls function(arg) at the end of the scope: a void function that takes a void pointer. The
 * pointer is evaluated now. To end a variable by its value then, hand over its address. */
#define ALLOT_DEFER(function, arg)                                                                 \
    ALLOT_RAII_GUARD(const struct allot_raii_deferred, allot_raii_call) = {(function), (arg)}

/* A cleanup of one's own, at file scope; `value` is the variable's value:
 *
 *     ALLOT_AUTO_DEFINE(file, FILE *, if (value) fclose(value))
 *     ...
 *     ALLOT_AUTO_OF(file) FILE *f = fopen(name, "r"); */
#define ALLOT_AUTO_DEFINE(name, type, statement)                                                   \
    static inline void allot_auto_##name(type *variable)                                           \
    {                                                                                              \
        type value = *variable;                                                                    \
        statement;                                                                                 \
    }                                                                                              \
    struct allot_auto_##name##_needs_a_semicolon
#define ALLOT_AUTO_OF(name) ALLOT_CLEANUP(allot_auto_##name)

#ifdef __cplusplus
}
#endif
#endif

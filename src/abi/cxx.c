/* The C++ operators new and delete, by their mangled names, so that the library needs no C++
 * runtime of its own. Weak: a program that replaces one of them keeps its own in a static link.
 *
 * What needs the runtime - the new handler, throwing bad_alloc, catching what a handler throws in
 * a nothrow new (catch.c) - is asked of the program's, which is there whenever somebody could
 * notice: by weak symbols, and by name when the runtime was loaded after us (a plug-in in C++).
 *
 * Built with -fexceptions: bad_alloc passes through these frames. */
#include "abi/abi.h"

typedef void (*new_handler_fn)(void);
struct nothrow; /* std::nothrow_t */

#define OPERATOR __attribute__((weak, visibility("default")))

/* An operator that others fall back on: ours by a name that stays ours, whoever has the public one.
 */
#define OPERATOR_OF(own) __attribute__((weak, visibility("default"), alias(#own)))

/* A program may replace some operators and leave the others, whose defaults must then call its own:
 * what its new gave must reach its delete. Source: ISO C++17, [new.delete.single],
 * [new.delete.array]: the paragraphs on default behaviour. */
#define REPLACED(symbol, own) ali_unlikely((symbol) != (own))

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wmissing-variable-declarations"
#endif

/* std::get_new_handler(), std::__throw_bad_alloc() */
extern new_handler_fn _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* --- the program's C++ runtime ------------------------------------------------------------- */

/* A function of a runtime that is loaded already, even if only for one plug-in. */
static void *runtime_function(const char *name)
{
    void *function = ali_os_loaded_function("libstdc++.so.6", name);

    return function != NULL ? function : ali_os_loaded_function("libc++.so.1", name);
}

static new_handler_fn current_new_handler(void)
{
    union {
        void *data;
        new_handler_fn (*code)(void);
    } get = {.code = _ZSt15get_new_handlerv};

    if (get.data == NULL)
        get.data = runtime_function("_ZSt15get_new_handlerv");
    return get.data != NULL ? get.code() : NULL;
}

static _Noreturn void throw_bad_alloc(void)
{
    static const char message[] = "allot: operator new: out of memory, and the program has no C++ "
                                  "runtime to throw bad_alloc\n";
    union {
        void *data;
        void (*code)(void);
    } throw = {.code = _ZSt17__throw_bad_allocv};

    if (throw.data == NULL)
        throw.data = runtime_function("_ZSt17__throw_bad_allocv");
    if (throw.data != NULL)
        throw.code();
    ali_os_write(2, message, sizeof message - 1);
    ali_os_abort();
}

/* --- new ----------------------------------------------------------------------------------- */

struct request {
    size_t size;
    size_t align; /* 0: whatever new gives */
    enum ali_call call;
    const void *caller;
};

static void *attempt(const struct request *r)
{
    if (r->align == 0)
        return ali_heap_alloc_miss(r->size, r->call, r->caller);
    if (!ali_is_pow2(r->align)) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_BAD_ALIGNMENT, 0);
        return NULL;
    }
    return ali_heap_aligned(r->size, r->align, r->call, r->caller);
}

/* NULL: failed, and *handler is what to call before the next attempt, or NULL. */
static void *attempt_or_handler(const struct request *r, new_handler_fn *handler)
{
    void *p = attempt(r);

    *handler = NULL;
    if (ali_unlikely(p == NULL)) {
        errno = ENOMEM;
        *handler = current_new_handler();
    }
    return p;
}

/* As the standard says: the handler is called until it frees something, throws, or is none.
 * Source: ISO C++17, [new.delete.single] 4. */
static void *new_or_throw(const struct request *r)
{
    new_handler_fn handler;
    void *p;

    while ((p = attempt_or_handler(r, &handler)) == NULL) {
        if (handler == NULL)
            throw_bad_alloc();
        handler();
    }
    return p;
}

/* For a runtime that came after us, whose symbols we were not bound to: its own nothrow new calls
 * our throwing one, and catches what that and the handler throw. */
static void *new_through_runtime(const struct request *r, const struct nothrow *tag)
{
    bool array = r->call == ALI_CALL_NEW_ARRAY;
    union {
        void *data;
        void *(*plain)(size_t, const struct nothrow *);
        void *(*aligned)(size_t, size_t, const struct nothrow *);
    } own;

    if (r->align == 0) {
        own.data = runtime_function(array ? "_ZnamRKSt9nothrow_t" : "_ZnwmRKSt9nothrow_t");
        return own.data != NULL ? own.plain(r->size, tag) : NULL;
    }
    own.data = runtime_function(array ? "_ZnamSt11align_val_tRKSt9nothrow_t"
                                      : "_ZnwmSt11align_val_tRKSt9nothrow_t");
    return own.data != NULL ? own.aligned(r->size, r->align, tag) : NULL;
}

static void call_handler(void *handler)
{
    (*(new_handler_fn *)handler)();
}

/* As above, except that what the handler throws ends it with NULL. Any exception does: the standard
 * allows a handler no other than bad_alloc, and the runtimes' own nothrow new catch all. */
static void *new_or_null(const struct request *r, const struct nothrow *tag)
{
    new_handler_fn handler;
    void *p;

    while ((p = attempt_or_handler(r, &handler)) == NULL && handler != NULL) {
        switch (ali_call_catching(call_handler, &handler)) {
        case ALI_CAUGHT_NOTHING:
            break;
        case ALI_CAUGHT:
            return NULL;
        case ALI_CAUGHT_UNABLE:
            return new_through_runtime(r, tag);
        }
    }
    return p;
}

static ALI_NOINLINE void *new_miss(size_t size, enum ali_call call, const void *caller)
{
    return new_or_throw(&(struct request){size, 0, call, caller});
}

static ALI_NOINLINE void *new_nothrow_miss(size_t size, const struct nothrow *tag,
                                           enum ali_call call, const void *caller)
{
    return new_or_null(&(struct request){size, 0, call, caller}, tag);
}

/* A nothrow new in a program with a new of its own, which may throw. */
struct replaced_call {
    void *(*plain)(size_t);
    void *(*aligned)(size_t, size_t);
    size_t size;
    size_t align;
    void *result;
};

static void call_replaced(void *arg)
{
    struct replaced_call *r = arg;

    r->result = r->plain != NULL ? r->plain(r->size) : r->aligned(r->size, r->align);
}

static ALI_NOINLINE void *replaced_or_null(struct replaced_call r)
{
    if (ali_call_catching(call_replaced, &r) == ALI_CAUGHT_UNABLE)
        call_replaced(&r); /* no runtime, so nothing can be thrown */
    return r.result;
}

static void *own_new(size_t size)
{
    void *p;

    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return new_miss(size, ALI_CALL_NEW, ALI_CALLER());
}

void *_Znwm(size_t size) OPERATOR_OF(own_new);

static void *own_new_array(size_t size)
{
    void *p;

    if (REPLACED(_Znwm, own_new))
        return _Znwm(size);
    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return new_miss(size, ALI_CALL_NEW_ARRAY, ALI_CALLER());
}

void *_Znam(size_t size) OPERATOR_OF(own_new_array);

OPERATOR void *_ZnwmRKSt9nothrow_t(size_t size, const struct nothrow *tag)
{
    void *p;

    if (REPLACED(_Znwm, own_new))
        return replaced_or_null((struct replaced_call){.plain = _Znwm, .size = size});
    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return new_nothrow_miss(size, tag, ALI_CALL_NEW, ALI_CALLER());
}

OPERATOR void *_ZnamRKSt9nothrow_t(size_t size, const struct nothrow *tag)
{
    void *p;

    if (REPLACED(_Znam, own_new_array) || REPLACED(_Znwm, own_new))
        return replaced_or_null((struct replaced_call){.plain = _Znam, .size = size});
    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return new_nothrow_miss(size, tag, ALI_CALL_NEW_ARRAY, ALI_CALLER());
}

static void *own_new_aligned(size_t size, size_t align)
{
    return new_or_throw(&(struct request){size, align, ALI_CALL_NEW, ALI_CALLER()});
}

void *_ZnwmSt11align_val_t(size_t size, size_t align) OPERATOR_OF(own_new_aligned);

static void *own_new_array_aligned(size_t size, size_t align)
{
    if (REPLACED(_ZnwmSt11align_val_t, own_new_aligned))
        return _ZnwmSt11align_val_t(size, align);
    return new_or_throw(&(struct request){size, align, ALI_CALL_NEW_ARRAY, ALI_CALLER()});
}

void *_ZnamSt11align_val_t(size_t size, size_t align) OPERATOR_OF(own_new_array_aligned);

OPERATOR void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
                                                  const struct nothrow *tag)
{
    if (REPLACED(_ZnwmSt11align_val_t, own_new_aligned))
        return replaced_or_null(
            (struct replaced_call){.aligned = _ZnwmSt11align_val_t, .size = size, .align = align});
    return new_or_null(&(struct request){size, align, ALI_CALL_NEW, ALI_CALLER()}, tag);
}

OPERATOR void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
                                                  const struct nothrow *tag)
{
    if (REPLACED(_ZnamSt11align_val_t, own_new_array_aligned) ||
        REPLACED(_ZnwmSt11align_val_t, own_new_aligned))
        return replaced_or_null(
            (struct replaced_call){.aligned = _ZnamSt11align_val_t, .size = size, .align = align});
    return new_or_null(&(struct request){size, align, ALI_CALL_NEW_ARRAY, ALI_CALLER()}, tag);
}

/* --- delete -------------------------------------------------------------------------------- */

#define DELETE_CLAIMED(p, size, align, call)                                                       \
    do {                                                                                           \
        if ((p) != NULL)                                                                           \
            ali_heap_free_claimed((p), (size), (align), (call), ALI_CALLER());                     \
    } while (0)

static void own_delete(void *p)
{
    if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_DELETE, ALI_CALLER());
}

void _ZdlPv(void *p) OPERATOR_OF(own_delete);

static void own_delete_array(void *p)
{
    if (REPLACED(_ZdlPv, own_delete))
        _ZdlPv(p);
    else if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_DELETE_ARRAY, ALI_CALLER());
}

void _ZdaPv(void *p) OPERATOR_OF(own_delete_array);

#define DELETE_ARRAY_REPLACED() (REPLACED(_ZdaPv, own_delete_array) || REPLACED(_ZdlPv, own_delete))

OPERATOR void _ZdlPvRKSt9nothrow_t(void *p, const struct nothrow *tag)
{
    (void)tag;
    if (REPLACED(_ZdlPv, own_delete))
        _ZdlPv(p);
    else if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_DELETE, ALI_CALLER());
}

OPERATOR void _ZdaPvRKSt9nothrow_t(void *p, const struct nothrow *tag)
{
    (void)tag;
    if (DELETE_ARRAY_REPLACED())
        _ZdaPv(p);
    else if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_DELETE_ARRAY, ALI_CALLER());
}

OPERATOR void _ZdlPvm(void *p, size_t size)
{
    if (REPLACED(_ZdlPv, own_delete))
        _ZdlPv(p);
    else if (!ali_heap_free_sized_hit(p, size))
        DELETE_CLAIMED(p, size, 0, ALI_CALL_DELETE);
}

OPERATOR void _ZdaPvm(void *p, size_t size)
{
    if (DELETE_ARRAY_REPLACED())
        _ZdaPv(p);
    else if (!ali_heap_free_sized_hit(p, size))
        DELETE_CLAIMED(p, size, 0, ALI_CALL_DELETE_ARRAY);
}

static void own_delete_aligned(void *p, size_t align)
{
    DELETE_CLAIMED(p, SIZE_MAX, align, ALI_CALL_DELETE);
}

void _ZdlPvSt11align_val_t(void *p, size_t align) OPERATOR_OF(own_delete_aligned);

static void own_delete_array_aligned(void *p, size_t align)
{
    if (REPLACED(_ZdlPvSt11align_val_t, own_delete_aligned))
        _ZdlPvSt11align_val_t(p, align);
    else
        DELETE_CLAIMED(p, SIZE_MAX, align, ALI_CALL_DELETE_ARRAY);
}

void _ZdaPvSt11align_val_t(void *p, size_t align) OPERATOR_OF(own_delete_array_aligned);

#define DELETE_ARRAY_ALIGNED_REPLACED()                                                            \
    (REPLACED(_ZdaPvSt11align_val_t, own_delete_array_aligned) ||                                  \
     REPLACED(_ZdlPvSt11align_val_t, own_delete_aligned))

OPERATOR void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *p, size_t align, const struct nothrow *tag)
{
    (void)tag;
    if (REPLACED(_ZdlPvSt11align_val_t, own_delete_aligned))
        _ZdlPvSt11align_val_t(p, align);
    else
        DELETE_CLAIMED(p, SIZE_MAX, align, ALI_CALL_DELETE);
}

OPERATOR void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *p, size_t align, const struct nothrow *tag)
{
    (void)tag;
    if (DELETE_ARRAY_ALIGNED_REPLACED())
        _ZdaPvSt11align_val_t(p, align);
    else
        DELETE_CLAIMED(p, SIZE_MAX, align, ALI_CALL_DELETE_ARRAY);
}

OPERATOR void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t align)
{
    if (REPLACED(_ZdlPvSt11align_val_t, own_delete_aligned))
        _ZdlPvSt11align_val_t(p, align);
    else
        DELETE_CLAIMED(p, size, align, ALI_CALL_DELETE);
}

OPERATOR void _ZdaPvmSt11align_val_t(void *p, size_t size, size_t align)
{
    if (DELETE_ARRAY_ALIGNED_REPLACED())
        _ZdaPvSt11align_val_t(p, align);
    else
        DELETE_CLAIMED(p, size, align, ALI_CALL_DELETE_ARRAY);
}

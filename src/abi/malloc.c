/* malloc and its family, with the semantics of glibc 2.36 in every corner.
 *
 * The public functions hold the hit only; what misses goes to a function of its own with the
 * user's return address. NULL for a failed allocation comes with errno ENOMEM; free leaves errno
 * alone, as everything below this layer does. */
#include "abi/abi.h"

#include "abi/names.h"

ALI_ABI_BRINGS(ali_abi_start);
ALI_ABI_BRINGS(ali_abi_glibc_anchor);

void ali_abi_malloc_anchor(void)
{
}

static void *or_enomem(void *p)
{
    if (ali_unlikely(p == NULL))
        errno = ENOMEM;
    return p;
}

/* --- malloc, free -------------------------------------------------------------------------- */

static ALI_NOINLINE void *malloc_miss(size_t size, const void *caller)
{
    return or_enomem(ali_heap_alloc_miss(size, ALI_CALL_MALLOC, caller));
}

ALI_EXPORT void *malloc(size_t size)
{
    void *p;

    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return malloc_miss(size, ALI_CALLER());
}

void *ali_abi_malloc(size_t size) __attribute__((alias("malloc"), visibility("hidden")));

ALI_EXPORT void free(void *p)
{
    if (ali_likely(ali_heap_free_hit(p)))
        return;
    ali_heap_free_miss(p, ALI_CALL_FREE, ALI_CALLER());
}

ALI_EXPORT void cfree(void *p)
{
    if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_CFREE, ALI_CALLER());
}

ALI_EXPORT void free_sized(void *p, size_t size)
{
    if (!ali_heap_free_sized_hit(p, size) && p != NULL)
        ali_heap_free_claimed(p, size, 0, ALI_CALL_FREE_SIZED, ALI_CALLER());
}

ALI_EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
    if (p != NULL)
        ali_heap_free_claimed(p, size, align, ALI_CALL_FREE_ALIGNED_SIZED, ALI_CALLER());
}

ALI_EXPORT size_t malloc_usable_size(void *p)
{
    return p == NULL ? 0 : ali_heap_usable(p, ALI_CALL_USABLE_SIZE, ALI_CALLER());
}

/* --- calloc, realloc ----------------------------------------------------------------------- */

static ALI_COLD void *refuse_overflow(size_t count, size_t size, enum ali_call call,
                                      const void *caller)
{
    ali_heap_refuse_overflow(count, size, call, caller);
    errno = ENOMEM;
    return NULL;
}

static ALI_NOINLINE void *calloc_rest(size_t bytes, const void *caller)
{
    void *p;

    if (bytes >= ALI_DEEPBIND_BYTES) {
        ali_deepbind_watch(caller);
        if (ali_heap_zalloc_hit(bytes, &p))
            return p;
    }
    return or_enomem(ali_heap_zalloc(bytes, ALI_CALL_CALLOC, caller));
}

ALI_EXPORT void *calloc(size_t count, size_t size)
{
    size_t bytes;
    void *p;

    if (ali_unlikely(ali_mul_overflows(count, size, &bytes)))
        return refuse_overflow(count, size, ALI_CALL_CALLOC, ALI_CALLER());
    if (ali_likely(bytes < ALI_DEEPBIND_BYTES && ali_heap_zalloc_hit(bytes, &p)))
        return p;
    return calloc_rest(bytes, ALI_CALLER());
}

static inline void *allocate(size_t size, enum ali_call call, const void *caller)
{
    void *p;

    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return or_enomem(ali_heap_alloc_miss(size, call, caller));
}

static inline void *reallocate(void *p, size_t size, enum ali_call call, const void *caller)
{
    if (ali_unlikely(p == NULL))
        return allocate(size, call, caller);
    if (ali_unlikely(size == 0)) {
        ali_heap_free_miss(p, call, caller);
        return NULL;
    }
    return or_enomem(ali_heap_realloc(p, size, call, caller));
}

ALI_EXPORT void *realloc(void *p, size_t size)
{
    return reallocate(p, size, ALI_CALL_REALLOC, ALI_CALLER());
}

ALI_EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (ali_unlikely(ali_mul_overflows(count, size, &bytes)))
        return refuse_overflow(count, size, ALI_CALL_REALLOCARRAY, ALI_CALLER());
    return reallocate(p, bytes, ALI_CALL_REALLOCARRAY, ALI_CALLER());
}

/* --- aligned ------------------------------------------------------------------------------- */

/* As glibc: any alignment is rounded up to a power of two, one that cannot be is EINVAL. */
static void *allocate_aligned(size_t align, size_t size, enum ali_call call, const void *caller)
{
    void *p;

    if (ali_unlikely(!ali_is_pow2(align))) {
        if (align > SIZE_MAX / 2 + 1) {
            ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_BAD_ALIGNMENT, 0);
            errno = EINVAL;
            return NULL;
        }
        align = align == 0 ? 1 : (size_t)1 << (ali_high_bit(align) + 1);
    }
    if (ali_likely(ali_heap_aligned_hit(size, align, &p)))
        return p;
    return or_enomem(ali_heap_aligned(size, align, call, caller));
}

ALI_EXPORT void *memalign(size_t align, size_t size)
{
    return allocate_aligned(align, size, ALI_CALL_MEMALIGN, ALI_CALLER());
}

ALI_EXPORT void *aligned_alloc(size_t align, size_t size)
{
    return allocate_aligned(align, size, ALI_CALL_ALIGNED_ALLOC, ALI_CALLER());
}

/* Also for a first call before anything has asked the OS. */
static size_t page_bytes(void)
{
    if (ali_unlikely(ali_os_page_bytes == 0))
        ali_os_init();
    return ali_os_page_bytes;
}

ALI_EXPORT void *valloc(size_t size)
{
    return or_enomem(ali_heap_aligned(size, page_bytes(), ALI_CALL_VALLOC, ALI_CALLER()));
}

ALI_EXPORT void *pvalloc(size_t size)
{
    size_t page = page_bytes();
    size_t padded;

    if (ali_add_overflows(size, page - 1, &padded))
        return refuse_overflow(1, size, ALI_CALL_PVALLOC, ALI_CALLER());
    return or_enomem(
        ali_heap_aligned(ali_align_down(padded, page), page, ALI_CALL_PVALLOC, ALI_CALLER()));
}

ALI_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    void *p;

    if (!ali_is_pow2(align) || align % sizeof(void *) != 0)
        return EINVAL;
    if (ali_unlikely(!ali_heap_aligned_hit(size, align, &p))) {
        p = ali_heap_aligned(size, align, ALI_CALL_POSIX_MEMALIGN, ALI_CALLER());
        if (p == NULL) {
            errno = ENOMEM; /* POSIX leaves it open; glibc sets it, and programs look */
            return ENOMEM;
        }
    }
    *out = p;
    return 0;
}

/* --- glibc's other names ------------------------------------------------------------------- */

ALI_ALIAS_OF(malloc) void *__libc_malloc(size_t size);
ALI_ALIAS_OF(free) void __libc_free(void *p);
ALI_ALIAS_OF(calloc) void *__libc_calloc(size_t count, size_t size);
ALI_ALIAS_OF(realloc) void *__libc_realloc(void *p, size_t size);
ALI_ALIAS_OF(memalign) void *__libc_memalign(size_t align, size_t size);
ALI_ALIAS_OF(valloc) void *__libc_valloc(size_t size);
ALI_ALIAS_OF(pvalloc) void *__libc_pvalloc(size_t size);
ALI_ALIAS_OF(posix_memalign) int __posix_memalign(void **out, size_t align, size_t size);
ALI_ALIAS_OF(cfree) void __libc_cfree(void *p);

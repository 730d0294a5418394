/* allot_malloc and its family: the default heap, without sizes at free. As fast as malloc of the
 * drop-in, and as strict; what differs is that no call can lose a block. */
#include "alloc/alloc.h"
#include "heap/heap.h"

#include <errno.h>

#define CALLER() __builtin_return_address(0)

static void *or_enomem(void *p)
{
    if (ali_unlikely(p == NULL))
        errno = ENOMEM;
    return p;
}

static ALI_NOINLINE void *alloc_miss(size_t size, enum ali_call call, const void *caller)
{
    return or_enomem(ali_heap_alloc_miss(size, call, caller));
}

ALI_INLINE void *alloc(size_t size, enum ali_call call, const void *caller)
{
    void *p;

    if (ali_likely(ali_heap_alloc_hit(size, &p)))
        return p;
    return alloc_miss(size, call, caller);
}

static ALI_COLD allot_status refuse(size_t count, size_t size, enum ali_call call,
                                    const void *caller)
{
    ali_heap_refuse_overflow(count, size, call, caller);
    errno = ENOMEM;
    return -ENOMEM;
}

void *allot_malloc(size_t size)
{
    return alloc(size, ALI_CALL_ALLOT_MALLOC, CALLER());
}

void *allot_calloc(size_t count, size_t size)
{
    size_t bytes;
    void *p;

    if (ali_unlikely(ali_mul_overflows(count, size, &bytes))) {
        (void)refuse(count, size, ALI_CALL_ALLOT_CALLOC, CALLER());
        return NULL;
    }
    if (ali_likely(ali_heap_zalloc_hit(bytes, &p)))
        return p;
    return or_enomem(ali_heap_zalloc(bytes, ALI_CALL_ALLOT_CALLOC, CALLER()));
}

void *allot_malloc_aligned(size_t size, size_t align)
{
    void *p;

    if (ali_unlikely(!ali_is_pow2(align) || align > ALLOT_ALIGN_MAX))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_BAD_ALIGNMENT, 0);
    if (ali_likely(ali_heap_aligned_hit(size, align, &p)))
        return p;
    return or_enomem(
        ali_heap_aligned(size, ali_max(align, 16), ALI_CALL_ALLOT_MALLOC_ALIGNED, CALLER()));
}

void allot_free(void *p)
{
    if (ali_likely(ali_heap_free_hit(p)))
        return;
    ali_heap_free_miss(p, ALI_CALL_ALLOT_FREE, CALLER());
}

static allot_status change(void **p, size_t size, enum ali_call call, const void *caller)
{
    allot_status status = 0;
    void *fresh;

    if (*p == NULL) {
        fresh = alloc(size, call, caller);
        if (fresh == NULL)
            return -ENOMEM;
        *p = fresh;
        return 0;
    }
    status = ali_heap_renew(p, size, call, caller);
    if (status != 0)
        errno = -status;
    return status;
}

allot_status allot_realloc(void **p, size_t size)
{
    return change(p, size, ALI_CALL_ALLOT_REALLOC, CALLER());
}

allot_status allot_reallocarray(void **p, size_t count, size_t size)
{
    size_t bytes;

    if (ali_mul_overflows(count, size, &bytes))
        return refuse(count, size, ALI_CALL_ALLOT_REALLOCARRAY, CALLER());
    return change(p, bytes, ALI_CALL_ALLOT_REALLOCARRAY, CALLER());
}

size_t allot_usable(const void *p)
{
    return p == NULL ? 0 : ali_heap_usable(p, ALI_CALL_ALLOT_USABLE, CALLER());
}

/* --- copies ------------------------------------------------------------------------------- */

static char *copy_text(const char *s, size_t length, enum ali_call call, const void *caller)
{
    char *copy = alloc(length + 1, call, caller);

    if (copy != NULL) {
        memcpy(copy, s, length);
        copy[length] = '\0';
    }
    return copy;
}

char *allot_strdup(const char *s)
{
    return s == NULL ? NULL : copy_text(s, strlen(s), ALI_CALL_ALLOT_STRDUP, CALLER());
}

char *allot_strndup(const char *s, size_t length)
{
    return s == NULL ? NULL : copy_text(s, strnlen(s, length), ALI_CALL_ALLOT_STRNDUP, CALLER());
}

void *allot_memdup(const void *p, size_t size)
{
    void *copy;

    if (p == NULL)
        return NULL;
    copy = alloc(size, ALI_CALL_ALLOT_MEMDUP, CALLER());
    if (copy != NULL)
        memcpy(copy, p, size);
    return copy;
}

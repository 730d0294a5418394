/* Objects opened with RTLD_DEEPBIND look malloc up in the C library first. Before the first object
 * is opened, the C library's names are made to mean ours, so that every block has one allocator.
 *
 * Opening an object begins with a calloc by the loader for its description of it, of more than a
 * KiB: that is where this is done, so that programs that open nothing pay nothing. */
#include "abi/abi.h"

#include "abi/names.h"

static uintptr_t loader_start;
static _Atomic(size_t) loader_bytes; /* 0: nothing to do any more */

void ali_deepbind_start(void)
{
    size_t bytes;

    ali_os_loader_range(&loader_start, &bytes);
    /* release: pairs with the load in ali_deepbind_watch, which may read loader_start then */
    atomic_store_explicit(&loader_bytes, bytes, memory_order_release);
}

static ALI_COLD void redirect(void)
{
    static const struct {
        const char *name;
        void (*function)(void);
    } names[] = {
#define NAME(name) {#name, (void (*)(void))(name)}
        NAME(malloc),          NAME(free),        NAME(calloc),        NAME(realloc),
        NAME(reallocarray),    NAME(memalign),    NAME(aligned_alloc), NAME(posix_memalign),
        NAME(valloc),          NAME(pvalloc),     NAME(cfree),         NAME(malloc_usable_size),
        NAME(__libc_malloc),   NAME(__libc_free), NAME(__libc_calloc), NAME(__libc_realloc),
        NAME(__libc_memalign),
#undef NAME
    };
    struct ali_os_redirect table[ALI_ARRAY_COUNT(names)];

    for (size_t i = 0; i < ALI_ARRAY_COUNT(names); i++)
        table[i] = (struct ali_os_redirect){names[i].name, names[i].function};
    (void)ali_os_redirect_libc(table, ALI_ARRAY_COUNT(table));
}

void ali_deepbind_watch(const void *caller)
{
    size_t bytes = atomic_load_explicit(&loader_bytes, memory_order_acquire);

    if (ali_likely((uintptr_t)caller - loader_start >= bytes))
        return;
    atomic_store_explicit(&loader_bytes, 0, memory_order_relaxed);
    redirect();
}

/* Checkers that watch memory from outside: AddressSanitizer, found by the functions that its
 * runtime brings along, and Valgrind, found by its client requests. Which of them is there is a
 * matter of the process, not of how this library was built. */
#include "plat/plat.h"

/* An installed valgrind is no requirement. */
#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAVE_VALGRIND 1
#endif
#endif

extern void __asan_poison_memory_region(const volatile void *at, size_t bytes)
    __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *at, size_t bytes)
    __attribute__((weak));

static bool have_asan(void)
{
    return __asan_poison_memory_region != NULL && __asan_unpoison_memory_region != NULL;
}

#ifdef HAVE_VALGRIND

static bool have_valgrind(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

static void valgrind_forbid(const void *at, size_t bytes)
{
    (void)VALGRIND_MAKE_MEM_NOACCESS(at, bytes);
}

static void valgrind_allow(const void *at, size_t bytes, bool defined)
{
    if (defined)
        (void)VALGRIND_MAKE_MEM_DEFINED(at, bytes);
    else
        (void)VALGRIND_MAKE_MEM_UNDEFINED(at, bytes);
}

#else

static bool have_valgrind(void)
{
    return false;
}

static void valgrind_forbid(const void *at, size_t bytes)
{
    (void)at;
    (void)bytes;
}

static void valgrind_allow(const void *at, size_t bytes, bool defined)
{
    (void)at;
    (void)bytes;
    (void)defined;
}

#endif

bool ali_os_has_checker(void)
{
    return have_asan() || have_valgrind();
}

void ali_os_forbid(const void *at, size_t bytes)
{
    if (bytes == 0)
        return;
    if (have_asan())
        __asan_poison_memory_region(at, bytes);
    valgrind_forbid(at, bytes);
}

void ali_os_allow(const void *at, size_t bytes, bool defined)
{
    if (bytes == 0)
        return;
    if (have_asan())
        __asan_unpoison_memory_region(at, bytes);
    valgrind_allow(at, bytes, defined);
}

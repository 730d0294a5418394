/* Waiting, thread ends and forks.
 *
 * pthread_setspecific allocates in glibc for a key of 32 or above, and a key is never that high in
 * a program that reaches us before it made 32 of its own. When it is, the allocation is served by
 * the heap like any other, so the caller arms only when its thread block is in place. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <unistd.h>

#include "plat/linux/syscall.h"
#include "plat/plat.h"

/* glibc has the first in libc.so and the second only in a static part; musl has only the second. */
extern int __register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void),
                             void *dso) __attribute__((weak));
/* Objects made for musl may be linked statically, where a weak reference would not bring it in. */
#ifdef __GLIBC__
#pragma weak pthread_atfork
#endif
/* Of crtbegin: what tells glibc which object the handlers go away with. */
extern void *__dso_handle __attribute__((weak, visibility("hidden")));

static pthread_key_t exit_key;
static atomic_bool exit_key_ready;

void ali_os_wait(_Atomic(uint32_t) *word, uint32_t expected)
{
    ali_sys4(SYS_futex, ALI_ARG(word), FUTEX_WAIT_PRIVATE, (long)expected, 0);
}

void ali_os_wake_one(_Atomic(uint32_t) *word)
{
    ali_sys3(SYS_futex, ALI_ARG(word), FUTEX_WAKE_PRIVATE, 1);
}

void ali_os_spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield" ::: "memory");
#endif
}

int ali_os_thread_exit_hook(void (*at_exit)(void *value))
{
    int e = pthread_key_create(&exit_key, at_exit);

    if (e != 0)
        return -e;
    /* release: pairs with the acquire in ali_os_thread_exit_arm */
    atomic_store_explicit(&exit_key_ready, true, memory_order_release);
    return 0;
}

void ali_os_thread_exit_arm(void *value)
{
    if (atomic_load_explicit(&exit_key_ready, memory_order_acquire))
        (void)pthread_setspecific(exit_key, value);
}

int ali_os_exit_key_make(uint32_t *key, void (*at_exit)(void *value))
{
    pthread_key_t made;
    int e = pthread_key_create(&made, at_exit);

    if (e == 0)
        *key = (uint32_t)made;
    return -e;
}

void ali_os_exit_key_arm(uint32_t key, void *value)
{
    (void)pthread_setspecific((pthread_key_t)key, value);
}

int ali_os_fork_hook(void (*before)(void), void (*parent)(void), void (*child)(void))
{
    if (__register_atfork != NULL)
        return -__register_atfork(before, parent, child, &__dso_handle);
#ifdef __GLIBC__
    if (pthread_atfork == NULL)
        return -ENOSYS;
#endif
    return -pthread_atfork(before, parent, child);
}

uint32_t ali_os_thread_id(void)
{
    return (uint32_t)ali_sys1(SYS_gettid, 0);
}

uint32_t ali_os_process_id(void)
{
    return (uint32_t)ali_sys1(SYS_getpid, 0);
}

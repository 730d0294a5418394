/* Raw system calls: the result or -errno, and errno is never touched.
 *
 * libc's wrappers may be cancellation points, may be intercepted, and set errno, which free() must
 * keep. Nothing of the C library has to be initialised for these. */
#ifndef ALI_PLAT_SYSCALL_H
#define ALI_PLAT_SYSCALL_H

#include <sys/syscall.h>

#include "base/base.h"

#if defined(__x86_64__)

ALI_INLINE long ali_sys6(long n, long a, long b, long c, long d, long e, long f)
{
    long r;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}

#elif defined(__aarch64__)

ALI_INLINE long ali_sys6(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}

#else
#error "Allot knows the system calls of x86-64 and aarch64 Linux only"
#endif

/* A pointer or a size as an argument of a system call. */
#define ALI_ARG(x) ((long)(x))

ALI_INLINE long ali_sys1(long n, long a)
{
    return ali_sys6(n, a, 0, 0, 0, 0, 0);
}

ALI_INLINE long ali_sys2(long n, long a, long b)
{
    return ali_sys6(n, a, b, 0, 0, 0, 0);
}

ALI_INLINE long ali_sys3(long n, long a, long b, long c)
{
    return ali_sys6(n, a, b, c, 0, 0, 0);
}

ALI_INLINE long ali_sys4(long n, long a, long b, long c, long d)
{
    return ali_sys6(n, a, b, c, d, 0, 0);
}

#endif

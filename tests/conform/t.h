/* The checks that every conformance program shares.
 *
 * Nothing here allocates: messages are formatted on the stack and written with
 * write(2), so that a program can check an allocator which is out of memory,
 * half initialised or in a forked child.
 */
#ifndef ALLOT_TESTS_CONFORM_T_H
#define ALLOT_TESTS_CONFORM_T_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define T_SKIP 77

static int t_failures;

__attribute__((format(printf, 1, 2), unused)) static void t_say(const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof line - 1, fmt, args);
    va_end(args);
    if (len < 0)
        len = 0;
    if ((size_t)len > sizeof line - 2)
        len = sizeof line - 2;
    line[len++] = '\n';
    ssize_t ignored = write(2, line, (size_t)len);
    (void)ignored;
}

/* A failing loop says the first few failures only; the count is exact. */
#define CHECK(cond, ...)                                                                           \
    do {                                                                                           \
        if (!(cond) && __atomic_fetch_add(&t_failures, 1, __ATOMIC_RELAXED) < 20) {                \
            int t_errno_ = errno;                                                                  \
            t_say("%s:%d: %s", __FILE__, __LINE__, #cond);                                         \
            t_say("    " __VA_ARGS__);                                                             \
            errno = t_errno_;                                                                      \
        }                                                                                          \
    } while (0)

#define REQUIRE(cond, ...)                                                                         \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            t_say("%s:%d: %s", __FILE__, __LINE__, #cond);                                         \
            t_say("    " __VA_ARGS__);                                                             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#define SKIP(...)                                                                                  \
    do {                                                                                           \
        t_say("skip: " __VA_ARGS__);                                                               \
        _exit(T_SKIP);                                                                             \
    } while (0)

__attribute__((unused)) static int t_done(void)
{
    if (t_failures)
        t_say("%d checks failed", t_failures);
    return t_failures ? 1 : 0;
}

/* Hides a value from the optimiser, which knows too much about malloc. */
#define OPAQUE(value)                                                                              \
    ({                                                                                             \
        __typeof__(value) t_opaque_ = (value);                                                     \
        __asm__ volatile("" : "+r"(t_opaque_)::"memory");                                          \
        t_opaque_;                                                                                 \
    })

__attribute__((unused)) static void t_fill(void *block, size_t size, unsigned seed)
{
    unsigned char *bytes = (unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(seed * 31u + i * 7u + (i >> 8));
}

__attribute__((unused)) static bool t_holds(const void *block, size_t size, unsigned seed)
{
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(seed * 31u + i * 7u + (i >> 8)))
            return false;
    return true;
}

__attribute__((unused)) static bool t_zero(const void *block, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* xorshift64: seeds are fixed, so that a failure repeats. */
__attribute__((unused)) static uint64_t t_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

__attribute__((unused)) static long t_env(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

/* Whether the protection is on in the drop-in under test; NULL: any. */
__attribute__((unused)) static bool t_hardens(const char *which)
{
    const char *options = getenv("ALLOT");
    const char *list = options ? strstr(options, "harden=") : NULL;
    if (!list || !strncmp(list, "harden=none", 11))
        return false;
    char only[128] = {0};
    strncpy(only, list + 7, sizeof only - 1);
    only[strcspn(only, ",")] = 0;
    return !which || strstr(only, which) || !strcmp(only, "all");
}

__attribute__((unused)) static long t_statm_pages(int field)
{
    char text[256];
    int fd = open("/proc/self/statm", 0);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return -1;
    text[len] = 0;
    const char *at = text;
    for (int i = 0; i < field; i++) {
        at = strchr(at, ' ');
        if (!at)
            return -1;
        at++;
    }
    return strtol(at, NULL, 10);
}

__attribute__((unused)) static long t_rss_kib(void)
{
    return t_statm_pages(1) * (sysconf(_SC_PAGESIZE) / 1024);
}

__attribute__((unused)) static void t_sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, (ms % 1000) * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

#endif

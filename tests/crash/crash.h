/* What every misuse program shares.
 *
 * A program defines misuse(bad): with bad it makes its one mistake, without it
 * is the correct twin. It says which pointer the mistake is about, so that the
 * report can be held against it, and the heap must work afterwards.
 */
#ifndef ALLOT_TESTS_CRASH_H
#define ALLOT_TESTS_CRASH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void misuse(bool bad);

/* The compiler must not see that a pointer is bad. */
#define HIDE(value)                                                                                \
    __extension__({                                                                                \
        __typeof__(value) hidden_ = (value);                                                       \
        __asm__ volatile("" : "+r"(hidden_)::"memory");                                            \
        hidden_;                                                                                   \
    })

static inline void about(const void *pointer)
{
    char line[64];
    int len = snprintf(line, sizeof line, "pointer 0x%jx\n", (uintmax_t)(uintptr_t)pointer);
    ssize_t ignored = write(1, line, (size_t)len);
    (void)ignored;
}

static inline void require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "failed: %s\n", what);
    _exit(3);
}

static void works_afterwards(void)
{
    char *block[300];
    for (int i = 0; i < 300; i++) {
        size_t size = (size_t)(i % 100) * (size_t)(i % 90) + 1;
        block[i] = (char *)malloc(size);
        require(block[i], "malloc afterwards");
        memset(block[i], i, size);
    }
    for (int i = 0; i < 300; i++) {
        require(block[i][0] == (char)i, "a block afterwards");
        free(block[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    misuse(!strcmp(argv[1], "bad"));
    works_afterwards();
    puts("done");
    return 0;
}

#endif

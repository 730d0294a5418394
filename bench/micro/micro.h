/* The micro benchmark: what its rows share.
 *
 * One process measures one row and prints one line of key=value pairs. The program reaches the
 * allocator through the libc names alone, so whatever LD_PRELOAD puts in front of libc is what is
 * measured; its own bookkeeping is static, so that nothing but the row allocates.
 */
#ifndef MICRO_H
#define MICRO_H

#include <stddef.h>
#include <stdint.h>

enum { PASSES_MAX = 64, SIZES = 1024 };

/* Work is sized for a run of about a tenth of a second; `--quick` divides it. */
struct context {
    const struct row *row;
    unsigned divisor;
    unsigned passes;
};

struct row {
    const char *name;
    void (*run)(struct context *context);
    size_t argument;
    const char *unit;
};

extern const struct row hot_rows[], thread_rows[], large_rows[], lifecycle_rows[];

/* meter.c: a pass is what lies between start and stop. The row's result is the median pass. */
void meter_open(void);
void meter_start(void);
void meter_stop(double ops);
void meter_value(double value);
void meter_note(const char *key, double value);
void meter_print(const struct row *row);

/* process.c */
size_t process_rss_kib(void);
size_t process_peak_kib(void);
void process_pin(unsigned cpu);
void process_sleep_ms(unsigned ms);
_Noreturn void process_fail(const char *what);

static inline uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Keeps the compiler from knowing anything about the pointer or what it points to. */
static inline void *escape(void *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

static inline void *touched(void *pointer)
{
    if (__builtin_expect(!pointer, 0))
        process_fail("out of memory");
    *(volatile char *)pointer = 1;
    return escape(pointer);
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline size_t scaled(const struct context *context, size_t work)
{
    return work / context->divisor ? work / context->divisor : 1;
}

#endif

/* Time, cycles and instructions of a pass.
 *
 * Cycles come from the CPU's counter when the kernel lends it (`pmu`, or `pmu-user` when kernel
 * time may not be counted), else from the time stamp counter (`tsc`), which ticks at a constant
 * rate. Instructions have no substitute: without a counter they are printed as `-`.
 */
#define _GNU_SOURCE
#include "micro.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct reading {
    double ns, cycles, instructions;
};

static struct reading passes[PASSES_MAX];
static unsigned pass_count;
static struct reading started;
static int cycles_fd = -1, instructions_fd = -1;
static const char *cycles_source = "tsc";
static char notes[512];
static size_t notes_length;

static int counter_open(uint64_t config, int exclude_kernel)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attr,
        .config = config,
        .inherit = 1,
        .exclude_kernel = exclude_kernel != 0,
        .exclude_hv = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void meter_open(void)
{
    for (int user_only = 0; user_only < 2 && cycles_fd < 0; user_only++) {
        cycles_fd = counter_open(PERF_COUNT_HW_CPU_CYCLES, user_only);
        instructions_fd = counter_open(PERF_COUNT_HW_INSTRUCTIONS, user_only);
        if (cycles_fd >= 0)
            cycles_source = user_only ? "pmu-user" : "pmu";
    }
#if !defined(__x86_64__) && !defined(__aarch64__)
    if (cycles_fd < 0)
        cycles_source = "none";
#endif
}

static double ticks_now(void)
{
#if defined(__x86_64__)
    return (double)__builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return (double)ticks;
#else
    return 0;
#endif
}

static double counter_read(int fd)
{
    uint64_t value;
    return fd >= 0 && read(fd, &value, sizeof value) == sizeof value ? (double)value : -1;
}

static struct reading reading_now(void)
{
    struct timespec now;
    struct reading reading;
    reading.instructions = counter_read(instructions_fd);
    reading.cycles = cycles_fd >= 0 ? counter_read(cycles_fd) : ticks_now();
    clock_gettime(CLOCK_MONOTONIC, &now);
    reading.ns = (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
    return reading;
}

void meter_start(void)
{
    started = reading_now();
}

void meter_stop(double ops)
{
    struct reading end = reading_now();
    if (pass_count == PASSES_MAX)
        process_fail("too many passes");
    struct reading *pass = &passes[pass_count++];
    pass->ns = (end.ns - started.ns) / ops;
    pass->cycles = (end.cycles - started.cycles) / ops;
    pass->instructions =
        end.instructions < 0 ? -1 : (end.instructions - started.instructions) / ops;
}

void meter_value(double value)
{
    if (pass_count == PASSES_MAX)
        process_fail("too many passes");
    passes[pass_count++] = (struct reading){.ns = value, .cycles = -1, .instructions = -1};
}

void meter_note(const char *key, double value)
{
    int length =
        snprintf(notes + notes_length, sizeof notes - notes_length, " %s=%.1f", key, value);
    if (length > 0 && (size_t)length < sizeof notes - notes_length)
        notes_length += (size_t)length;
}

static void passes_sort(void)
{
    for (unsigned i = 1; i < pass_count; i++) {
        struct reading pass = passes[i];
        unsigned at = i;
        for (; at && passes[at - 1].ns > pass.ns; at--)
            passes[at] = passes[at - 1];
        passes[at] = pass;
    }
}

static double in_unit(const char *unit, double value)
{
    if (!strcmp(unit, "us"))
        return value / 1e3;
    return strcmp(unit, "ms") ? value : value / 1e6;
}

static void print_optional(const char *key, double value)
{
    if (value < 0)
        printf(" %s=-", key);
    else
        printf(" %s=%.2f", key, value);
}

void meter_print(const struct row *row)
{
    size_t peak_kib = process_peak_kib();
    if (!pass_count)
        process_fail("the row measured nothing");
    passes_sort();
    const struct reading *median = &passes[pass_count / 2];
    printf("row=%s unit=%s value=%.4f best=%.4f worst=%.4f", row->name, row->unit,
           in_unit(row->unit, median->ns), in_unit(row->unit, passes[0].ns),
           in_unit(row->unit, passes[pass_count - 1].ns));
    print_optional("cycles", median->cycles);
    print_optional("instructions", median->instructions);
    printf(" cycles_source=%s passes=%u peak_kib=%zu%s\n", cycles_source, pass_count, peak_kib,
           notes);
}

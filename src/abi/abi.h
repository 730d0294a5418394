/* Layer 7: the names of libc's allocator and of the C++ operators. Translation only: what the
 * standard and glibc 2.36 say about arguments and results is here, all else is the heap's. The only
 * layer that sets errno. */
#ifndef ALI_ABI_H
#define ALI_ABI_H

#include <errno.h>

#include "allot/stats.h"
#include "check/check.h"
#include "heap/heap.h"
#include "profile/profile.h"

#define ALI_EXPORT __attribute__((visibility("default")))
#define ALI_ALIAS_OF(name) __attribute__((visibility("default"), alias(#name)))

/* The return address of the public call. An argument of the slow path rather than taken there: so
 * it is right in builds that make no tail calls, too. */
#define ALI_CALLER() __builtin_return_address(0)

/* A static link takes objects one by one, and only for names that are missing at that moment. The
 * C library must not supply the rest of malloc.h, so the objects that implement it name each
 * other: one brings all. */
#define ALI_ABI_BRINGS(function)                                                                   \
    static void (*const brings_##function)(void) __attribute__((used)) = (function)

void ali_abi_start(void);
void ali_abi_glibc_anchor(void);
void ali_abi_malloc_anchor(void);

/* Text on its way to a file: a line is passed on as a whole, several of them together. */
typedef void (*ali_sink_fn)(const char *text, size_t bytes, void *arg);

struct ali_out {
    struct ali_text text;
    ali_sink_fn sink;
    void *arg;
};

/* Ends a line. */
void ali_out_line(struct ali_out *out);

/* A snapshot and room for the text about it, outside the heap. */
#define ALI_SNAPSHOT_TEXT_BYTES (16 * ALI_KIB)

struct ali_snapshot {
    struct allot_stats stats;
    struct ali_out out;
    char text[ALI_SNAPSHOT_TEXT_BYTES];
};

/* Takes stock. NULL when memory is short. To be given back, which passes the text on. */
struct ali_snapshot *ali_snapshot_take(ali_sink_fn sink, void *arg);
void ali_snapshot_give(struct ali_snapshot *snapshot);

/* Where memory stands, for people and as JSON. `when` is a phrase such as "at exit". */
void ali_stats_text(struct ali_snapshot *snapshot, const char *when);
void ali_stats_json(struct ali_snapshot *snapshot, const char *when);

/* For sinks: arg points to an int. */
void ali_sink_fd(const char *text, size_t bytes, void *arg);

/* The loader asks for at least this much when it begins to open an object. */
#define ALI_DEEPBIND_BYTES 1024

/* Watches, from now on, for the loader opening an object. */
void ali_deepbind_start(void);
/* Called for what calloc's callers want when it is ALI_DEEPBIND_BYTES or more. */
void ali_deepbind_watch(const void *caller);

/* Calls a function and catches what it throws, whatever that is. Unable, without having called it,
 * when the C++ runtime is not among the objects that the program was linked with. */
enum ali_caught { ALI_CAUGHT_UNABLE, ALI_CAUGHT_NOTHING, ALI_CAUGHT };

enum ali_caught ali_call_catching(void (*function)(void *), void *arg);

/* Our malloc, whoever has the public name. */
void *ali_abi_malloc(size_t size);

/* Remembers stderr if statistics will be said there at exit: programs close it before. */
void ali_exit_stats_start(void);

/* A program may bring a malloc of its own, which may be another copy of this one: then that has
 * something to tell, and writes to the same places. May call malloc. */
bool ali_abi_serves_program(void);

#endif

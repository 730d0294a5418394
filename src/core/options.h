/* Options: one table (options.def), one parser, one struct that is constant after start.
 *
 * Precedence: defaults, the weak symbol `allot_options`, $ALLOT. Ignored in AT_SECURE programs
 * (the weak symbol is the program's own and still counts). No file is read here. */
#ifndef ALI_CORE_OPTIONS_H
#define ALI_CORE_OPTIONS_H

#include "base/base.h"

enum ali_opt_misuse { ALI_MISUSE_ABORT, ALI_MISUSE_REPORT };
enum ali_opt_huge { ALI_HUGE_NEVER, ALI_HUGE_AUTO, ALI_HUGE_ALWAYS };
enum ali_opt_fail { ALI_FAIL_ONCE, ALI_FAIL_ON };
enum ali_opt_regions { ALI_REGIONS_CHUNKED, ALI_REGIONS_INDIVIDUAL };
enum ali_opt_stats { ALI_STATS_OFF, ALI_STATS_TEXT, ALI_STATS_JSON };

/* Bits of ali_options.harden. */
enum ali_harden {
    ALI_HARDEN_CANARY = 1 << 0,     /* bytes after the requested size, checked at free */
    ALI_HARDEN_ZERO = 1 << 1,       /* zero at free */
    ALI_HARDEN_JUNK = 1 << 2,       /* fill at free and at allocation */
    ALI_HARDEN_UAF = 1 << 3,        /* freed bytes checked when reused: write after free */
    ALI_HARDEN_QUARANTINE = 1 << 4, /* freed objects wait before reuse */
    ALI_HARDEN_GUARD = 1 << 5,      /* guard slices between spans */
    ALI_HARDEN_RANDOM = 1 << 6,     /* random placement */
    ALI_HARDEN_SIZE0 = 1 << 7,      /* size 0 gives an inaccessible pointer */
    ALI_HARDEN_FAMILY = 1 << 8,     /* new / new[] / malloc must match delete / delete[] / free */
};

struct ali_options {
    uint64_t limit_bytes;         /* limit=   bytes of spans in use, 0 none: then NULL */
    uint64_t purge_delay_ms;      /* purge=   how long unused memory is kept, ms */
    uint64_t dirty_max_bytes;     /* dirty=   unused memory kept whatever is live */
    uint64_t quarantine_bytes;    /* quarantine= */
    uint64_t fail_at;             /* fail=    number of the allocation to be refused, 0 none */
    uint32_t harden;              /* harden=canary+zero+... | all | none */
    enum ali_opt_misuse misuse;   /* misuse=abort|report */
    enum ali_opt_huge huge;       /* huge=never|auto|always */
    enum ali_opt_regions regions; /* regions=chunked|individual */
    enum ali_opt_stats stats;     /* stats=off|text|json */
    enum ali_opt_fail fail_mode;  /* fail_mode=once|on */
    char stats_path[256];         /* stats_out= file instead of stderr, %p and %e expanded */
    char trace_path[256];         /* trace= file to be written, the same; empty: none */
    char fail_path[256];          /* fail_out= the same */
};

extern struct ali_options ali_options;

/* Reads defaults, the weak symbol and the environment. Called before the first allocation is
 * served, by each layer that serves some; all calls but the first do nothing. A bad option is said
 * on stderr (naming the accepted ones) and ignored. */
void ali_options_init(void);

/* Parses one list "a=1,b=2" into `o`; on the first bad item writes a message naming the nearest
 * valid key or the accepted values into `message` and returns false, `o` keeps the good ones. */
bool ali_options_parse(struct ali_options *o, const char *list, char *message,
                       size_t message_bytes);

#endif

/* Hardening of single blocks: what harden= does when one is handed out and when it is freed.
 *
 * All of it lives on slow paths: when an option needs to see a call, every mask is kept out of the
 * slots (watch.c), so that the hit paths find nothing and hold no test. What needs bytes of a block
 * is set before the first allocation and constant; filling can begin later (ali_heap_perturb).
 *
 *   live    |asked for ............|pattern ...|seal 8 B|    canary, family
 *   freed   |fill ..............................|mark 8 B|    uaf (zero, junk: fill only)
 *
 * seal: how far the end of the block is behind what was asked for, which call allocated it, and a
 *       check over both; all mixed with the block's address and a secret of the process.
 * mark: tells that the block of a slab was filled when it was freed, so that it can be looked at
 *       when it is handed out again, however long after. It is taken away then, and when a slab is
 *       made, as what lies there may have been part of other blocks since. Pages that were given
 *       back meanwhile read zero, so each page's part is either fill or zero as a whole.
 *
 * Blocks of more than FILL_MAX_BYTES are given back to the system instead of filled: that erases
 * them at less cost than touching what the program may never have touched. */
#include "heap/internal.h"

#define SEAL_BYTES 8
#define PATTERN_MIN_BYTES 1 /* so that what lies right behind the end is never 0 */
#define FILL_MAX_BYTES ALI_MIB
#define FREED_BYTE 0xf5
#define FRESH_BYTE 0xc3

#define SEALED (ALI_HARDEN_CANARY | ALI_HARDEN_FAMILY)
#define FILLED (ALI_HARDEN_JUNK | ALI_HARDEN_UAF)
#define EVERY_BLOCK (SEALED | FILLED | ALI_HARDEN_ZERO | ALI_HARDEN_QUARANTINE)
#define EVERY_CALL (EVERY_BLOCK | ALI_HARDEN_RANDOM | ALI_HARDEN_SIZE0)

struct ali_hardening ali_hardening;
static uint64_t secret;
static uint8_t pattern;
static _Atomic(uint8_t) fresh_byte = FRESH_BYTE;
static _Atomic(uint8_t) freed_byte = FREED_BYTE;

static void turn_on(uint32_t on)
{
    atomic_store_explicit(&ali_hardening.on, on, memory_order_relaxed);
    atomic_store_explicit(&ali_hardening.every_block, (on & EVERY_BLOCK) != 0,
                          memory_order_relaxed);
    atomic_store_explicit(&ali_hardening.every_call, (on & EVERY_CALL) != 0, memory_order_relaxed);
}

void ali_harden_init(void)
{
    uint32_t on = ali_options.harden;
    uint64_t random[2];

    ali_os_random(random);
    secret = random[1];
    pattern = (uint8_t)(1 + random[0] % 255);
    ali_hardening.extra_bytes = (on & SEALED) != 0 ? SEAL_BYTES + PATTERN_MIN_BYTES : 0;
    turn_on(on);
}

void ali_heap_perturb(uint8_t byte)
{
    unsigned i;

    ali_heap_start();
    atomic_store_explicit(&fresh_byte, byte != 0 ? (uint8_t)~byte : FRESH_BYTE,
                          memory_order_relaxed);
    atomic_store_explicit(&freed_byte, byte != 0 ? byte : FREED_BYTE, memory_order_relaxed);
    turn_on(byte != 0 ? ali_hardening.on | ALI_HARDEN_JUNK
                      : ali_hardening.on & (ali_options.harden | ~(uint32_t)ALI_HARDEN_JUNK));
    /* other threads see it at their next refill */
    for (i = 0; ali_thread_is_attached() && i < ALI_CLASS_COUNT; i++) {
        ali_poke(ali_self->parked_bits[i], ali_self->parked_bits[i] | ali_self->slots[i].bits);
        ali_poke(ali_self->slots[i].bits, 0);
    }
}

/* --- placement ---------------------------------------------------------------------------- */

static uint64_t random_below(struct ali_block *b, uint64_t end)
{
    return (uint64_t)((unsigned __int128)ali_random_next(&b->random) * end >> 64);
}

uint16_t ali_harden_first(struct ali_block *b, const struct ali_class *class)
{
    if (!ali_hardens(ALI_HARDEN_RANDOM))
        return 0;
    return (uint16_t)(random_below(b, (class->count + class->window - 1U) / class->window) *
                      class->window);
}

uint64_t ali_harden_pick(struct ali_block *b, uint64_t bits)
{
    uint64_t skip;

    if (ali_hardens(ALI_HARDEN_RANDOM))
        for (skip = random_below(b, ali_bit_count(bits)); skip > 0; skip--)
            bits &= bits - 1;
    return ali_low_bit(bits);
}

/* --- bytes -------------------------------------------------------------------------------- */

static uint64_t mix(const void *block, uint64_t salt)
{
    struct ali_random r = {.state = secret ^ (uintptr_t)block};

    r.state ^= ali_random_next(&r) + salt;
    return ali_random_next(&r);
}

static uint64_t word_get(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static void word_set(char *at, uint64_t word)
{
    memcpy(at, &word, sizeof word);
}

/* Index of the first of `bytes` that is not `byte`; bytes when all are. */
static size_t first_other(const char *p, size_t bytes, uint8_t byte)
{
    uint64_t eight = byte * UINT64_C(0x0101010101010101);
    size_t i = 0;

    while (i + 8 <= bytes && word_get(p + i) == eight)
        i += 8;
    while (i < bytes && (uint8_t)p[i] == byte)
        i++;
    return i;
}

/* --- the seal ----------------------------------------------------------------------------- */

#define CALL_BITS 5
#define INFO_BITS 29
#define INFO_MASK ((UINT64_C(1) << INFO_BITS) - 1)
_Static_assert(ALI_CALL_COUNT <= 1 << CALL_BITS, "a call fits the seal");
/* A block is at most a page, or a class, longer than what it is for. */
_Static_assert(2 * ALI_SMALL_MAX < (size_t)1 << (INFO_BITS - CALL_BITS), "slack fits the seal");

static uint64_t seal_of(const void *block, uint64_t info)
{
    return (mix(block, info + 1) & ~INFO_MASK) | ((mix(block, 0) ^ info) & INFO_MASK);
}

static void seal(char *block, size_t block_bytes, size_t size, enum ali_call call)
{
    uint64_t slack = block_bytes - size;

    if (ali_hardens(ALI_HARDEN_CANARY))
        memset(block + size, pattern, slack - SEAL_BYTES);
    word_set(block + block_bytes - SEAL_BYTES, seal_of(block, slack << CALL_BITS | call));
}

/* What the seal tells; false when it is not as it was written. */
static bool unseal(const struct ali_found *f, size_t *size, enum ali_call *call)
{
    uint64_t word = word_get(f->block + f->block_bytes - SEAL_BYTES);
    uint64_t info = (word ^ mix(f->block, 0)) & INFO_MASK;
    size_t slack = (size_t)(info >> CALL_BITS);

    if (seal_of(f->block, info) != word || slack > f->block_bytes)
        return false;
    *size = f->block_bytes - slack;
    *call = (enum ali_call)(info & ((1U << CALL_BITS) - 1));
    return true;
}

size_t ali_harden_size(const struct ali_found *f)
{
    enum ali_call call;
    size_t size;

    if (ali_hardening.extra_bytes == 0)
        return f->block_bytes;
    return unseal(f, &size, &call) ? size : f->block_bytes - ali_hardening.extra_bytes;
}

/* --- families ----------------------------------------------------------------------------- */

enum family { FAMILY_C, FAMILY_NEW, FAMILY_NEW_ARRAY };

static enum family family_of(enum ali_call call)
{
    switch (call) {
    case ALI_CALL_NEW:
    case ALI_CALL_DELETE:
        return FAMILY_NEW;
    case ALI_CALL_NEW_ARRAY:
    case ALI_CALL_DELETE_ARRAY:
        return FAMILY_NEW_ARRAY;
    default:
        return FAMILY_C;
    }
}

/* --- looking ------------------------------------------------------------------------------ */

static void blame_seal(const struct ali_found *f, enum ali_call call, const void *caller)
{
    ali_heap_blame_content(ALLOT_MISUSE_HEAP_OVERFLOW, f,
                           "the last 8 bytes of the block, behind what was asked for, were written",
                           call, caller);
}

static void blame_slack(const struct ali_found *f, size_t size, size_t behind, enum ali_call call,
                        const void *caller)
{
    char detail[96];
    struct ali_text t;

    ali_text_init(&t, detail, sizeof detail);
    ali_text_str(&t, "a byte was written ");
    ali_text_u64(&t, behind);
    ali_text_str(&t, " B behind the end of the ");
    ali_text_u64(&t, size);
    ali_text_str(&t, " B asked for");
    ali_heap_blame_content(ALLOT_MISUSE_HEAP_OVERFLOW, f, detail, call, caller);
}

static void blame_family(const struct ali_found *f, enum ali_call by, enum ali_call call,
                         const void *caller)
{
    char detail[64];
    struct ali_text t;

    ali_text_init(&t, detail, sizeof detail);
    ali_text_str(&t, "allocated by ");
    ali_text_str(&t, ali_call_name(by));
    ali_heap_blame_claim(f->block, 0, 0, detail, call, caller);
}

bool ali_harden_check(const struct ali_found *f, bool frees, enum ali_call call, const void *caller)
{
    enum ali_call by;
    size_t size, slack, damaged;

    if (ali_hardening.extra_bytes == 0 || ali_guard_is_void_block(f))
        return true;
    if (!unseal(f, &size, &by)) {
        blame_seal(f, call, caller);
        return false;
    }
    slack = f->block_bytes - SEAL_BYTES - size;
    damaged = ali_hardens(ALI_HARDEN_CANARY) ? first_other(f->block + size, slack, pattern) : slack;
    if (damaged < slack) {
        blame_slack(f, size, damaged, call, caller);
        return false;
    }
    if (frees && ali_hardens(ALI_HARDEN_FAMILY) && family_of(by) != family_of(call)) {
        blame_family(f, by, call, caller);
        return false;
    }
    return true;
}

/* --- writes after free -------------------------------------------------------------------- */

static uint64_t mark_of(const char *block, size_t block_bytes)
{
    return mix(block, ~block_bytes);
}

static void fill(char *block, size_t block_bytes)
{
    if (!ali_hardens(ALI_HARDEN_UAF)) {
        memset(block, ali_hardens(ALI_HARDEN_JUNK) ? freed_byte : 0, block_bytes);
        return;
    }
    memset(block, FREED_BYTE, block_bytes);
    word_set(block + block_bytes - SEAL_BYTES, mark_of(block, block_bytes));
}

/* Index of the first byte that is not as fill() left it, the mark apart. */
static size_t first_written(const char *block, size_t block_bytes)
{
    size_t end = block_bytes - SEAL_BYTES;
    size_t i = 0;

    while (i < end) {
        size_t page_left = ali_os_page_bytes - ((uintptr_t)(block + i) & (ali_os_page_bytes - 1));
        size_t part = ali_min(page_left, end - i);
        size_t same = first_other(block + i, part, FREED_BYTE);

        if (same < part && first_other(block + i, part, 0) < part)
            return i + same;
        i += part;
    }
    return block_bytes;
}

static void blame_write(const struct ali_found *f, size_t at, enum ali_call call,
                        const void *caller)
{
    char detail[64];
    struct ali_text t;

    ali_text_init(&t, detail, sizeof detail);
    ali_text_str(&t, "the block was written at byte ");
    ali_text_u64(&t, at);
    ali_text_str(&t, " after it was freed");
    ali_heap_blame_content(ALLOT_MISUSE_WRITE_AFTER_FREE, f, detail, call, caller);
}

void ali_harden_check_held(const struct ali_found *f, enum ali_call call, const void *caller)
{
    size_t at;

    if (!ali_hardens(ALI_HARDEN_UAF) || f->block_bytes > FILL_MAX_BYTES)
        return;
    at = first_written(f->block, f->block_bytes);
    if (at == f->block_bytes &&
        word_get(f->block + f->block_bytes - SEAL_BYTES) != mark_of(f->block, f->block_bytes))
        at = f->block_bytes - SEAL_BYTES;
    if (at == f->block_bytes)
        return;
    blame_write(f, at, call, caller);
    fill(f->block, f->block_bytes); /* reported once */
}

static void check_reused(char *block, size_t block_bytes, const struct ali_request *request)
{
    char *mark = block + block_bytes - SEAL_BYTES;
    struct ali_found f;
    size_t at;

    if (word_get(mark) != mark_of(block, block_bytes) || !ali_heap_find(block, &f) ||
        f.slab == NULL)
        return;
    at = first_written(block, block_bytes);
    if (at < block_bytes)
        blame_write(&f, at, request->call, request->caller);
    word_set(mark, 0);
}

void ali_harden_forget(const struct ali_block *b, const struct ali_slab *slab)
{
    char *block = ali_slab_base(slab);
    unsigned i;

    if (!ali_hardens(ALI_HARDEN_UAF) || ali_guard_is_void(b->heap))
        return;
    for (i = 0; i < slab->count; i++, block += slab->block_bytes) {
        char *mark = block + slab->block_bytes - SEAL_BYTES;

        if (word_get(mark) == mark_of(block, slab->block_bytes))
            word_set(mark, 0);
    }
}

/* --- handing out and taking back ---------------------------------------------------------- */

void ali_harden_issue(char *block, size_t block_bytes, bool zero, const struct ali_request *request)
{
    if (ali_hardens(ALI_HARDEN_UAF) && !zero)
        check_reused(block, block_bytes, request);
    if (request->zero && !zero)
        memset(block, 0, request->size);
    else if (!request->zero && ali_hardens(ALI_HARDEN_JUNK) && block_bytes <= FILL_MAX_BYTES)
        memset(block, fresh_byte, block_bytes);
    if (ali_hardening.extra_bytes != 0)
        seal(block, block_bytes, request->size, request->call);
}

void ali_harden_resize(const struct ali_found *f, const struct ali_request *request)
{
    enum ali_call call = request->call;
    size_t was = f->block_bytes;

    if (ali_hardening.extra_bytes == 0 || !unseal(f, &was, &call))
        return;
    if (ali_hardens(ALI_HARDEN_JUNK) && request->size > was)
        memset(f->block + was, fresh_byte, request->size - was);
    seal(f->block, f->block_bytes, request->size, call);
}

void ali_harden_erase(const struct ali_found *f)
{
    if (!ali_hardens(FILLED | ALI_HARDEN_ZERO) || ali_guard_is_void_block(f))
        return;
    if (f->block_bytes > FILL_MAX_BYTES && ali_span_purge_pages(f->span, 0, f->block_bytes))
        return;
    fill(f->block, f->block_bytes);
}

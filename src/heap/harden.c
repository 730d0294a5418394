/* Hardening of single blocks: what harden= does when one is handed out and when it is freed.
 *
 * All of it lives on slow paths: when an option needs to see a call, every mask is kept out of the
 * slots (watch.c), so that the hit paths find nothing and hold no test. What needs bytes of a block
 * is set before the first allocation and constant; filling can begin later (ali_heap_perturb).
 *
 *   live    |asked for ............|pattern ...|seal 8 B|    canary, family
 *   freed   |fill ..............................|mark 8 B|    uaf (junk: fill only)
 *   freed   |0 .........................................|    zero, uaf with zero
 *
 * seal: how far the end of the block is behind what was asked for, which call allocated it, and a
 *       check over both; all mixed with the block's address and a secret of the process.
 * mark: tells that the block of a slab was filled when it was freed, so that it can be looked at
 *       when it is handed out again, however long after. It is taken away then, and when a slab is
 *       made, as what lies there may have been part of other blocks since. Pages that were given
 *       back meanwhile read zero, so each page's part is either fill or zero as a whole.
 * zero: all that is free in a slab reads zero, from the slab's making on, so that uaf needs no mark
 *       and sees writes into what was never handed out as well. It ends, and marks begin, when the
 *       program asks for filling (ali_heap_perturb).
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
static uint32_t at_start;
static uint64_t secret;
static uint8_t pattern;
static _Atomic(uint8_t) fresh_byte = FRESH_BYTE;
static _Atomic(uint8_t) freed_byte = FREED_BYTE;
/* Free memory of slabs reads zero. Who sees a block that another thread filled sees this as that
 * thread did: relaxed will do. */
static _Atomic(bool) clean;

static bool is_clean(void)
{
    return atomic_load_explicit(&clean, memory_order_relaxed);
}

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
    if ((on & ALI_HARDEN_ZERO) != 0)
        on &= ~(uint32_t)ALI_HARDEN_JUNK;
    atomic_store_explicit(&clean, (on & ALI_HARDEN_ZERO) != 0, memory_order_relaxed);
    at_start = on;
    turn_on(on);
    ali_quarantine_init();
}

void ali_heap_perturb(uint8_t byte)
{
    unsigned i;

    ali_heap_start();
    atomic_store_explicit(&fresh_byte, byte != 0 ? (uint8_t)~byte : FRESH_BYTE,
                          memory_order_relaxed);
    atomic_store_explicit(&freed_byte, byte != 0 ? byte : FREED_BYTE, memory_order_relaxed);
    if (byte != 0)
        atomic_store_explicit(&clean, false, memory_order_relaxed);
    turn_on(byte != 0 ? ali_hardening.on | ALI_HARDEN_JUNK
                      : ali_hardening.on & (at_start | ~(uint32_t)ALI_HARDEN_JUNK));
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

/* What is looked at here may be another thread's at that moment; see ali_harden_is_damaged. */
#define MAY_RACE __attribute__((no_sanitize("thread")))

MAY_RACE static uint64_t word_get(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* release: what the word is about was written before; see ali_harden_is_damaged */
static void word_set(char *at, uint64_t word)
{
    __atomic_store_n((uint64_t *)(uintptr_t)at, word, __ATOMIC_RELEASE);
}

/* Index of the first of `bytes` that is not `byte`; bytes when all are. */
MAY_RACE static size_t first_other(const char *p, size_t bytes, uint8_t byte)
{
    uint64_t eight = byte * UINT64_C(0x0101010101010101);
    size_t i = 0;

    while (i + 8 <= bytes && word_get(p + i) == eight)
        i += 8;
    while (i < bytes && (uint8_t)p[i] == byte)
        i++;
    return i;
}

/* Pages that read zero already are not touched. */
static void wipe(char *p, size_t bytes)
{
    while (bytes > 0) {
        size_t page_left = ali_os_page_bytes - ((uintptr_t)p & (ali_os_page_bytes - 1));
        size_t part = ali_min(page_left, bytes);
        size_t same = first_other(p, part, 0);

        memset(p + same, 0, part - same);
        p += part;
        bytes -= part;
    }
}

/* --- the seal ----------------------------------------------------------------------------- */

#define CALL_BITS 6
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
        ali_near_reported(f);
        return false;
    }
    slack = f->block_bytes - SEAL_BYTES - size;
    damaged = ali_hardens(ALI_HARDEN_CANARY) ? first_other(f->block + size, slack, pattern) : slack;
    if (damaged < slack) {
        blame_slack(f, size, damaged, call, caller);
        ali_near_reported(f);
        return false;
    }
    if (frees && ali_hardens(ALI_HARDEN_FAMILY) && family_of(by) != family_of(call)) {
        blame_family(f, by, call, caller);
        return false;
    }
    return true;
}

/* Whether what is behind the end of a live block was written, for a block that another thread may
 * free, resize or be handed at this moment. Those do not damage it: a block has its seal before it
 * is LIVE and until it is HELD, and a resize keeps seal and pattern in agreement. So the only way
 * to see damage that is not there is to look just as the block changes hands, and that not once
 * but each time. */
MAY_RACE bool ali_harden_is_damaged(const struct ali_found *f)
{
    const unsigned looks = 16;
    unsigned i;

    for (i = 0; i < looks; i++) {
        /* acquire: pairs with the release in take_parked */
        uint8_t state = __atomic_load_n(f->state, __ATOMIC_ACQUIRE);
        enum ali_call by;
        size_t size, slack;

        if (state == ALI_STATE_LIVE || !ali_state_is_live(state))
            return false;
        if (!unseal(f, &size, &by))
            continue;
        slack = f->block_bytes - SEAL_BYTES - size;
        if (!ali_hardens(ALI_HARDEN_CANARY) ||
            first_other(f->block + size, slack, pattern) == slack)
            return false;
    }
    return true;
}

void ali_harden_reseal(const struct ali_found *f, size_t size, enum ali_call call)
{
    size_t sealed;
    enum ali_call by;

    if (!unseal(f, &sealed, &by)) {
        sealed = size;
        by = call;
    }
    seal(f->block, f->block_bytes, sealed, by);
}

/* --- writes after free -------------------------------------------------------------------- */

static uint64_t mark_of(const char *block, size_t block_bytes)
{
    return mix(block, ~block_bytes);
}

static void fill(char *block, size_t block_bytes)
{
    if (is_clean()) {
        memset(block, 0, block_bytes);
        return;
    }
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

/* Blocks that are given back, or guarded, instead of filled tell by themselves or not at all. */
static bool is_filled(const struct ali_found *f)
{
    return f->block_bytes <= FILL_MAX_BYTES && (f->large == NULL || !ali_hardens(ALI_HARDEN_GUARD));
}

/* Of the last 8 bytes; the block may be from the time when all was clean. */
static bool is_as_left(const char *block, size_t end, uint64_t word)
{
    if (!is_clean() && word == mark_of(block, end + SEAL_BYTES))
        return true;
    return (at_start & ALI_HARDEN_ZERO) != 0 && word == 0;
}

/* Looks at the first look_bytes and the last 8 of a HELD block. */
static size_t first_spoilt(const struct ali_found *f, size_t look_bytes)
{
    size_t end = f->block_bytes - SEAL_BYTES;
    size_t look = ali_min(end, look_bytes);
    size_t at =
        is_clean() ? first_other(f->block, look, 0) : first_written(f->block, look + SEAL_BYTES);

    if (at < look)
        return at;
    return is_as_left(f->block, end, word_get(f->block + end)) ? f->block_bytes : end;
}

size_t ali_harden_held_spoilt(const struct ali_found *f, size_t look_bytes)
{
    size_t at;

    if (!ali_hardens(ALI_HARDEN_UAF) || !is_filled(f))
        return f->block_bytes;
    at = first_spoilt(f, look_bytes);
    if (at < f->block_bytes)
        fill(f->block, f->block_bytes); /* reported once */
    return at;
}

void ali_harden_blame_held(const struct ali_found *f, size_t at, enum ali_call call,
                           const void *caller)
{
    blame_write(f, at, call, caller);
}

void ali_harden_check_held(const struct ali_found *f, enum ali_call call, const void *caller)
{
    size_t at = ali_harden_held_spoilt(f, SIZE_MAX);

    if (at < f->block_bytes)
        blame_write(f, at, call, caller);
}

bool ali_harden_side_spoilt(char *p, size_t bytes)
{
    if (!is_clean() || !ali_hardens(ALI_HARDEN_UAF) || first_other(p, bytes, 0) == bytes)
        return false;
    memset(p, 0, bytes); /* reported once */
    return true;
}

/* With a mark at its end the block was filled when it was freed. */
static void check_marked(char *block, size_t block_bytes, const struct ali_request *request)
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

/* Afterwards it reads zero. A large block comes from memory that may hold anything; what is fresh
 * of it is not touched. */
static void check_clean(char *block, size_t block_bytes, bool zero,
                        const struct ali_request *request)
{
    struct ali_found f;
    size_t at;

    if (zero && (!ali_hardens(ALI_HARDEN_UAF) || block_bytes > ALI_SMALL_MAX))
        return;
    if (ali_hardens(ALI_HARDEN_UAF) && ali_heap_find(block, &f) && f.slab != NULL) {
        at = first_other(block, block_bytes, 0);
        if (at < block_bytes)
            blame_write(&f, at, request->call, request->caller);
    }
    wipe(block, block_bytes);
}

void ali_harden_forget(const struct ali_block *b, const struct ali_slab *slab)
{
    char *block = ali_slab_base(slab);
    unsigned i;

    if (ali_guard_is_void(b->heap))
        return;
    if (is_clean())
        wipe(block, (size_t)slab->count * slab->block_bytes);
    if (is_clean() || !ali_hardens(ALI_HARDEN_UAF))
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
    bool reads_zero = is_clean();

    if (reads_zero)
        check_clean(block, block_bytes, zero, request);
    else if (ali_hardens(ALI_HARDEN_UAF) && !zero)
        check_marked(block, block_bytes, request);
    if (request->zero && !zero && !reads_zero)
        memset(block, 0, request->size);
    else if (!request->zero && ali_hardens(ALI_HARDEN_JUNK) && block_bytes <= FILL_MAX_BYTES)
        memset(block, fresh_byte, block_bytes);
    if (ali_hardening.extra_bytes != 0)
        seal(block, block_bytes, request->size, request->call);
}

/* In an order that keeps seal and pattern in agreement: ali_harden_is_damaged. */
void ali_harden_resize(const struct ali_found *f, const struct ali_request *request)
{
    enum ali_call call = request->call;
    size_t was = f->block_bytes;

    if (ali_hardening.extra_bytes == 0 || !unseal(f, &was, &call))
        return;
    seal(f->block, f->block_bytes, request->size, call);
    if (request->size > was && (is_clean() || ali_hardens(ALI_HARDEN_JUNK)))
        memset(f->block + was, is_clean() ? 0 : fresh_byte, request->size - was);
}

void ali_harden_erase(const struct ali_found *f)
{
    if (!ali_hardens(FILLED | ALI_HARDEN_ZERO) || ali_guard_is_void_block(f))
        return;
    if (!is_filled(f) && ali_span_purge_pages(f->span, 0, f->block_bytes))
        return;
    fill(f->block, f->block_bytes);
}

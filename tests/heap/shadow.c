#include "heap/shadow.h"

#include <string.h>

/* --- patterns ----------------------------------------------------------------------------- */

/* Every word of the first and last 4 KiB, one a page between. */
#define EDGE_WORDS 512

static size_t next_word(size_t i, size_t words)
{
    size_t next;

    if (i + 1 < EDGE_WORDS || i + 1 + EDGE_WORDS >= words)
        return i + 1;
    next = (i / EDGE_WORDS + 1) * EDGE_WORDS;
    return ali_min(next, words - EDGE_WORDS);
}

static uint64_t word_at(uint64_t key, size_t i)
{
    return (key + i) * UINT64_C(0x9e3779b97f4a7c15) ^ key;
}

void shadow_fill(void *p, size_t bytes, uint64_t key)
{
    size_t words = (bytes + 7) / 8;

    for (size_t i = 0; i < words; i = next_word(i, words)) {
        uint64_t word = word_at(key, i);

        memcpy((char *)p + i * 8, &word, ali_min(8, bytes - i * 8));
    }
}

bool shadow_is_intact(const void *p, size_t bytes, size_t upto, uint64_t key)
{
    size_t words = (bytes + 7) / 8;

    for (size_t i = 0; i < words && i * 8 < upto; i = next_word(i, words)) {
        uint64_t word = word_at(key, i);

        if (memcmp((const char *)p + i * 8, &word, ali_min(8, upto - i * 8)) != 0)
            return false;
    }
    return true;
}

bool shadow_is_zero(const void *p, size_t bytes)
{
    const unsigned char *c = p;

    return bytes == 0 || (c[0] == 0 && memcmp(c, c + 1, bytes - 1) == 0);
}

/* --- the calls ---------------------------------------------------------------------------- */

static void *call_alloc(const struct shadow *s, size_t size)
{
    void *p;

    if (s->heap != NULL)
        return allot_heap_alloc(s->heap, size);
    if (ali_heap_alloc_hit(size, &p))
        return p;
    return ali_heap_alloc_miss(size, ALI_CALL_MALLOC, __builtin_return_address(0));
}

static void *call_zalloc(const struct shadow *s, size_t size)
{
    void *p;

    if (s->heap != NULL)
        return allot_heap_zalloc(s->heap, size);
    if (ali_heap_zalloc_hit(size, &p))
        return p;
    return ali_heap_zalloc(size, ALI_CALL_CALLOC, __builtin_return_address(0));
}

static void *call_aligned(const struct shadow *s, size_t size, size_t align)
{
    void *p;

    if (s->heap != NULL)
        return allot_heap_aligned(s->heap, size, align);
    if (ali_heap_aligned_hit(size, align, &p))
        return p;
    return ali_heap_aligned(size, align, ALI_CALL_ALIGNED_ALLOC, __builtin_return_address(0));
}

static void *call_realloc(const struct shadow *s, void *p, size_t size)
{
    if (s->heap == NULL)
        return ali_heap_realloc(p, size, ALI_CALL_REALLOC, __builtin_return_address(0));
    return allot_heap_realloc(s->heap, &p, size) == 0 ? p : NULL;
}

static void call_free(const struct shadow *s, void *p)
{
    if (s->heap != NULL)
        allot_heap_free(s->heap, p);
    else if (!ali_heap_free_hit(p))
        ali_heap_free_miss(p, ALI_CALL_FREE, __builtin_return_address(0));
}

static void call_free_claimed(const struct shadow *s, const struct shadow_block *b)
{
    if (s->heap != NULL)
        allot_heap_free(s->heap, b->p);
    else if (b->align != 0 || !ali_heap_free_sized_hit(b->p, b->size))
        ali_heap_free_claimed(b->p, b->size, b->align, ALI_CALL_FREE_SIZED,
                              __builtin_return_address(0));
}

static size_t call_usable(const struct shadow *s, const void *p)
{
    if (s->heap != NULL)
        return allot_heap_usable(s->heap, p);
    return ali_heap_usable(p, ALI_CALL_USABLE_SIZE, __builtin_return_address(0));
}

/* --- one operation ------------------------------------------------------------------------ */

static bool wrong(struct shadow *s, const char *what)
{
    if (s->error == NULL)
        s->error = what;
    return false;
}

static bool refused(struct shadow *s)
{
    s->refused++;
    if (!s->may_fail)
        return wrong(s, "an allocation failed");
    if (allot_last_error().cause == ALLOT_CAUSE_NONE)
        return wrong(s, "an allocation failed and did not say why");
    return true;
}

static bool look(struct shadow *s, struct shadow_block *b)
{
    size_t usable = call_usable(s, b->p);

    if (usable < b->size || usable < b->filled)
        return wrong(s, "fewer usable bytes than before");
    if (!shadow_is_intact(b->p, b->filled, b->filled, b->key))
        return wrong(s, "a block lost its contents");
    return true;
}

static bool settle(struct shadow *s, struct shadow_block *b)
{
    size_t usable = call_usable(s, b->p);

    if (usable < b->size ||
        (usable == 0 && (b->size != 0 || (ali_options.harden & ALI_HARDEN_SIZE0) == 0)))
        return wrong(s, "a new block is too small");
    if (!ali_is_aligned(b->p, ali_max(b->align, 16)))
        return wrong(s, "a new block is not aligned");
    b->filled = usable;
    b->key = ++s->last_key * UINT64_C(0xd1342543de82ef95);
    s->live_bytes += b->filled;
    shadow_fill(b->p, b->filled, b->key);
    return true;
}

static bool make(struct shadow *s, struct shadow_block *b, const struct shadow_op *op)
{
    void *p = NULL;

    b->size = shadow_size(op->size_code);
    if (s->live_bytes + b->size > SHADOW_MAX_LIVE_BYTES)
        b->size %= 1024;
    b->align = op->kind == SHADOW_ALIGNED ? (size_t)1 << op->align_log2 % 22 : 0;
    ali_error_set(ALLOT_LAYER_NONE, ALLOT_CAUSE_NONE, 0);
    if (op->kind == SHADOW_ALIGNED)
        p = call_aligned(s, b->size, b->align);
    else if (op->kind == SHADOW_ZALLOC)
        p = call_zalloc(s, b->size);
    else if (op->kind == SHADOW_REALLOC && s->heap != NULL)
        p = call_realloc(s, NULL, b->size);
    else
        p = call_alloc(s, b->size);
    if (p == NULL)
        return refused(s);
    if (op->kind == SHADOW_ZALLOC && !shadow_is_zero(p, b->size))
        return wrong(s, "a zeroed block is not zero");
    b->p = p;
    return settle(s, b);
}

static bool resize(struct shadow *s, struct shadow_block *b, const struct shadow_op *op)
{
    size_t size = shadow_size(op->size_code);
    unsigned char *p;

    if (s->live_bytes + size > SHADOW_MAX_LIVE_BYTES)
        size %= 1024;
    if (!look(s, b))
        return false;
    ali_error_set(ALLOT_LAYER_NONE, ALLOT_CAUSE_NONE, 0);
    p = call_realloc(s, b->p, size);
    if (p == NULL)
        return refused(s) && look(s, b);
    if (!shadow_is_intact(p, b->filled, ali_min(b->filled, size), b->key))
        return wrong(s, "realloc lost contents");
    s->live_bytes -= b->filled;
    b->p = p;
    b->size = size;
    b->align = 0;
    return settle(s, b);
}

static bool give(struct shadow *s, struct shadow_block *b, bool claimed)
{
    if (!look(s, b))
        return false;
    s->live_bytes -= b->filled;
    if (claimed)
        call_free_claimed(s, b);
    else
        call_free(s, b->p);
    memset(b, 0, sizeof *b);
    return true;
}

bool shadow_apply(struct shadow *s, const struct shadow_op *op)
{
    struct shadow_block *b = &s->blocks[op->slot % SHADOW_SLOTS];

    if (b->p == NULL)
        return make(s, b, op);
    switch (op->kind) {
    case SHADOW_REALLOC:
        return resize(s, b, op);
    case SHADOW_LOOK:
        return look(s, b);
    default:
        return give(s, b, op->kind == SHADOW_FREE_CLAIMED);
    }
}

bool shadow_check(struct shadow *s)
{
    for (size_t i = 0; i < SHADOW_SLOTS; i++)
        if (s->blocks[i].p != NULL && !look(s, &s->blocks[i]))
            return false;
    return true;
}

bool shadow_free_all(struct shadow *s)
{
    for (size_t i = 0; i < SHADOW_SLOTS; i++)
        if (s->blocks[i].p != NULL && !give(s, &s->blocks[i], i % 2 != 0))
            return false;
    return true;
}

/* --- choices ------------------------------------------------------------------------------ */

size_t shadow_size(uint16_t code)
{
    return ((size_t)(code & 0xfff) << (code >> 12)) >> 6;
}

/* Most requests of programs are small. */
struct shadow_op shadow_random_op(struct ali_random *r)
{
    uint64_t bits = ali_random_next(r);
    unsigned exponent = (unsigned)ali_min(bits & 15, bits >> 4 & 15);

    return (struct shadow_op){
        .kind = (uint8_t)((bits >> 8 & 0xff) % SHADOW_KINDS),
        .align_log2 = (uint8_t)((bits >> 16 & 0xff) % 22),
        .slot = (uint16_t)((bits >> 24 & 0xffff) % SHADOW_SLOTS),
        .size_code = (uint16_t)(exponent << 12 | (bits >> 40 & 0xfff)),
    };
}

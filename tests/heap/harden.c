/* Hardening of single blocks: what each option of harden= finds. */
#include "unit.h"

#include "heap/trial.h"

/* --- canary ------------------------------------------------------------------------------- */

/* Whether the byte `at` of a block of `size` bytes can be changed unseen. */
static void require_seen(char *p, size_t at)
{
    p[at] ^= 1;
    give(p, ALI_CALL_FREE);
    require_recorded(ALLOT_MISUSE_HEAP_OVERFLOW, p);
    unit_child_require(recorded.place == ALLOT_PLACE_LIVE_BLOCK);
    p[at] ^= 1;
}

static void change_each_byte(void)
{
    static const size_t sizes[] = {1, 7, 8, 15, 16, 24, 100, 1000, 4096, 20000, 131072, 300000};
    struct ali_found f;

    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        char *p = take(sizes[i], ALI_CALL_MALLOC);

        memset(p, 0, sizes[i]);
        unit_child_require(usable(p) == sizes[i]);
        unit_child_require(ali_find_live(p, &f) && f.block_bytes > sizes[i]);
        unit_child_require(p[sizes[i]] != 0); /* a NUL one past the end is always seen */
        /* the first bytes, the last ones, and some between: a report takes its time */
        for (size_t at = sizes[i]; at < f.block_bytes; at++)
            if (at < sizes[i] + 16 || f.block_bytes - at <= 10 || at % 509 == 0)
                require_seen(p, at);
        ali_heap_free_claimed(p, sizes[i] + 1, 0, ALI_CALL_FREE_SIZED, NULL);
        require_recorded(ALLOT_MISUSE_MISMATCHED_FREE, p);
        ali_heap_free_claimed(p, sizes[i], 0, ALI_CALL_FREE_SIZED, NULL);
        unit_child_require(recorded_count == 0);
    }
}

static void canary_when_any_byte_behind_the_end_changes_tells(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_CANARY, change_each_byte);
    try_with(ALI_HARDEN_CANARY | ALI_HARDEN_FAMILY, change_each_byte);
}

static void look_by_other_calls(void)
{
    char *p = take(40, ALI_CALL_MALLOC);

    p[40] ^= 1;
    unit_child_require(usable(p) == 0);
    require_recorded(ALLOT_MISUSE_HEAP_OVERFLOW, p);
    unit_child_require(ali_heap_realloc(p, 400, ALI_CALL_REALLOC, NULL) == NULL);
    require_recorded(ALLOT_MISUSE_HEAP_OVERFLOW, p);
    p[40] ^= 1;
    unit_child_require(ali_heap_realloc(p, 45, ALI_CALL_REALLOC, NULL) == p);
    unit_child_require(usable(p) == 45);
    p[45] = 0;
    give(p, ALI_CALL_FREE);
    require_recorded(ALLOT_MISUSE_HEAP_OVERFLOW, p);
}

static void canary_when_usable_size_and_realloc_look_tells(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_CANARY, look_by_other_calls);
}

static void align_many(void)
{
    for (size_t align = 1; align <= ((size_t)4 << 20); align *= 2)
        for (size_t size = 1; size < 200000; size = size * 3 + 1) {
            char *p = ali_heap_aligned(size, align, ALI_CALL_MEMALIGN, NULL);

            unit_child_require(p != NULL && ali_is_aligned(p, align) && usable(p) == size);
            memset(p, 1, size);
            require_seen(p, size);
            ali_heap_free_claimed(p, size, align, ALI_CALL_FREE_ALIGNED_SIZED, NULL);
            unit_child_require(recorded_count == 0);
        }
}

static void canary_when_aligned_keeps_the_alignment(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_CANARY, align_many);
}

/* --- family ------------------------------------------------------------------------------- */

static void mix_families(void)
{
    static const enum ali_call takes[] = {ALI_CALL_MALLOC, ALI_CALL_NEW, ALI_CALL_NEW_ARRAY};
    static const enum ali_call gives[] = {ALI_CALL_FREE, ALI_CALL_DELETE, ALI_CALL_DELETE_ARRAY};
    static const size_t sizes[] = {1, 100, 50000, 200000};

    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < ALI_ARRAY_COUNT(sizes); k++) {
            char *p = take(sizes[k], takes[i]);

            for (size_t j = 0; j < 3; j++) {
                if (j == i)
                    continue;
                give(p, gives[j]);
                require_recorded(ALLOT_MISUSE_MISMATCHED_FREE, p);
                unit_child_require(recorded.place == ALLOT_PLACE_LIVE_BLOCK);
            }
            give(p, gives[i]);
            unit_child_require(recorded_count == 0);
        }
}

static void family_when_freed_by_another_tells(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_FAMILY, mix_families);
}

/* --- what is left in memory --------------------------------------------------------------- */

static bool all_are(const volatile char *p, size_t bytes, int byte)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)p[i] != byte)
            return false;
    return true;
}

static void see_contents(void)
{
    bool zeroes = (ali_options.harden & ALI_HARDEN_ZERO) != 0; /* instead of junk, if both are on */
    static const size_t sizes[] = {16, 100, 5000, 50000, 200000, 1000000};

    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        char *keep = take(sizes[i], ALI_CALL_MALLOC);
        char *p = take(sizes[i], ALI_CALL_MALLOC);
        char *zero;

        unit_child_require(all_are(p, sizes[i], zeroes ? 0 : 0xc3));
        memset(p, 'x', sizes[i]);
        give(p, ALI_CALL_FREE);
        if (sizes[i] < 100000) /* the pages of a large one may have gone */
            unit_child_require(all_are(p, sizes[i], zeroes ? 0 : 0xf5));
        zero = ali_heap_zalloc(sizes[i], ALI_CALL_CALLOC, NULL);
        unit_child_require(all_are(zero, sizes[i], 0));
        give(zero, ALI_CALL_FREE);
        give(keep, ALI_CALL_FREE);
    }
}

static void zero_and_junk_when_freed_leave_nothing(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_ZERO, see_contents);
    try_with(ALI_HARDEN_JUNK, see_contents);
    try_with(ALI_HARDEN_ZERO | ALI_HARDEN_JUNK, see_contents);
}

static void perturb(void)
{
    char *before = take(100, ALI_CALL_MALLOC);
    char *p;

    ali_heap_perturb(0x5a);
    p = take(100, ALI_CALL_MALLOC);
    unit_child_require(all_are(p, 100, 0xa5));
    give(p, ALI_CALL_FREE);
    unit_child_require(all_are(p, 100, 0x5a));
    give(before, ALI_CALL_FREE);
    p = take(100, ALI_CALL_MALLOC);
    ali_heap_perturb(0);
    memset(p, 1, 100);
    give(p, ALI_CALL_FREE);
    unit_child_require(all_are(p, 100, 1) && recorded_count == 0);
}

static void perturb_when_set_at_run_time_fills(void **state)
{
    (void)state;
    try_with(0, perturb);
}

/* --- writes after free -------------------------------------------------------------------- */

static void *reuse(size_t size, const void *until)
{
    static void *blocks[20000];
    size_t n = 0;

    while (n < ALI_ARRAY_COUNT(blocks)) {
        blocks[n] = take(size, ALI_CALL_MALLOC);
        if (blocks[n++] == until || recorded_count != 0)
            break;
    }
    while (n > 0)
        give(blocks[--n], ALI_CALL_FREE);
    return NULL;
}

static void write_freed(void)
{
    static const size_t sizes[] = {16, 64, 200, 1000, 4096, 5040, 28672};

    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        size_t step = ali_max(sizes[i] / 61, 1);

        for (size_t at = 0; at < sizes[i]; at += step) {
            char *keep = take(sizes[i], ALI_CALL_MALLOC);
            char *p = take(sizes[i], ALI_CALL_MALLOC);

            give(p, ALI_CALL_FREE);
            ((volatile char *)p)[at] ^= 1; /* the last 8 bytes may hold anything */
            (void)allot_trim(0);           /* lets it out of the quarantine */
            require_recorded(ALLOT_MISUSE_WRITE_AFTER_FREE, p);
            give(keep, ALI_CALL_FREE);
        }
    }
}

static void write_freed_later(void)
{
    static const size_t sizes[] = {16, 64, 200, 1000, 4096, 5040, 30000};

    for (size_t i = 0; i < ALI_ARRAY_COUNT(sizes); i++) {
        char *keep = take(sizes[i], ALI_CALL_MALLOC);
        char *p = take(sizes[i], ALI_CALL_MALLOC);

        give(p, ALI_CALL_FREE);
        (void)ali_quarantine_empty(ALI_CALL_FREE, NULL); /* keeps the pages */
        unit_child_require(recorded_count == 0);
        ((volatile char *)p)[1] = 0;
        reuse(sizes[i], p);
        require_recorded(ALLOT_MISUSE_WRITE_AFTER_FREE, p);
        give(keep, ALI_CALL_FREE);
    }
}

static void uaf_when_a_freed_byte_is_written_tells(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_UAF, write_freed);
    try_with(ALI_HARDEN_UAF | ALI_HARDEN_QUARANTINE | ALI_HARDEN_CANARY, write_freed);
    try_with(ALI_HARDEN_UAF, write_freed_later);
}

/* The same memory as blocks of one size, then partly as another, then the first again. */
static void change_sizes(void)
{
    static void *blocks[3000];
    struct ali_random r = {7};

    for (int round = 0; round < 60; round++) {
        size_t size = 16 + ali_random_next(&r) % 6000;
        size_t n = 1 + ali_random_next(&r) % ALI_ARRAY_COUNT(blocks);

        for (size_t i = 0; i < n; i++)
            memset(blocks[i] = take(size, ALI_CALL_MALLOC), round, size);
        for (size_t i = 0; i < n; i++)
            give(blocks[i], ALI_CALL_FREE);
        if (round % 7 == 0)
            (void)allot_trim(SIZE_MAX);
        unit_child_require(recorded_count == 0);
    }
}

static void uaf_when_slabs_change_their_size_tells_nothing(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_UAF, change_sizes);
    try_with(ALI_HARDEN_UAF | ALI_HARDEN_RANDOM, change_sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canary_when_any_byte_behind_the_end_changes_tells),
        cmocka_unit_test(canary_when_usable_size_and_realloc_look_tells),
        cmocka_unit_test(canary_when_aligned_keeps_the_alignment),
        cmocka_unit_test(family_when_freed_by_another_tells),
        cmocka_unit_test(zero_and_junk_when_freed_leave_nothing),
        cmocka_unit_test(perturb_when_set_at_run_time_fills),
        cmocka_unit_test(uaf_when_a_freed_byte_is_written_tells),
        cmocka_unit_test(uaf_when_slabs_change_their_size_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Where hardened blocks are and how long: quarantine, guards, size 0, random places; and that no
 * option changes anything for programs that are right. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "fake/fake.h"
#include "heap/shadow.h"
#include "heap/trial.h"

/* --- nothing changes ---------------------------------------------------------------------- */

static struct shadow shadows[4];

static void *run_shadow(void *arg)
{
    struct shadow *s = arg;
    struct ali_random r = {(uint64_t)(s - shadows) + 1};

    for (int i = 0; i < 20000; i++) {
        struct shadow_op op = shadow_random_op(&r);

        unit_child_require(shadow_apply(s, &op));
        if (i % 5000 == 4999)
            (void)allot_trim(0);
    }
    unit_child_require(shadow_free_all(s));
    return NULL;
}

static void random_operations(void)
{
    pthread_t threads[4];

    shadows[3].heap = allot_heap_create(NULL);
    for (int i = 0; i < 4; i++)
        unit_child_require(pthread_create(&threads[i], NULL, run_shadow, &shadows[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    allot_heap_destroy(shadows[3].heap);
    unit_child_require(recorded_count == 0);
}

static void right_programs_when_hardened_go_on_as_before(void **state)
{
    (void)state;
    for (uint32_t option = 1; option < ALL_OPTIONS; option <<= 1)
        try_with(option, random_operations);
    try_with(ALL_OPTIONS, random_operations);
    try_with(ALL_OPTIONS & ~(uint32_t)ALI_HARDEN_QUARANTINE, random_operations);
}

/* Blocks made by one thread and freed by another, in a fork too. */
static void *_Atomic exchange[256];

static void *pass_on(void *arg)
{
    struct ali_random r = {(uintptr_t)arg};

    for (int i = 0; i < 30000; i++) {
        uint64_t x = ali_random_next(&r);
        size_t size = x % 128 == 0 ? x % 300000 : x % 600;
        char *p = take(size, ALI_CALL_MALLOC);

        memset(p, 1, size);
        p = atomic_exchange(&exchange[x >> 56], p);
        if (p != NULL)
            give(p, ALI_CALL_FREE);
    }
    return NULL;
}

static void give_all(void)
{
    for (size_t i = 0; i < ALI_ARRAY_COUNT(exchange); i++)
        if (exchange[i] != NULL)
            give(exchange[i], ALI_CALL_FREE);
}

static void fork_among_threads(void)
{
    pthread_t threads[3];
    int status = 0;

    for (uintptr_t i = 0; i < 3; i++)
        unit_child_require(pthread_create(&threads[i], NULL, pass_on, (void *)(i + 1)) == 0);
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();

        if (pid == 0) {
            give_all();
            (void)allot_trim(0);
            for (int i = 0; i < 2000; i++)
                give(take((size_t)i, ALI_CALL_MALLOC), ALI_CALL_FREE);
            _exit(recorded_count == 0 ? 0 : 1);
        }
        unit_child_require(waitpid(pid, &status, 0) == pid && status == 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    give_all();
    unit_child_require(recorded_count == 0);
}

static void blocks_when_passed_between_threads_and_forked_are_fine(void **state)
{
    (void)state;
    /* without size0: blocks of size 0 are written here */
    try_with(ALL_OPTIONS & ~(uint32_t)ALI_HARDEN_SIZE0, fork_among_threads);
}

/* --- quarantine --------------------------------------------------------------------------- */

static void hold(void)
{
    struct allot_stats stats;
    struct ali_found found;
    char *p = take(100, ALI_CALL_MALLOC);

    unit_child_require(ali_find_live(p, &found));
    give(p, ALI_CALL_FREE);
    give(p, ALI_CALL_FREE);
    require_recorded(ALLOT_MISUSE_DOUBLE_FREE, p);
    /* by a thread that had found it live before */
    ali_heap_free_found(&found, ALI_CALL_FREE, NULL);
    require_recorded(ALLOT_MISUSE_DOUBLE_FREE, p);
    for (int i = 0; i < 1000; i++) {
        char *q = take(100, ALI_CALL_MALLOC);

        unit_child_require(q != p);
        give(q, ALI_CALL_FREE);
    }
    (void)allot_stats_get(&stats);
    unit_child_require(stats.live_blocks == 0);
    for (int i = 0; i < 200000; i++)
        give(take(1000, ALI_CALL_MALLOC), ALI_CALL_FREE);
    give(take(100 << 20, ALI_CALL_MALLOC), ALI_CALL_FREE);
    (void)allot_stats_get(&stats);
    unit_child_require(stats.spans_bytes <= ali_options.quarantine_bytes * 2 + 4 * ALI_MIB);
    (void)allot_trim(0);
    (void)allot_stats_get(&stats);
    unit_child_require(stats.spans_bytes <= ALI_MIB && recorded_count == 0);
}

static void quarantine_when_blocks_are_freed_holds_them_and_is_bounded(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_QUARANTINE, hold);
}

/* --- guards ------------------------------------------------------------------------------- */

static void touch(void *p)
{
    *(volatile char *)p = 1;
}

static void require_faults(char *p)
{
    int status = unit_in_child(touch, p);

    unit_child_require(unit_crashed(status));
}

static void run_off(void)
{
    char *large = take(300001, ALI_CALL_MALLOC);
    char *small = take(5000, ALI_CALL_MALLOC);
    char *wide = take(40000, ALI_CALL_MALLOC);

    touch(large + 300000);
    require_faults(large + ali_align_up(300001, ali_os_page_bytes));
    large = ali_heap_realloc(large, 900000, ALI_CALL_REALLOC, NULL);
    touch(large + 899999);
    require_faults(large + ali_align_up(900000, ali_os_page_bytes));
    require_faults((char *)ali_align_down((uintptr_t)small, ALI_SLICE_BYTES) + ALI_SLICE_BYTES);
    /* the slab of the wide one ends within eight slices */
    for (size_t i = 1; i <= ALI_WIDE_SLICES; i++) {
        struct ali_found f;

        if (!ali_heap_find(wide + i * ALI_SLICE_BYTES, &f)) {
            require_faults((char *)ali_align_up((uintptr_t)wide, ALI_SLICE_BYTES) +
                           i * ALI_SLICE_BYTES);
            break;
        }
    }
    give(large, ALI_CALL_FREE);
    give(small, ALI_CALL_FREE);
    give(wide, ALI_CALL_FREE);
    (void)allot_trim(0);
    random_operations();
}

static void guard_when_running_off_a_span_faults(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_GUARD, run_off);
}

static void guards_refused(void)
{
    fake_fail(FAKE_BIT(FAKE_GUARD), FAKE_EVERY, 2, ENOMEM);
    random_operations();
    fake_fail(FAKE_BIT(FAKE_UNGUARD), FAKE_EVERY, 3, ENOMEM);
    random_operations();
    fake_off();
    random_operations();
}

static void guard_when_the_os_refuses_goes_on(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_GUARD | ALI_HARDEN_SIZE0, guards_refused);
}

/* --- size 0 ------------------------------------------------------------------------------- */

static void size_zero(void)
{
    char *p = take(0, ALI_CALL_MALLOC), *q = take(0, ALI_CALL_MALLOC);
    char *z = ali_heap_zalloc(0, ALI_CALL_CALLOC, NULL);
    char *a = ali_heap_aligned(0, 4096, ALI_CALL_MEMALIGN, NULL);

    unit_child_require(p != q && p != z && q != z && ali_is_aligned(a, 4096));
    require_faults(p);
    require_faults(z);
    require_faults(a);
    unit_child_require(usable(p) == 0);
    ali_heap_free_claimed(z, 5, 0, ALI_CALL_FREE_SIZED, NULL);
    require_recorded(ALLOT_MISUSE_MISMATCHED_FREE, z);
    ali_heap_free_claimed(z, 0, 0, ALI_CALL_FREE_SIZED, NULL);
    give(a, ALI_CALL_FREE);
    give(q, ALI_CALL_FREE);
    unit_child_require(recorded_count == 0);
    give(q, ALI_CALL_FREE);
    require_recorded(ALLOT_MISUSE_DOUBLE_FREE, q);
    p = ali_heap_realloc(p, 10, ALI_CALL_REALLOC, NULL);
    memset(p, 1, 10);
    give(p, ALI_CALL_FREE);
    for (int i = 0; i < 20000; i++) /* more than a slab of them */
        (void)take(0, ALI_CALL_MALLOC);
    unit_child_require(recorded_count == 0);
}

static void size0_when_asked_for_gives_what_cannot_be_touched(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_SIZE0, size_zero);
    try_with(ALL_OPTIONS, size_zero);
}

/* --- random ------------------------------------------------------------------------------- */

static void scatter(void)
{
    char *blocks[512];
    size_t ascending = 0;

    for (size_t i = 0; i < ALI_ARRAY_COUNT(blocks); i++) {
        blocks[i] = take(64, ALI_CALL_MALLOC);
        memset(blocks[i], 1, 64);
        for (size_t k = 0; k < i; k++)
            unit_child_require(blocks[k] != blocks[i]);
        ascending += i > 0 && blocks[i] == blocks[i - 1] + 64;
    }
    unit_child_require(ascending < 64); /* 511 in order, about 8 at random */
}

static void random_when_on_scatters(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_RANDOM, scatter);
}

/* --- with an observer --------------------------------------------------------------------- */

static size_t allocated, freed;

static void on_allocated(const struct ali_event *event, void *arg)
{
    (void)event, (void)arg;
    allocated++;
}

static void on_freed(const struct ali_event *event, void *arg)
{
    (void)event, (void)arg;
    freed++;
}

static void observe(void)
{
    static struct ali_observer sampler = {.allocated = on_allocated, .freed = on_freed};
    static void *blocks[5000];
    void *before = take(100, ALI_CALL_MALLOC);

    unit_child_require(ali_observe(&sampler) == 0);
    give(before, ALI_CALL_FREE);
    unit_child_require(freed == 0);
    for (int pass = 0; pass < 2; pass++) {
        sampler.mean_bytes = pass == 0 ? 0 : 4096;
        allocated = freed = 0;
        for (size_t i = 0; i < ALI_ARRAY_COUNT(blocks); i++)
            blocks[i] = take(i % 300, ALI_CALL_MALLOC);
        unit_child_require(pass == 0 ? allocated == 5000 : allocated > 50 && allocated < 2000);
        for (size_t i = 0; i < ALI_ARRAY_COUNT(blocks); i++)
            give(blocks[i], ALI_CALL_FREE);
        unit_child_require(freed == allocated && recorded_count == 0);
    }
}

static void observer_when_hardened_sees_its_own_blocks_only(void **state)
{
    (void)state;
    try_with(ALI_HARDEN_CANARY, observe);
    try_with(ALL_OPTIONS, observe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_programs_when_hardened_go_on_as_before),
        cmocka_unit_test(blocks_when_passed_between_threads_and_forked_are_fine),
        cmocka_unit_test(quarantine_when_blocks_are_freed_holds_them_and_is_bounded),
        cmocka_unit_test(guard_when_running_off_a_span_faults),
        cmocka_unit_test(guard_when_the_os_refuses_goes_on),
        cmocka_unit_test(size0_when_asked_for_gives_what_cannot_be_touched),
        cmocka_unit_test(random_when_on_scatters),
        cmocka_unit_test(observer_when_hardened_sees_its_own_blocks_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Scratch arenas: a list a thread, as long as the longest list of conflicts asked for; released
 * when the thread ends. */
#include "allot/scratch.h"

#include <errno.h>

#include "region/region.h"

struct scratch_arena {
    struct scratch_arena *next; /* the pool's while it is free */
    allot_arena arena;
};

static struct ali_pool pool = ALI_POOL_INIT((sizeof(struct scratch_arena) + 15) / 16 * 16);
static _Thread_local struct scratch_arena *mine __attribute__((tls_model("initial-exec")));

static _Atomic(uint32_t) key_state; /* 0 none, 1 being made, 2 there */
static uint32_t key;

static void release_all(void *value)
{
    struct scratch_arena *s = value;

    mine = NULL;
    while (s != NULL) {
        struct scratch_arena *next = s->next;

        allot_arena_release(&s->arena);
        ali_pool_give(&pool, s);
        s = next;
    }
}

/* A thread that loses the race to make the key arms itself when it adds its next arena. */
static void arm(void)
{
    uint32_t none = 0;

    if (atomic_load_explicit(&key_state, memory_order_acquire) == 0 &&
        atomic_compare_exchange_strong(&key_state, &none, 1)) {
        bool made = ali_os_exit_key_make(&key, release_all) == 0;

        /* release: pairs with the acquire here */
        atomic_store_explicit(&key_state, made ? 2 : 0, memory_order_release);
    }
    while (atomic_load_explicit(&key_state, memory_order_acquire) == 1)
        ali_os_spin_pause();
    if (atomic_load_explicit(&key_state, memory_order_acquire) == 2)
        ali_os_exit_key_arm(key, mine);
}

static ALI_NOINLINE allot_arena *add_arena(void)
{
    static const struct allot_arena_options options = {.name = "scratch"};
    struct scratch_arena *s;

    ali_region_hook_fork();
    s = ali_pool_take(&pool);
    if (s == NULL) {
        ali_error_set_os(ALLOT_LAYER_REGION, ENOMEM, sizeof *s);
        errno = ENOMEM;
        return NULL;
    }
    if (allot_arena_init(&s->arena, &options) != 0) {
        ali_pool_give(&pool, s);
        return NULL;
    }
    s->next = mine;
    mine = s;
    arm();
    return &s->arena;
}

void ali_scratch_fork_child(void)
{
    uint32_t making = 1; /* by a thread that is not here */

    ali_pool_fork_child(&pool);
    (void)atomic_compare_exchange_strong(&key_state, &making, 0);
}

static bool conflicts_with(const allot_arena *a, allot_arena *const *conflicts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (conflicts[i] == a)
            return true;
    return false;
}

static allot_arena *choose(allot_arena *const *conflicts, size_t count)
{
    for (struct scratch_arena *s = mine; s != NULL; s = s->next)
        if (!conflicts_with(&s->arena, conflicts, count))
            return &s->arena;
    return add_arena();
}

struct allot_scratch allot_scratch_begin(allot_arena *const *conflicts, size_t count)
{
    struct allot_scratch scratch;
    allot_arena *a = choose(conflicts, count);

    if (ali_unlikely(a == NULL))
        return (struct allot_scratch){0};
    scratch.arena = a;
    scratch.before =
        (struct allot_scratch_before){a->mark_count, a->marked, a->marked_chunk, a->marked_at};
    scratch.mark = ali_mark_take(a);
    return scratch;
}

void allot_scratch_end(struct allot_scratch *scratch)
{
    allot_arena *a = scratch->arena;

    if (a != NULL && allot_arena_rewind(a, &scratch->mark) == 0)
        ali_mark_undo(a, &scratch->mark, &scratch->before);
    scratch->arena = NULL;
}

size_t allot_scratch_trim(void)
{
    size_t bytes = 0;

    for (struct scratch_arena *s = mine; s != NULL; s = s->next)
        bytes += allot_arena_trim(&s->arena);
    return bytes;
}

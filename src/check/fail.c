/* Allocations that are refused on purpose (options fail, fail_mode, fail_out).
 *
 * An observer counts the allocations of the process and refuses the one that is asked for. When
 * nothing is to be refused and there is a file to tell it in, the call stack of each allocation is
 * looked at instead: `allot oom` then refuses one of each stack. A stack is walked only when its
 * caller at its depth of the stack was met less than WALKS times, because a walk costs some
 * microseconds.
 *
 * Only the process that created the file counts: neither children of fork nor what it executes. */
#include "check/check.h"

#include <errno.h>

#include "check/oom_record.h"
#include "core/observe.h"

#define KEYS 65536U /* a power of two */
#define WALKS 4
#define FRAMES 24

struct key {
    uint64_t value;
    uint32_t walks;
};

static struct {
    struct ali_lock lock;
    struct ali_oom_record *record;
    struct key *keys; /* NULL: stacks are not wanted */
    uint32_t key_count;
    uint32_t process_id;
    struct ali_oom_record own; /* when there is no file */
} fail = {.lock = ALI_LOCK_INIT(ALI_RANK_TRACE)};

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* --- call stacks --------------------------------------------------------------------------- */

/* Whether it is worth a walk. */
static bool is_new_locked(uint64_t key)
{
    uint32_t i = (uint32_t)(key & (KEYS - 1));

    key |= 1;
    while (fail.keys[i].value != 0 && fail.keys[i].value != key)
        i = (i + 1) & (KEYS - 1);
    if (fail.keys[i].value == 0) {
        if (fail.key_count == KEYS / 4 * 3)
            return false;
        fail.key_count++;
        fail.keys[i].value = key;
    }
    return fail.keys[i].walks++ < WALKS;
}

static bool is_known_locked(uint64_t hash)
{
    const struct ali_oom_record *r = fail.record;

    for (uint32_t i = 0; i < r->stack_count; i++)
        if (r->stacks[i].hash == hash)
            return true;
    return false;
}

static void stack_add_locked(const struct ali_oom_stack *stack)
{
    struct ali_oom_record *r = fail.record;

    if (is_known_locked(stack->hash))
        return;
    if (r->stack_count == ALI_OOM_STACKS)
        r->stacks_lost++;
    else
        r->stacks[r->stack_count++] = *stack;
}

static void note_stack(uint64_t nth, size_t size, const void *caller)
{
    uintptr_t frames[FRAMES];
    struct ali_oom_stack stack = {.first = nth, .size = size};
    struct ali_text t;
    size_t count;
    bool wanted;

    ali_lock(&fail.lock);
    wanted = is_new_locked(mix((uintptr_t)caller, (uintptr_t)__builtin_frame_address(0)));
    ali_unlock(&fail.lock);
    if (!wanted)
        return;
    count = ali_report_frames(frames, FRAMES, caller);
    for (size_t i = 0; i < count; i++)
        stack.hash = mix(stack.hash, frames[i]);
    ali_lock(&fail.lock);
    wanted = !is_known_locked(stack.hash);
    ali_unlock(&fail.lock);
    if (!wanted)
        return;
    ali_text_init(&t, stack.text, sizeof stack.text);
    ali_report_frames_text(&t, frames, count);
    ali_lock(&fail.lock);
    stack_add_locked(&stack);
    ali_unlock(&fail.lock);
}

/* --- refusing ------------------------------------------------------------------------------ */

static bool refuse(size_t size, const void *caller, void *arg)
{
    uint64_t nth;

    (void)arg;
    if (ali_os_process_id() != fail.process_id) {
        ali_observe(NULL);
        return false;
    }
    nth = __atomic_add_fetch(&fail.record->allocations, 1, __ATOMIC_RELAXED);
    if (fail.keys != NULL)
        note_stack(nth, size, caller);
    if (ali_options.fail_at == 0 || nth < ali_options.fail_at)
        return false;
    if (nth > ali_options.fail_at && ali_options.fail_mode == ALI_FAIL_ONCE)
        return false;
    __atomic_add_fetch(&fail.record->refused, 1, __ATOMIC_RELAXED);
    return true;
}

static void ignore(const struct ali_event *event, void *arg)
{
    (void)event;
    (void)arg;
}

static const struct ali_observer refuser = {.allocated = ignore, .freed = ignore, .refuse = refuse};

/* --- start --------------------------------------------------------------------------------- */

static void complain(const char *what, int error)
{
    char line[ALI_PATH_BYTES + 64];
    struct ali_text t;

    ali_text_init(&t, line, sizeof line);
    ali_text_printf(&t, "allot: %s (errno %d)\n", what, -error);
    ali_os_write(2, line, ali_text_length(&t));
}

/* False when the file is another process's, or cannot be had. */
static bool map_record(void)
{
    size_t bytes = sizeof *fail.record;
    int fd = ali_os_create_new(ali_options.fail_path);
    int error = fd;

    if (fd < 0) {
        if (fd != -EEXIST)
            complain("the file of fail_out cannot be written", error);
        return false;
    }
    if (ali_options.fail_at == 0)
        bytes += ALI_OOM_STACKS * sizeof(struct ali_oom_stack);
    fail.record = ali_os_map_file(fd, 0, bytes, &error);
    ali_os_close(fd);
    if (fail.record == NULL) {
        complain("the file of fail_out cannot be mapped", error);
        return false;
    }
    memcpy(fail.record->magic, ALI_OOM_MAGIC, sizeof fail.record->magic);
    return true;
}

void ali_fail_start(void)
{
    int error;

    if (ali_options.fail_at == 0 && ali_options.fail_path[0] == '\0')
        return;
    fail.record = &fail.own;
    fail.process_id = ali_os_process_id();
    if (ali_options.fail_path[0] != '\0' && !map_record())
        return;
    if (ali_options.fail_at == 0)
        fail.keys = ali_os_map(KEYS * sizeof(struct key), ALI_OS_READ_WRITE, NULL);
    error = ali_observe(&refuser);
    if (error != 0)
        complain("fail= cannot be had together with trace=", error);
}

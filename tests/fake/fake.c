#include "fake/fake.h"

#include <stdatomic.h>

#include "plat/plat.h"

static struct {
    uint32_t calls;
    enum fake_mode mode;
    uint64_t n;
    int os_error;
} plan;

static _Atomic(uint64_t) seen;
static _Atomic(uint64_t) failed;
static _Atomic(uint64_t) counts[FAKE_CALLS];
static _Atomic(int64_t) mapped;
static _Atomic(uint64_t) seed_state = 1;
static void (*watch)(enum fake_call call, const void *at, size_t bytes);

void fake_fail(uint32_t calls, enum fake_mode mode, uint64_t n, int os_error)
{
    plan.calls = calls;
    plan.mode = mode;
    plan.n = n;
    plan.os_error = os_error;
    atomic_store(&seen, 0);
    atomic_store(&failed, 0);
}

void fake_off(void)
{
    fake_fail(0, FAKE_NTH, 0, 0);
}

void fake_seed(uint64_t seed)
{
    atomic_store(&seed_state, seed);
}

uint64_t fake_planned(void)
{
    return atomic_load(&seen);
}

uint64_t fake_failures(void)
{
    return atomic_load(&failed);
}

uint64_t fake_count(enum fake_call call)
{
    return atomic_load(&counts[call]);
}

int64_t fake_mapped_bytes(void)
{
    return atomic_load(&mapped);
}

void fake_watch(void (*watcher)(enum fake_call call, const void *at, size_t bytes))
{
    watch = watcher;
}

static bool chance(void)
{
    struct ali_random r = {.state = atomic_fetch_add(&seed_state, 1)};

    return ali_random_next(&r) % plan.n == 0;
}

static bool is_due(uint64_t nth)
{
    switch (plan.mode) {
    case FAKE_NTH:
        return nth == plan.n;
    case FAKE_EVERY:
        return nth % plan.n == 0;
    case FAKE_FROM:
        return nth >= plan.n;
    case FAKE_ONE_IN:
        return chance();
    default:
        return false;
    }
}

/* 0: make the call. Otherwise the negative errno it fails with. */
static int verdict(enum fake_call call, const void *at, size_t bytes)
{
    atomic_fetch_add(&counts[call], 1);
    if (watch != NULL)
        watch(call, at, bytes);
    if ((plan.calls & FAKE_BIT(call)) == 0 || !is_due(atomic_fetch_add(&seen, 1) + 1))
        return 0;
    atomic_fetch_add(&failed, 1);
    return -plan.os_error;
}

static int note_mapped(int result, int64_t bytes)
{
    if (result == 0)
        atomic_fetch_add(&mapped, bytes);
    return result;
}

int __real_ali_os_map_at(void *at, size_t bytes, enum ali_os_access access);
void *__real_ali_os_map(size_t bytes, enum ali_os_access access, int *error);
int __real_ali_os_map_over(void *at, size_t bytes, enum ali_os_access access);
int __real_ali_os_unmap(void *at, size_t bytes);
int __real_ali_os_move(void *from, size_t from_bytes, void *to, size_t to_bytes);
int __real_ali_os_protect(void *at, size_t bytes, enum ali_os_access access);
int __real_ali_os_purge(void *at, size_t bytes);
int __real_ali_os_populate(void *at, size_t bytes);
int __real_ali_os_huge(void *at, size_t bytes, bool want);
int __real_ali_os_guard(void *at, size_t bytes);
int __real_ali_os_unguard(void *at, size_t bytes);
int __real_ali_os_thread_exit_hook(void (*at_exit)(void *value));
int __real_ali_os_exit_key_make(uint32_t *key, void (*at_exit)(void *value));
int __real_ali_os_fork_hook(void (*before)(void), void (*parent)(void), void (*child)(void));
int __real_ali_os_create(const char *path);
int __real_ali_os_create_new(const char *path);
void *__real_ali_os_map_file(int fd, uint64_t offset, size_t bytes, int *error);
long __real_ali_os_read_file(const char *path, char *buffer, size_t bytes);

int __real_ali_os_memory_file(size_t bytes);
int __real_ali_os_temporary_file(size_t bytes);
void *__real_ali_os_map_twice(int fd, size_t bytes, int *error);

int __wrap_ali_os_map_at(void *at, size_t bytes, enum ali_os_access access)
{
    int e = verdict(FAKE_MAP_AT, at, bytes);

    return e != 0 ? e : note_mapped(__real_ali_os_map_at(at, bytes, access), (int64_t)bytes);
}

void *__wrap_ali_os_map(size_t bytes, enum ali_os_access access, int *error)
{
    int e = verdict(FAKE_MAP, NULL, bytes);
    void *p = NULL;

    if (e == 0)
        p = __real_ali_os_map(bytes, access, error);
    else if (error != NULL)
        *error = e;
    note_mapped(p == NULL ? -1 : 0, (int64_t)bytes);
    return p;
}

int __wrap_ali_os_map_over(void *at, size_t bytes, enum ali_os_access access)
{
    int e = verdict(FAKE_MAP_OVER, at, bytes);

    return e != 0 ? e : __real_ali_os_map_over(at, bytes, access);
}

int __wrap_ali_os_unmap(void *at, size_t bytes)
{
    int e = verdict(FAKE_UNMAP, at, bytes);

    return e != 0 ? e : note_mapped(__real_ali_os_unmap(at, bytes), -(int64_t)bytes);
}

int __wrap_ali_os_move(void *from, size_t from_bytes, void *to, size_t to_bytes)
{
    int e = verdict(FAKE_MOVE, from, from_bytes);

    return e != 0 ? e
                  : note_mapped(__real_ali_os_move(from, from_bytes, to, to_bytes),
                                -(int64_t)from_bytes);
}

int __wrap_ali_os_protect(void *at, size_t bytes, enum ali_os_access access)
{
    int e = verdict(FAKE_PROTECT, at, bytes);

    return e != 0 ? e : __real_ali_os_protect(at, bytes, access);
}

int __wrap_ali_os_purge(void *at, size_t bytes)
{
    int e = verdict(FAKE_PURGE, at, bytes);

    return e != 0 ? e : __real_ali_os_purge(at, bytes);
}

int __wrap_ali_os_populate(void *at, size_t bytes)
{
    int e = verdict(FAKE_POPULATE, at, bytes);

    return e != 0 ? e : __real_ali_os_populate(at, bytes);
}

int __wrap_ali_os_huge(void *at, size_t bytes, bool want)
{
    int e = verdict(FAKE_HUGE, at, bytes);

    return e != 0 ? e : __real_ali_os_huge(at, bytes, want);
}

int __wrap_ali_os_guard(void *at, size_t bytes)
{
    int e = verdict(FAKE_GUARD, at, bytes);

    return e != 0 ? e : __real_ali_os_guard(at, bytes);
}

int __wrap_ali_os_unguard(void *at, size_t bytes)
{
    int e = verdict(FAKE_UNGUARD, at, bytes);

    return e != 0 ? e : __real_ali_os_unguard(at, bytes);
}

int __wrap_ali_os_thread_exit_hook(void (*at_exit)(void *value))
{
    int e = verdict(FAKE_THREAD_EXIT_HOOK, NULL, 0);

    return e != 0 ? e : __real_ali_os_thread_exit_hook(at_exit);
}

int __wrap_ali_os_exit_key_make(uint32_t *key, void (*at_exit)(void *value))
{
    int e = verdict(FAKE_THREAD_KEY, NULL, 0);

    return e != 0 ? e : __real_ali_os_exit_key_make(key, at_exit);
}

int __wrap_ali_os_fork_hook(void (*before)(void), void (*parent)(void), void (*child)(void))
{
    int e = verdict(FAKE_FORK_HOOK, NULL, 0);

    return e != 0 ? e : __real_ali_os_fork_hook(before, parent, child);
}

int __wrap_ali_os_create(const char *path)
{
    int e = verdict(FAKE_CREATE, path, 0);

    return e != 0 ? e : __real_ali_os_create(path);
}

int __wrap_ali_os_create_new(const char *path)
{
    int e = verdict(FAKE_CREATE, NULL, 0);

    return e != 0 ? e : __real_ali_os_create_new(path);
}

void *__wrap_ali_os_map_file(int fd, uint64_t offset, size_t bytes, int *error)
{
    int e = verdict(FAKE_MAP_FILE, NULL, bytes);

    void *p = NULL;

    if (e == 0)
        p = __real_ali_os_map_file(fd, offset, bytes, error);
    else
        *error = e;
    note_mapped(p == NULL ? -1 : 0, (int64_t)bytes);
    return p;
}

long __wrap_ali_os_read_file(const char *path, char *buffer, size_t bytes)
{
    int e = verdict(FAKE_READ_FILE, path, bytes);

    return e != 0 ? e : __real_ali_os_read_file(path, buffer, bytes);
}

int __wrap_ali_os_memory_file(size_t bytes)
{
    int e = verdict(FAKE_MEMORY_FILE, NULL, bytes);

    return e != 0 ? e : __real_ali_os_memory_file(bytes);
}

int __wrap_ali_os_temporary_file(size_t bytes)
{
    int e = verdict(FAKE_TEMPORARY_FILE, NULL, bytes);

    return e != 0 ? e : __real_ali_os_temporary_file(bytes);
}

/* The real one takes its room by ali_os_map, where that is counted. */
void *__wrap_ali_os_map_twice(int fd, size_t bytes, int *error)
{
    *error = verdict(FAKE_MAP_TWICE, NULL, bytes);
    return *error == 0 ? __real_ali_os_map_twice(fd, bytes, error) : NULL;
}

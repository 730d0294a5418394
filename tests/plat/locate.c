/* What an address is in, and call stacks. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#include "plat/plat.h"

/* Large enough to be mappings without a file of their own. */
static char zeros[1 << 20];
static int some_data = 5;

static void expect(const void *p, enum ali_os_place place, const char *in_name)
{
    char name[256];

    errno = 77;
    assert_int_equal(ali_os_locate(p, name, sizeof name), place);
    assert_int_equal(errno, 77);
    if (in_name != NULL)
        assert_non_null(strstr(name, in_name));
}

static void locate_when_code_or_data_names_the_file(void **state)
{
    (void)state;
    expect((const void *)(uintptr_t)&expect, ALI_OS_STATIC, "plat_locate");
    expect(&some_data, ALI_OS_STATIC, "plat_locate");
    expect("a constant", ALI_OS_STATIC, "plat_locate");
    expect(zeros, ALI_OS_STATIC, NULL);
    expect(zeros + sizeof zeros - 1, ALI_OS_STATIC, NULL);
    expect(zeros + sizeof zeros / 2, ALI_OS_STATIC, "plat_locate");
}

static void locate_when_in_a_library_names_it(void **state)
{
    (void)state;
    expect((const void *)(uintptr_t)&getpid, ALI_OS_STATIC, "libc");
    expect(dlsym(RTLD_DEFAULT, "environ"), ALI_OS_STATIC, NULL);
}

static void locate_when_on_a_stack_says_so(void **state)
{
    int local = 0;

    (void)state;
    expect(&local, ALI_OS_STACK, "stack");
}

static void locate_when_mapped_by_hand_is_anonymous(void **state)
{
    char *p = ali_os_map(3 * ali_os_page_bytes, ALI_OS_READ_WRITE, NULL);

    (void)state;
    assert_non_null(p);
    expect(p, ALI_OS_ANON, "");
    assert_int_equal(ali_os_unmap(p + ali_os_page_bytes, ali_os_page_bytes), 0);
    expect(p + ali_os_page_bytes, ALI_OS_UNMAPPED, "");
    expect(p + 2 * ali_os_page_bytes, ALI_OS_ANON, "");
    expect(NULL, ALI_OS_UNMAPPED, "");
    expect((void *)(UINTPTR_MAX / 2), ALI_OS_UNMAPPED, "");
}

static void locate_when_a_file_is_mapped_names_it(void **state)
{
    int fd = open("/proc/self/exe", O_RDONLY);
    char text[128];
    char *p;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    fd = memfd_create("some-data", 0);
    assert_int_equal(ftruncate(fd, 8192), 0);
    p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    expect(p + 100, ALI_OS_FILE, "some-data");
    assert_int_equal(ali_os_locate(p, text, 6), ALI_OS_FILE);
    assert_int_equal(strlen(text), 5);
    munmap(p, 8192);
    close(fd);
}

static void locate_when_below_the_break_says_so(void **state)
{
    char *p = sbrk(8192);

    (void)state;
    if (p == (void *)-1)
        skip(); /* musl keeps the break to itself */
    expect(p, ALI_OS_BRK, "heap");
}

/* --- call stacks -------------------------------------------------------------------------- */

enum { DEPTH = 12 };

static uintptr_t expected[DEPTH + 1];
static uintptr_t frames[64];
static volatile size_t count; /* raise() is declared to call nothing of this file */
static volatile unsigned keep;

static ALI_NOINLINE void recurse(unsigned level)
{
    expected[level] = (uintptr_t)__builtin_return_address(0);
    if (level == 0)
        count = ali_os_backtrace(frames, 64);
    else
        recurse(level - 1);
    keep++; /* no tail call */
}

static bool has_frame(uintptr_t address)
{
    for (size_t i = 0; i < count; i++) {
        if (frames[i] == address)
            return true;
    }
    return false;
}

static void backtrace_when_nested_has_every_caller_in_order(void **state)
{
    size_t at = 0;

    (void)state;
    errno = 77;
    recurse(DEPTH);
    assert_int_equal(errno, 77);
    assert_true(count >= DEPTH + 1);
    assert_true(frames[0] > (uintptr_t)&recurse && frames[0] < (uintptr_t)&recurse + 512);
    while (at < count && frames[at] != expected[0])
        at++;
    for (unsigned level = 0; level <= DEPTH; level++, at++)
        assert_true(at < count && frames[at] == expected[level]);
}

static void backtrace_when_room_is_short_keeps_the_innermost(void **state)
{
    uintptr_t some[3] = {0, 0, 42};

    (void)state;
    assert_int_equal(ali_os_backtrace(some, 2), 2);
    assert_int_equal(some[2], 42);
    assert_true(some[0] != 0 && some[1] != 0);
    assert_int_equal(ali_os_backtrace(some, 0), 0);
}

static int compare(const void *a, const void *b)
{
    if (count == 0)
        count = ali_os_backtrace(frames, 64);
    return *(const int *)a - *(const int *)b;
}

static ALI_NOINLINE uintptr_t sort_something(void)
{
    int numbers[] = {3, 1, 2};

    qsort(numbers, 3, sizeof numbers[0], compare);
    keep++;
    return (uintptr_t)__builtin_return_address(0);
}

/* libc has no frame pointers. */
static void backtrace_when_through_libc_reaches_the_caller(void **state)
{
    uintptr_t caller;

    (void)state;
#if !defined(__GLIBC__)
    skip(); /* musl has no tables either */
#endif
    count = 0;
    caller = sort_something();
    assert_true(has_frame(caller));
}

static void on_signal(int number)
{
    (void)number;
    count = ali_os_backtrace(frames, 64);
}

static ALI_NOINLINE uintptr_t raise_something(void)
{
    raise(SIGUSR1);
    keep++;
    return (uintptr_t)__builtin_return_address(0);
}

/* The frame of the interrupted code is not a call's, and the handler may have a stack of its own,
 * below or above. */
static void backtrace_when_in_a_signal_handler_reaches_the_interrupted(void **state)
{
    static char own_stack[64 << 10];
    const stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    const stack_t none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = on_signal};

    (void)state;
#if !defined(__x86_64__) || !defined(__GLIBC__)
    skip(); /* the trampoline tells no return address there, or nothing tells musl's frames */
#endif
    for (unsigned i = 0; i < 2; i++) {
        action.sa_flags = i == 1 ? SA_ONSTACK : 0;
        assert_int_equal(sigaltstack(i == 1 ? &stack : &none, NULL), 0);
        assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
        count = 0;
        assert_true(has_frame(raise_something()));
    }
    assert_int_equal(sigaltstack(&none, NULL), 0);
    (void)signal(SIGUSR1, SIG_DFL);
}

#ifdef __GLIBC__
static void *others[64];
static size_t other_count;

static ALI_NOINLINE void both(unsigned level)
{
    /* moves the stack by an amount that the compiler does not know */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Walloca"
    char *volatile room = __builtin_alloca(level * 48 + 16);
#pragma GCC diagnostic pop

    room[0] = 0;
    if (level == 0) {
        other_count = (size_t)backtrace(others, 64);
        count = ali_os_backtrace(frames, 64);
    } else {
        both(level - 1);
    }
    keep++;
}

/* All but the innermost frame, whose return address is another one, up to the start of the
 * program. */
static void backtrace_when_compared_agrees_with_the_c_librarys(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        skip();
    both(9);
    assert_true(count > 12);
    assert_int_equal(count, other_count);
    for (size_t i = 1; i < count; i++)
        assert_int_equal(frames[i], (uintptr_t)others[i]);
}
#endif

static void deny_copying(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = ALI_ARRAY_COUNT(filter), .filter = filter};

    unit_child_require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    unit_child_require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void backtrace_without_copying(void *arg)
{
    (void)arg;
    deny_copying();
    recurse(DEPTH);
    unit_child_require(count >= DEPTH + 1);
    for (unsigned level = 0; level <= DEPTH; level++)
        unit_child_require(has_frame(expected[level]));
}

static void backtrace_when_the_kernel_denies_copying_reads_the_map_table(void **state)
{
    (void)state;
    assert_true(unit_succeeded(unit_in_child(backtrace_without_copying, NULL)));
}

/* Overwrites what lies above in the stack with what looks like addresses and what does not, then
 * leaves without returning. */
static void backtrace_of_smashed_stack(void *arg)
{
    struct ali_random r = {.state = (uintptr_t)arg};
    volatile uintptr_t *words = (volatile uintptr_t *)__builtin_frame_address(0);
    uintptr_t some[64];

    for (unsigned i = 0; i < 40; i++) {
        uint64_t dice = ali_random_next(&r);

        if (dice % 4 == 0)
            words[i] = dice >> (dice >> 8) % 64;
        else if (dice % 4 == 1)
            words[i] = (uintptr_t)&words[(dice >> 8) % 64];
        else if (dice % 4 == 2)
            words[i] = (uintptr_t)&recurse + (dice >> 8) % 200;
    }
    unit_child_require(ali_os_backtrace(some, 64) <= 64);
    _exit(0);
}

static void backtrace_when_the_stack_is_damaged_does_not_fault(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        skip();
    for (uintptr_t seed = 1; seed <= 200; seed++)
        assert_true(unit_succeeded(unit_in_child(backtrace_of_smashed_stack, (void *)seed)));
}

static int start(void **state)
{
    (void)state;
    ali_os_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locate_when_code_or_data_names_the_file),
        cmocka_unit_test(locate_when_in_a_library_names_it),
        cmocka_unit_test(locate_when_on_a_stack_says_so),
        cmocka_unit_test(locate_when_mapped_by_hand_is_anonymous),
        cmocka_unit_test(locate_when_a_file_is_mapped_names_it),
        cmocka_unit_test(locate_when_below_the_break_says_so),
        cmocka_unit_test(backtrace_when_nested_has_every_caller_in_order),
        cmocka_unit_test(backtrace_when_room_is_short_keeps_the_innermost),
        cmocka_unit_test(backtrace_when_through_libc_reaches_the_caller),
        cmocka_unit_test(backtrace_when_in_a_signal_handler_reaches_the_interrupted),
#ifdef __GLIBC__
        cmocka_unit_test(backtrace_when_compared_agrees_with_the_c_librarys),
#endif
        cmocka_unit_test(backtrace_when_the_kernel_denies_copying_reads_the_map_table),
        cmocka_unit_test(backtrace_when_the_stack_is_damaged_does_not_fault),
    };

    return cmocka_run_group_tests_name("plat/locate", tests, start, NULL);
}

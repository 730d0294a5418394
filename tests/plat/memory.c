#include "unit.h"

#include <errno.h>
#include <sys/syscall.h>

#include "plat/plat.h"

static size_t page;

static char *mapped(size_t pages, enum ali_os_access access)
{
    char *p = ali_os_map(pages * page, access, NULL);

    assert_non_null(p);
    return p;
}

static bool is_filled(const char *p, size_t bytes, char with)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != with)
            return false;
    }
    return true;
}

/* Not by the function of libc, which sanitizers make do nothing. */
static bool lock_pages(void *p, size_t bytes)
{
    return syscall(SYS_mlock, p, bytes) == 0;
}

static bool is_mapped(const void *p)
{
    return ali_os_locate(p, NULL, 0) != ALI_OS_UNMAPPED;
}

static void read_byte(void *p)
{
    (void)*(volatile char *)p;
}

static void write_byte(void *p)
{
    *(volatile char *)p = 1;
}

static bool faults(void (*access)(void *p), void *p)
{
    return unit_crashed(unit_in_child(access, p));
}

static void map_when_possible_is_zero_and_has_the_access(void **state)
{
    char *p = mapped(3, ALI_OS_READ_WRITE);
    int e = 1;
    char *q = ali_os_map(page, ALI_OS_NONE, &e);

    (void)state;
    assert_true(ali_is_aligned(p, page));
    assert_true(is_filled(p, 3 * page, 0));
    assert_false(faults(write_byte, p + 3 * page - 1));
    assert_int_equal(e, 0);
    assert_true(faults(read_byte, q));
    assert_int_equal(ali_os_unmap(p, 3 * page), 0);
    assert_int_equal(ali_os_unmap(q, page), 0);
}

static void map_when_too_large_fails_and_keeps_errno(void **state)
{
    int e = 0;

    (void)state;
    errno = 77;
    assert_null(ali_os_map((size_t)1 << 60, ALI_OS_NONE, &e));
    assert_int_equal(e, -ENOMEM);
    assert_null(ali_os_map(0, ALI_OS_NONE, &e));
    assert_int_equal(e, -EINVAL);
    assert_null(ali_os_map(0, ALI_OS_NONE, NULL));
    assert_int_equal(errno, 77);
}

static void map_at_when_free_is_exactly_there(void **state)
{
    char *p = mapped(4, ALI_OS_NONE);

    (void)state;
    assert_int_equal(ali_os_unmap(p, 4 * page), 0);
    assert_int_equal(ali_os_map_at(p + page, page, ALI_OS_READ_WRITE), 0);
    p[page] = 1;
    assert_false(is_mapped(p));
    assert_int_equal(ali_os_unmap(p + page, page), 0);
}

static void map_at_when_any_page_is_taken_changes_nothing(void **state)
{
    char *p = mapped(4, ALI_OS_READ_WRITE);

    (void)state;
    assert_int_equal(ali_os_unmap(p + 2 * page, 2 * page), 0);
    memset(p, 7, 2 * page);
    errno = 77;
    assert_int_equal(ali_os_map_at(p, 2 * page, ALI_OS_READ_WRITE), -EEXIST);
    assert_int_equal(ali_os_map_at(p + page, 2 * page, ALI_OS_READ_WRITE), -EEXIST);
    assert_int_equal(errno, 77);
    assert_true(is_filled(p, 2 * page, 7));
    assert_false(is_mapped(p + 2 * page));
    assert_int_equal(ali_os_unmap(p, 2 * page), 0);
}

static void map_over_when_ours_replaces_by_zero(void **state)
{
    char *p = mapped(3, ALI_OS_READ_WRITE);

    (void)state;
    memset(p, 7, 3 * page);
    assert_int_equal(ali_os_map_over(p + page, page, ALI_OS_READ_WRITE), 0);
    assert_true(is_filled(p, page, 7));
    assert_true(is_filled(p + page, page, 0));
    assert_true(is_filled(p + 2 * page, page, 7));
    assert_int_equal(ali_os_map_over(p, page, ALI_OS_NONE), 0);
    assert_true(faults(read_byte, p));
    assert_int_equal(ali_os_map_over(p + 1, page, ALI_OS_NONE), -EINVAL);
    assert_int_equal(ali_os_unmap(p, 3 * page), 0);
}

static void unmap_when_misaligned_fails(void **state)
{
    char *p = mapped(1, ALI_OS_READ_WRITE);

    (void)state;
    assert_int_equal(ali_os_unmap(p + 1, page), -EINVAL);
    assert_true(is_mapped(p));
    assert_int_equal(ali_os_unmap(p, page), 0);
    assert_false(is_mapped(p));
}

static void move_when_grown_keeps_contents_and_frees_the_old(void **state)
{
    char *from = mapped(2, ALI_OS_READ_WRITE);
    char *to = mapped(8, ALI_OS_NONE);

    (void)state;
    memset(from, 9, 2 * page);
    assert_int_equal(ali_os_move(from, 2 * page, to, 8 * page), 0);
    assert_true(is_filled(to, 2 * page, 9));
    assert_true(is_filled(to + 2 * page, 6 * page, 0));
    to[8 * page - 1] = 1;
    assert_false(is_mapped(from));
    assert_int_equal(ali_os_unmap(to, 8 * page), 0);
}

static void move_when_shrunk_keeps_the_front(void **state)
{
    char *from = mapped(4, ALI_OS_READ_WRITE);
    char *to = mapped(1, ALI_OS_NONE);

    (void)state;
    memset(from, 9, 4 * page);
    assert_int_equal(ali_os_move(from, 4 * page, to, page), 0);
    assert_true(is_filled(to, page, 9));
    assert_false(is_mapped(from));
    assert_false(is_mapped(from + 3 * page));
    assert_int_equal(ali_os_unmap(to, page), 0);
}

/* A source with a hole cannot grow. Nobody else may get the target's place meanwhile. */
static void move_when_refused_keeps_the_source_and_the_place(void **state)
{
    char *from = mapped(3, ALI_OS_READ_WRITE);
    char *to = mapped(4, ALI_OS_NONE);

    (void)state;
    memset(from, 9, 3 * page);
    assert_int_equal(ali_os_unmap(from + page, page), 0);
    errno = 77;
    assert_true(ali_os_move(from, 3 * page, to, 4 * page) < 0);
    assert_int_equal(errno, 77);
    assert_true(is_filled(from, page, 9));
    assert_true(is_filled(from + 2 * page, page, 9));
    for (unsigned i = 0; i < 4; i++)
        assert_true(is_mapped(to + i * page));
    assert_int_equal(ali_os_unmap(to, 4 * page), 0);
    assert_int_equal(ali_os_unmap(from, 3 * page), 0);
}

static void protect_when_changed_holds(void **state)
{
    char *p = mapped(2, ALI_OS_READ_WRITE);

    (void)state;
    memset(p, 5, 2 * page);
    assert_int_equal(ali_os_protect(p, page, ALI_OS_READ), 0);
    assert_int_equal(p[0], 5);
    assert_true(faults(write_byte, p));
    assert_false(faults(write_byte, p + page));
    assert_int_equal(ali_os_protect(p, page, ALI_OS_NONE), 0);
    assert_true(faults(read_byte, p));
    assert_int_equal(ali_os_protect(p, page, ALI_OS_READ_WRITE), 0);
    p[0] = 6;
    assert_int_equal(p[1], 5);
    assert_int_equal(ali_os_unmap(p, 2 * page), 0);
    assert_int_equal(ali_os_protect(p, page, ALI_OS_READ), -ENOMEM);
}

static void purge_when_allowed_gives_pages_back_and_zero(void **state)
{
    char *p = mapped(8, ALI_OS_READ_WRITE);

    (void)state;
    (void)ali_os_huge(p, 8 * page, false);
    memset(p, 5, 8 * page);
    assert_int_equal(ali_os_resident_bytes(p, 8 * page), 8 * page);
    assert_int_equal(ali_os_purge(p + page, 6 * page), 0);
    assert_int_equal(ali_os_resident_bytes(p, 8 * page), 2 * page);
    assert_true(is_filled(p, page, 5));
    assert_true(is_filled(p + page, 6 * page, 0));
    assert_true(is_filled(p + 7 * page, page, 5));
    assert_int_equal(ali_os_unmap(p, 8 * page), 0);
}

static void purge_when_locked_fails_and_keeps_contents(void **state)
{
    char *p = mapped(1, ALI_OS_READ_WRITE);

    (void)state;
    memset(p, 5, page);
    if (!lock_pages(p, page)) {
        assert_int_equal(ali_os_unmap(p, page), 0);
        skip();
    }
    errno = 77;
    assert_int_equal(ali_os_purge(p, page), -EINVAL);
    assert_int_equal(errno, 77);
    assert_true(is_filled(p, page, 5));
    assert_int_equal(ali_os_unmap(p, page), 0);
}

static void populate_when_supported_makes_resident(void **state)
{
    char *p = mapped(16, ALI_OS_READ_WRITE);
    int e;

    (void)state;
    (void)ali_os_huge(p, 16 * page, false);
    assert_int_equal(ali_os_resident_bytes(p, 16 * page), 0);
    e = ali_os_populate(p, 16 * page);
    if (e == 0)
        assert_int_equal(ali_os_resident_bytes(p, 16 * page), 16 * page);
    else
        assert_int_equal(e, -EINVAL); /* before 5.14 */
    assert_true(is_filled(p, 16 * page, 0));
    assert_int_equal(ali_os_unmap(p, 16 * page), 0);
    assert_true(ali_os_populate(p, 16 * page) < 0);
}

static void resident_when_range_is_large_or_has_holes_is_counted(void **state)
{
    enum { PAGES = 5000 };
    char *p = mapped(PAGES, ALI_OS_READ_WRITE);

    (void)state;
    (void)ali_os_huge(p, PAGES * page, false);
    for (size_t i = 0; i < PAGES; i += 2)
        p[i * page] = 1;
    assert_int_equal(ali_os_resident_bytes(p, PAGES * page), PAGES / 2 * page);
    assert_int_equal(ali_os_resident_bytes(p + 1, page), page); /* half of each of two */
    assert_int_equal(ali_os_unmap(p + page, 3 * page), 0);      /* one of these is resident */
    assert_int_equal(ali_os_resident_bytes(p, PAGES * page), (PAGES / 2 - 1) * page);
    assert_int_equal(ali_os_unmap(p, PAGES * page), 0);
    assert_int_equal(ali_os_resident_bytes(p, PAGES * page), 0);
}

static void huge_when_asked_succeeds_or_is_not_built_in(void **state)
{
    char *p = mapped(4, ALI_OS_READ_WRITE);

    (void)state;
    for (unsigned want = 0; want < 2; want++) {
        int e = ali_os_huge(p, 4 * page, want);

        assert_true(e == 0 || e == -EINVAL);
    }
    assert_int_equal(ali_os_unmap(p, 4 * page), 0);
    assert_true(ali_os_huge(p, 4 * page, true) < 0);
}

static void check_guard(char *p)
{
    assert_int_equal(ali_os_guard(p + page, page), 0);
    assert_true(faults(read_byte, p + page));
    assert_true(faults(write_byte, p + 2 * page - 1));
    assert_int_equal(p[page - 1], 5);
    assert_int_equal(p[2 * page], 5);
    assert_int_equal(ali_os_unguard(p + page, page), 0);
    memset(p + page, 6, page);
    assert_true(is_filled(p + page, page, 6));
}

static void guard_when_installed_faults_until_removed(void **state)
{
    char *p = mapped(3, ALI_OS_READ_WRITE);

    (void)state;
    memset(p, 5, 3 * page);
    check_guard(p);
    assert_int_equal(ali_os_unmap(p, 3 * page), 0);
    assert_true(ali_os_guard(p, page) < 0);
}

/* Locked memory takes no guard markers: the protection has to do. */
static void guard_when_memory_is_locked_faults_too(void **state)
{
    char *p = mapped(3, ALI_OS_READ_WRITE);

    (void)state;
    if (!lock_pages(p, 3 * page)) {
        assert_int_equal(ali_os_unmap(p, 3 * page), 0);
        skip();
    }
    memset(p, 5, 3 * page);
    check_guard(p);
    assert_int_equal(ali_os_unmap(p, 3 * page), 0);
}

static int start(void **state)
{
    (void)state;
    ali_os_init();
    page = ali_os_page_bytes;
    return page == (size_t)sysconf(_SC_PAGESIZE) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_when_possible_is_zero_and_has_the_access),
        cmocka_unit_test(map_when_too_large_fails_and_keeps_errno),
        cmocka_unit_test(map_at_when_free_is_exactly_there),
        cmocka_unit_test(map_at_when_any_page_is_taken_changes_nothing),
        cmocka_unit_test(map_over_when_ours_replaces_by_zero),
        cmocka_unit_test(unmap_when_misaligned_fails),
        cmocka_unit_test(move_when_grown_keeps_contents_and_frees_the_old),
        cmocka_unit_test(move_when_shrunk_keeps_the_front),
        cmocka_unit_test(move_when_refused_keeps_the_source_and_the_place),
        cmocka_unit_test(protect_when_changed_holds),
        cmocka_unit_test(purge_when_allowed_gives_pages_back_and_zero),
        cmocka_unit_test(purge_when_locked_fails_and_keeps_contents),
        cmocka_unit_test(populate_when_supported_makes_resident),
        cmocka_unit_test(resident_when_range_is_large_or_has_holes_is_counted),
        cmocka_unit_test(huge_when_asked_succeeds_or_is_not_built_in),
        cmocka_unit_test(guard_when_installed_faults_until_removed),
        cmocka_unit_test(guard_when_memory_is_locked_faults_too),
    };

    return cmocka_run_group_tests_name("plat/memory", tests, start, NULL);
}

/* Spans and strings in fixed buffers. The buffers stand in front of a page that cannot be touched,
 * so that no call reads or writes behind one unseen. */
#include "unit.h"

#include <allot/str.h>
#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

#define PAGE 4096

/* The end of a page; what is behind it faults. */
static char *edge;

static int map_edge(void **state)
{
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) != 0)
        return -1;
    edge = pages + PAGE;
    return 0;
}

/* A buffer of `bytes` bytes in front of the edge, full of x. */
static char *buffer_of(size_t bytes)
{
    memset(edge - PAGE, 'x', PAGE);
    return edge - bytes;
}

/* A string that ends at the edge. */
static char *text_at_edge(const char *text)
{
    char *at = buffer_of(strlen(text) + 1);

    memcpy(at, text, strlen(text) + 1);
    return at;
}

/* --- spans --------------------------------------------------------------------------------- */

#define assert_span(span, text) assert_true(allot_span_equal((span), allot_span_of(text)))

static void span_parts_are_clamped(void **state)
{
    allot_span s = ALLOT_SPAN("abcdef");

    (void)state;
    assert_span(allot_span_slice(s, 1, 3), "bc");
    assert_span(allot_span_slice(s, 4, SIZE_MAX), "ef");
    assert_int_equal(allot_span_slice(s, 3, 2).bytes, 0);
    assert_int_equal(allot_span_slice(s, SIZE_MAX, SIZE_MAX).bytes, 0);
    assert_ptr_equal(allot_span_slice(s, 9, 12).at, s.at + 6);
    assert_span(allot_span_from(s, 5), "f");
    assert_ptr_equal(allot_span_from(s, 6).at, s.at + 6);
    assert_int_equal(allot_span_from(s, 7).bytes, 0);
    assert_int_equal(allot_span_of(NULL).bytes, 0);
    assert_null(allot_span_slice(allot_span_of(NULL), 0, 1).at);
    assert_int_equal(allot_span_width(allot_span_make("", (size_t)INT_MAX + 1)), INT_MAX);
}

static void span_compare_orders_bytes_then_lengths(void **state)
{
    allot_span none = allot_span_of(NULL);

    (void)state;
    assert_int_equal(allot_span_compare(ALLOT_SPAN("ab"), ALLOT_SPAN("ac")), -1);
    assert_int_equal(allot_span_compare(ALLOT_SPAN("\xff"), ALLOT_SPAN("a")), 1);
    assert_int_equal(allot_span_compare(ALLOT_SPAN("ab"), ALLOT_SPAN("abc")), -1);
    assert_int_equal(allot_span_compare(ALLOT_SPAN("a\0c"), ALLOT_SPAN("a\0b")), 1);
    assert_int_equal(allot_span_compare(ALLOT_SPAN("a"), none), 1);
    assert_int_equal(allot_span_compare(none, none), 0);
    assert_true(allot_span_equal(none, ALLOT_SPAN("")));
    assert_false(allot_span_equal(ALLOT_SPAN("a"), ALLOT_SPAN("b")));
    assert_true(allot_span_equal_nocase(ALLOT_SPAN("Content-[@"), ALLOT_SPAN("cONTENT-[@")));
    assert_false(allot_span_equal_nocase(ALLOT_SPAN("["), ALLOT_SPAN("{")));
    assert_false(allot_span_equal_nocase(ALLOT_SPAN("a"), ALLOT_SPAN("aa")));
}

static void span_ends_are_seen(void **state)
{
    allot_span s = ALLOT_SPAN("file.tar.gz");
    allot_span none = allot_span_of(NULL);

    (void)state;
    assert_true(allot_span_starts(s, ALLOT_SPAN("file")));
    assert_false(allot_span_starts(s, ALLOT_SPAN("file.tar.gz.")));
    assert_false(allot_span_starts(s, ALLOT_SPAN("tar")));
    assert_true(allot_span_ends(s, ALLOT_SPAN(".gz")));
    assert_false(allot_span_ends(s, ALLOT_SPAN(".tar")));
    assert_false(allot_span_ends(ALLOT_SPAN("gz"), ALLOT_SPAN(".gz")));
    assert_true(allot_span_starts(none, none));
    assert_true(allot_span_ends(none, none));
    assert_false(allot_span_ends(none, s));
}

static void span_find_tells_the_offset_or_none(void **state)
{
    allot_span s = ALLOT_SPAN("a=b=c");
    allot_span none = allot_span_of(NULL);

    (void)state;
    assert_int_equal(allot_span_find(s, ALLOT_SPAN("=c")), 3);
    assert_int_equal(allot_span_find(s, ALLOT_SPAN("=d")), ALLOT_SPAN_NONE);
    assert_int_equal(allot_span_find(s, ALLOT_SPAN("a=b=c=")), ALLOT_SPAN_NONE);
    assert_int_equal(allot_span_find(s, none), 0);
    assert_int_equal(allot_span_find(none, s), ALLOT_SPAN_NONE);
    assert_int_equal(allot_span_find_char(s, '='), 1);
    assert_int_equal(allot_span_find_last(s, '='), 3);
    assert_int_equal(allot_span_find_last(s, 0), ALLOT_SPAN_NONE);
    assert_int_equal(allot_span_find_char(none, 'a'), ALLOT_SPAN_NONE);
    assert_int_equal(allot_span_find_last(none, 'a'), ALLOT_SPAN_NONE);
}

static void span_trim_takes_blanks_off_both_ends(void **state)
{
    (void)state;
    assert_span(allot_span_trim(ALLOT_SPAN(" \t a b\r\n\v\f")), "a b");
    assert_int_equal(allot_span_trim(ALLOT_SPAN(" \n ")).bytes, 0);
    assert_int_equal(allot_span_trim(allot_span_of(NULL)).bytes, 0);
    assert_span(allot_span_trim(ALLOT_SPAN("\xa0z")), "\xa0z");
}

/* Joins the parts as "<a><b>". */
static void assert_parts(const char *text, bool words, const char *expected)
{
    allot_span rest = allot_span_of(text);
    char joined[64] = "";
    allot_span part;

    while (words ? allot_span_word(&rest, ALLOT_SPAN(", "), &part)
                 : allot_span_split(&rest, ',', &part))
        assert_int_equal(
            allot_str_cat_printf(joined, sizeof joined, "<%.*s>", ALLOT_SPAN_ARGS(part)), 0);
    assert_string_equal(joined, expected);
}

static void span_split_gives_every_part(void **state)
{
    (void)state;
    assert_parts("a,,b,", false, "<a><><b><>");
    assert_parts("a", false, "<a>");
    assert_parts(",", false, "<><>");
    assert_parts("", false, "<>");
    assert_parts(NULL, false, "");
}

static void span_word_skips_runs_of_separators(void **state)
{
    (void)state;
    assert_parts(" a ,b,  cd", true, "<a><b><cd>");
    assert_parts("a, ", true, "<a>");
    assert_parts(" , ", true, "");
    assert_parts(NULL, true, "");
}

static void assert_u64(const char *text, unsigned base, int status, uint64_t expected)
{
    uint64_t value = 42;

    assert_int_equal(allot_span_u64(allot_span_of(text), base, &value), status);
    assert_true(value == (status == 0 ? expected : 42));
}

static void assert_i64(const char *text, int status, int64_t expected)
{
    int64_t value = 42;

    assert_int_equal(allot_span_i64(allot_span_of(text), 10, &value), status);
    assert_true(value == (status == 0 ? expected : 42));
}

static void span_numbers_are_whole_and_fit(void **state)
{
    (void)state;
    assert_u64("0", 10, 0, 0);
    assert_u64("18446744073709551615", 10, 0, UINT64_MAX);
    assert_u64("18446744073709551616", 10, -ERANGE, 0);
    assert_u64("99999999999999999999999", 10, -ERANGE, 0);
    assert_u64("99999999999999999999999x", 10, -EINVAL, 0);
    assert_u64("fFfF", 16, 0, 0xffff);
    assert_u64("zz", 36, 0, 35 * 37);
    assert_u64("12", 2, -EINVAL, 0);
    assert_u64("", 10, -EINVAL, 0);
    assert_u64(" 1", 10, -EINVAL, 0);
    assert_u64("1 ", 10, -EINVAL, 0);
    assert_u64("+1", 10, -EINVAL, 0);
    assert_u64("0x1", 16, -EINVAL, 0);
    assert_u64("1", 1, -EINVAL, 0);
    assert_u64("1", 37, -EINVAL, 0);
    assert_i64("-9223372036854775808", 0, INT64_MIN);
    assert_i64("-9223372036854775809", -ERANGE, 0);
    assert_i64("9223372036854775807", 0, INT64_MAX);
    assert_i64("+9223372036854775808", -ERANGE, 0);
    assert_i64("-0", 0, 0);
    assert_i64("-", -EINVAL, 0);
    assert_i64("+", -EINVAL, 0);
    assert_i64("--1", -EINVAL, 0);
    assert_i64("", -EINVAL, 0);
}

static void span_dup_is_a_terminated_block_of_its_own(void **state)
{
    allot_span s = ALLOT_SPAN("a\0b");
    char *copy = allot_span_dup(NULL, s);
    char *empty = allot_span_dup(NULL, allot_span_of(NULL));

    (void)state;
    assert_non_null(copy);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(empty, "");
    assert_null(allot_span_dup(NULL, allot_span_make("", SIZE_MAX)));
    assert_int_equal(allot_last_error().cause, ALLOT_CAUSE_TOO_LARGE);
    allot_delete(NULL, copy, 4);
    allot_delete(NULL, empty, 1);
}

/* --- buffers ------------------------------------------------------------------------------- */

static void copy_when_it_fits_or_not_is_told(void **state)
{
    char *to = buffer_of(4);

    (void)state;
    assert_int_equal(allot_str_copy(to, 4, "abc"), 0);
    assert_string_equal(to, "abc");
    assert_int_equal(allot_str_copy(to, 4, "abcd"), -EMSGSIZE);
    assert_string_equal(to, "abc");
    assert_int_equal(allot_str_copy(to, 4, ""), 0);
    assert_string_equal(to, "");
    assert_int_equal(allot_str_copy(to, 1, "a"), -EMSGSIZE);
    assert_string_equal(to, "");
    assert_int_equal(to[-1], 'x');
    ALLOT_MAY_CUT(allot_str_copy(to, 4, "too long"));
    assert_string_equal(to, "too");
}

static void copy_of_a_span_takes_its_bytes(void **state)
{
    char *to = buffer_of(4);

    (void)state;
    assert_int_equal(allot_str_copy_span(to, 4, allot_span_make("abcdef", 3)), 0);
    assert_string_equal(to, "abc");
    assert_int_equal(allot_str_copy_span(to, 4, ALLOT_SPAN("a\0b")), 0);
    assert_memory_equal(to, "a\0b", 4);
    assert_int_equal(allot_str_copy_span(to, 4, ALLOT_SPAN("abcde")), -EMSGSIZE);
    assert_string_equal(to, "abc");
    assert_int_equal(allot_str_copy_span(to, 4, allot_span_make(NULL, 1)), -EINVAL);
    assert_string_equal(to, "");
    assert_int_equal(allot_str_copy_span(to, 4, allot_span_of(NULL)), 0);
    assert_string_equal(to, "");
}

/* Goal: no more of the source is read than its text. */
static void copy_from_the_edge_reads_no_further(void **state)
{
    const char *from = text_at_edge("abc");
    char to[16];

    (void)state;
    assert_int_equal(allot_str_copy(to, sizeof to, from), 0);
    assert_string_equal(to, "abc");
    assert_int_equal(allot_str_cat(to, sizeof to, from), 0);
    assert_string_equal(to, "abcabc");
    edge[-1] = 'd'; /* not terminated: what fits is read, and the byte that tells of the cut */
    assert_int_equal(allot_str_copy(to, 3, edge - 3), -EMSGSIZE);
    assert_string_equal(to, "bc");
}

static void copy_when_arguments_are_bad_leaves_an_empty_string(void **state)
{
    char *to = buffer_of(4);

    (void)state;
    assert_int_equal(allot_str_copy(to, 4, NULL), -EINVAL);
    assert_string_equal(to, "");
    assert_int_equal(allot_str_copy(NULL, 4, "a"), -EINVAL);
    assert_int_equal(allot_str_copy(edge, 0, "a"), -EMSGSIZE);
    assert_int_equal(allot_str_printf(NULL, 4, "a"), -EINVAL);
    assert_int_equal(allot_str_printf(edge, 0, "a"), -EMSGSIZE);
}

static void copy_when_it_overlaps_gives_what_was_there(void **state)
{
    char buffer[16] = "abcdefgh";

    (void)state;
    assert_int_equal(allot_str_copy(buffer, sizeof buffer, buffer + 2), 0);
    assert_string_equal(buffer, "cdefgh");
    assert_int_equal(allot_str_copy(buffer + 2, sizeof buffer - 2, buffer), 0);
    assert_string_equal(buffer, "cdcdefgh");
    assert_int_equal(allot_str_copy(buffer, sizeof buffer, buffer), 0);
    assert_string_equal(buffer, "cdcdefgh");
}

static void cat_appends_and_tells_of_a_cut(void **state)
{
    char *to = buffer_of(6);

    (void)state;
    to[0] = 0;
    assert_int_equal(allot_str_cat(to, 6, "ab"), 0);
    assert_int_equal(allot_str_cat_span(to, 6, ALLOT_SPAN("cde")), 0);
    assert_string_equal(to, "abcde");
    assert_int_equal(allot_str_cat(to, 6, ""), 0);
    assert_int_equal(allot_str_cat(to, 6, "f"), -EMSGSIZE);
    assert_int_equal(allot_str_cat_span(to, 6, ALLOT_SPAN("f")), -EMSGSIZE);
    assert_string_equal(to, "abcde");
    to[2] = 0;
    assert_int_equal(allot_str_cat(to, 6, "1234567"), -EMSGSIZE);
    assert_string_equal(to, "ab123");
}

static void cat_when_arguments_are_bad_changes_nothing(void **state)
{
    char *to = buffer_of(4);

    (void)state;
    assert_int_equal(allot_str_copy(to, 4, "ab"), 0);
    assert_int_equal(allot_str_cat(to, 4, NULL), -EINVAL);
    assert_int_equal(allot_str_cat_span(to, 4, allot_span_make(NULL, 1)), -EINVAL);
    assert_int_equal(allot_str_cat(NULL, 4, "c"), -EINVAL);
    assert_int_equal(allot_str_cat_span(NULL, 4, ALLOT_SPAN("c")), -EINVAL);
    assert_int_equal(allot_str_cat_printf(NULL, 4, "c"), -EINVAL);
    assert_int_equal(allot_str_cat(to, 0, "c"), -EMSGSIZE);
    assert_string_equal(to, "ab");
}

static void cat_without_a_terminator_adds_one(void **state)
{
    char *to = buffer_of(4);

    (void)state;
    assert_int_equal(allot_str_cat(to, 4, "a"), -EINVAL);
    assert_string_equal(to, "xxx");
    to[3] = 'x';
    assert_int_equal(allot_str_cat_printf(to, 4, "a"), -EINVAL);
    assert_string_equal(to, "xxx");
}

static void cat_of_itself_doubles(void **state)
{
    char buffer[16] = "abc";

    (void)state;
    assert_int_equal(allot_str_cat(buffer, sizeof buffer, buffer), 0);
    assert_string_equal(buffer, "abcabc");
    assert_int_equal(allot_str_cat(buffer, sizeof buffer, buffer + 4), 0);
    assert_string_equal(buffer, "abcabcbc");
    assert_int_equal(allot_str_cat(buffer, 12, buffer), -EMSGSIZE);
    assert_string_equal(buffer, "abcabcbcabc");
}

/* --- printing ------------------------------------------------------------------------------ */

static void printf_tells_of_a_cut(void **state)
{
    char *to = buffer_of(8);

    (void)state;
    assert_int_equal(allot_str_printf(to, 8, "%d-%s", 12, "abcd"), 0);
    assert_string_equal(to, "12-abcd");
    assert_int_equal(allot_str_printf(to, 8, "%d-%s", 12, "abcde"), -EMSGSIZE);
    assert_string_equal(to, "12-abcd");
    assert_int_equal(allot_str_printf(to, 8, "%s", ""), 0);
    assert_int_equal(allot_str_cat_printf(to, 8, "%.2f", 0.5), 0);
    assert_int_equal(allot_str_cat_printf(to, 8, "%05d", 1), -EMSGSIZE);
    assert_string_equal(to, "0.50000");
    assert_int_equal(allot_str_printf(to, 1, "a"), -EMSGSIZE);
    assert_string_equal(to, "");
}

static void printf_of_its_own_buffer_is_defined(void **state)
{
    char buffer[32] = "abc";

    (void)state;
    assert_int_equal(allot_str_printf(buffer, sizeof buffer, "<%s|%s>", buffer, buffer + 1), 0);
    assert_string_equal(buffer, "<abc|bc>");
    assert_int_equal(allot_str_cat_printf(buffer, sizeof buffer, "%s%s", buffer, buffer), 0);
    assert_string_equal(buffer, "<abc|bc><abc|bc><abc|bc>");
}

/* Around the length at which it prints straight into the buffer. */
static void printf_of_any_length_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int width = ALLOT_STR_OVERLAP - 3; width <= ALLOT_STR_OVERLAP + 3; width++) {
        for (size_t bytes = ALLOT_STR_OVERLAP - 4; bytes <= ALLOT_STR_OVERLAP + 6; bytes++) {
            char expected[2 * ALLOT_STR_OVERLAP];
            int length = snprintf(expected, bytes, "%*d", width, 7);
            char *to = buffer_of(bytes);

            assert_int_equal(allot_str_printf(to, bytes, "%*d", width, 7),
                             (size_t)length < bytes ? 0 : -EMSGSIZE);
            assert_string_equal(to, expected);
            length = snprintf(expected, bytes, "ab%*d", width, 7);
            assert_int_equal(allot_str_copy(to, bytes, "ab"), 0);
            assert_int_equal(allot_str_cat_printf(to, bytes, "%*d", width, 7),
                             (size_t)length < bytes ? 0 : -EMSGSIZE);
            assert_string_equal(to, expected);
            assert_int_equal(to[-1], 'x');
        }
    }
}

/* Goal: a long text whose argument is the buffer itself stays within it; the text is not defined.
 */
static void printf_of_its_own_long_buffer_stays_inside(void **state)
{
    size_t bytes = 2 * ALLOT_STR_OVERLAP;
    char *to = buffer_of(bytes);

    (void)state;
    to[bytes - 4] = 0;
    ALLOT_MAY_CUT(allot_str_cat_printf(to, bytes, "%s%s", to, to));
    assert_true(strnlen(to, bytes) < bytes);
    assert_int_equal(to[-1], 'x');
}

static void printf_when_the_c_library_fails_leaves_a_string(void **state)
{
    static const wchar_t wrong[] = {0x7fffffff, 0};
    char buffer[16] = "abc";

    (void)state;
    assert_int_equal(allot_str_cat_printf(buffer, sizeof buffer, "12%ls", wrong), -EILSEQ);
    assert_string_equal(buffer, "abc");
    assert_int_equal(allot_str_printf(buffer, sizeof buffer, "12%ls", wrong), -EILSEQ);
    assert_string_equal(buffer, "");
}

/* --- secrets ------------------------------------------------------------------------------- */

static void zero_secure_fills_with_zero(void **state)
{
    char some[] = "abc";

    (void)state;
    allot_zero_secure(some + 1, 1);
    assert_memory_equal(some, "a\0c", 4);
    allot_zero_secure(NULL, 0);
}

static void equal_secure_tells_any_difference(void **state)
{
    unsigned char a[67], b[67];

    (void)state;
    memset(a, 0x5a, sizeof a);
    memset(b, 0x5a, sizeof b);
    assert_true(allot_equal_secure(a, b, sizeof a));
    assert_true(allot_equal_secure(NULL, NULL, 0));
    for (size_t i = 0; i < sizeof a; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b[i] ^= (unsigned char)(1 << bit);
            assert_false(allot_equal_secure(a, b, sizeof a));
            assert_true(allot_equal_secure(a, b, i));
            b[i] ^= (unsigned char)(1 << bit);
        }
    }
}

static void compare_over_the_edge(void *secret)
{
    if (!allot_equal_secure(secret, edge - 32, 33))
        _exit(1);
}

/* Goal: all is read although the first bytes differ: reading the last one faults. */
static void equal_secure_when_the_start_differs_reads_to_the_end(void **state)
{
    char secret[33] = "";
    int status;

    (void)state;
    (void)buffer_of(32);
    status = unit_in_child(compare_over_the_edge, secret);
    if (UNIT_SANITIZED)
        assert_true(unit_crashed(status));
    else
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(span_parts_are_clamped),
        cmocka_unit_test(span_compare_orders_bytes_then_lengths),
        cmocka_unit_test(span_ends_are_seen),
        cmocka_unit_test(span_find_tells_the_offset_or_none),
        cmocka_unit_test(span_trim_takes_blanks_off_both_ends),
        cmocka_unit_test(span_split_gives_every_part),
        cmocka_unit_test(span_word_skips_runs_of_separators),
        cmocka_unit_test(span_numbers_are_whole_and_fit),
        cmocka_unit_test(span_dup_is_a_terminated_block_of_its_own),
        cmocka_unit_test(copy_when_it_fits_or_not_is_told),
        cmocka_unit_test(copy_of_a_span_takes_its_bytes),
        cmocka_unit_test(copy_from_the_edge_reads_no_further),
        cmocka_unit_test(copy_when_arguments_are_bad_leaves_an_empty_string),
        cmocka_unit_test(copy_when_it_overlaps_gives_what_was_there),
        cmocka_unit_test(cat_appends_and_tells_of_a_cut),
        cmocka_unit_test(cat_when_arguments_are_bad_changes_nothing),
        cmocka_unit_test(cat_without_a_terminator_adds_one),
        cmocka_unit_test(cat_of_itself_doubles),
        cmocka_unit_test(printf_tells_of_a_cut),
        cmocka_unit_test(printf_of_its_own_buffer_is_defined),
        cmocka_unit_test(printf_of_any_length_agrees_with_the_c_library),
        cmocka_unit_test(printf_of_its_own_long_buffer_stays_inside),
        cmocka_unit_test(printf_when_the_c_library_fails_leaves_a_string),
        cmocka_unit_test(zero_secure_fills_with_zero),
        cmocka_unit_test(equal_secure_tells_any_difference),
        cmocka_unit_test(equal_secure_when_the_start_differs_reads_to_the_end),
    };

    return cmocka_run_group_tests(tests, map_edge, NULL);
}

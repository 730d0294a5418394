/* Strings that grow: on allocators that move, that stay, that fail at the n-th call. After every
 * failed call the text is compared with what it was. */
#include "unit.h"

#include <allot/str.h>
#include <errno.h>

/* --- an allocator that counts, and fails when told ----------------------------------------- */

/* Every block is of the default heap and of the size asked for, so that a wrong size at free is
 * seen. */
struct meter {
    allot_allocator base;
    size_t live_blocks;
    size_t live_bytes;
    size_t calls;
    size_t fail_at; /* the call that fails, and those behind it; 0: none */
    bool in_place;  /* resize may shrink in place */
};

static bool meter_fails(struct meter *m)
{
    m->calls++;
    return m->fail_at != 0 && m->calls >= m->fail_at;
}

static void *meter_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct meter *m = (struct meter *)a;
    void *p = meter_fails(m) ? NULL : allot_new_how(NULL, size, how);

    (void)caller;
    if (p == NULL)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_INJECTED, 0);
    memset(p, 0xa5, size);
    m->live_blocks++;
    m->live_bytes += size;
    return p;
}

static bool meter_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                         allot_how how, const void *caller)
{
    struct meter *m = (struct meter *)a;

    (void)p;
    (void)how;
    (void)caller;
    if (!m->in_place || new_size > old_size || meter_fails(m))
        return false;
    m->live_bytes -= old_size - new_size;
    return true;
}

static void meter_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    struct meter *m = (struct meter *)a;

    (void)how;
    (void)caller;
    assert_true(m->live_blocks > 0 && m->live_bytes >= size);
    m->live_blocks--;
    m->live_bytes -= size;
    allot_free(p);
}

static const struct allot_allocator_ops meter_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_FREE | ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN,
    .kind = "meter",
    .alloc = meter_alloc,
    .resize = meter_resize,
    .free = meter_free,
};

static struct meter meter;

static int meter_start(void **state)
{
    (void)state;
    meter = (struct meter){.base.ops = &meter_ops};
    return 0;
}

static int meter_end(void **state)
{
    (void)state;
    return meter.live_blocks == 0 && meter.live_bytes == 0 ? 0 : -1;
}

/* --- appending ----------------------------------------------------------------------------- */

static void string_all_zero_is_empty_and_grows(void **state)
{
    allot_string s = ALLOT_STRING_INIT;

    (void)state;
    assert_string_equal(allot_string_text(&s), "");
    assert_int_equal(allot_string_append(&s, "abc"), 0);
    assert_int_equal(allot_string_append_char(&s, 'd'), 0);
    assert_int_equal(allot_string_append_span(&s, ALLOT_SPAN("e\0f")), 0);
    assert_int_equal(allot_string_printf(&s, "%d", 7), 0);
    assert_int_equal(s.bytes, 8);
    assert_memory_equal(allot_string_text(&s), "abcde\0f7", 9);
    assert_int_equal(allot_string_span(&s).bytes, 8);
    allot_string_release(&s);
    assert_string_equal(allot_string_text(&s), "");
    allot_string_release(&s);
}

static void string_of_many_characters_moves_seldom(void **state)
{
    allot_string s;

    (void)state;
    allot_string_init(&s, &meter.base);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(allot_string_append_char(&s, (char)('a' + i % 26)), 0);
    assert_true(meter.calls <= 13);
    assert_int_equal(strlen(s.at), 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(s.at[i], 'a' + i % 26);
    allot_string_release(&s);
}

static void string_append_of_nothing_needs_no_memory(void **state)
{
    allot_string s;

    (void)state;
    allot_string_init(&s, &meter.base);
    assert_int_equal(allot_string_append(&s, ""), 0);
    assert_int_equal(allot_string_append_span(&s, allot_span_of(NULL)), 0);
    assert_int_equal(allot_string_printf(&s, "%s", ""), 0);
    assert_int_equal(allot_string_reserve(&s, 0), 0);
    assert_int_equal(allot_string_append(&s, NULL), -EINVAL);
    assert_int_equal(allot_string_append_span(&s, allot_span_make(NULL, 1)), -EINVAL);
    assert_int_equal(meter.calls, 0);
    allot_string_cut(&s, 0);
    allot_string_release(&s);
}

static void string_append_of_itself_doubles(void **state)
{
    allot_string s;
    char expected[64 * 5 + 1] = "";

    (void)state;
    allot_string_init(&s, &meter.base);
    assert_int_equal(allot_string_append(&s, "01234"), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(allot_string_append_span(&s, allot_string_span(&s)), 0);
    for (int i = 0; i < 64; i++)
        memcpy(expected + (ptrdiff_t)i * 5, "01234", 6);
    assert_string_equal(s.at, expected);
    assert_int_equal(allot_string_append(&s, s.at + 317), 0);
    assert_string_equal(s.at + 320, "234");
    allot_string_release(&s);
}

static void string_extend_gives_room_to_write(void **state)
{
    allot_string s;
    char *place;

    (void)state;
    allot_string_init(&s, &meter.base);
    place = allot_string_extend(&s, 0);
    assert_non_null(place);
    assert_int_equal(*place, 0);
    place = allot_string_extend(&s, 100);
    assert_non_null(place);
    memset(place, 'y', 100);
    assert_int_equal(strlen(s.at), 100);
    assert_null(allot_string_extend(&s, SIZE_MAX));
    assert_int_equal(errno, ENOMEM);
    assert_null(allot_string_extend(&s, SIZE_MAX - 100));
    assert_int_equal(strlen(s.at), 100);
    allot_string_release(&s);
}

static void string_reserve_makes_appending_certain(void **state)
{
    allot_string s;
    char line[601];

    (void)state;
    memset(line, 'l', 600);
    line[600] = 0;
    allot_string_init(&s, &meter.base);
    assert_int_equal(allot_string_reserve(&s, 1200), 0);
    meter.fail_at = meter.calls + 1;
    assert_int_equal(allot_string_append(&s, line), 0);
    assert_int_equal(allot_string_printf(&s, "%s", line), 0);
    assert_int_equal(s.bytes, 1200);
    assert_int_equal(strspn(s.at, "l"), 1200);
    assert_int_equal(allot_string_append_span(&s, ALLOT_SPAN("12345678901234567890")), -ENOMEM);
    allot_string_release(&s);
}

static void string_cut_shortens_only(void **state)
{
    allot_string s;

    (void)state;
    allot_string_init(&s, &meter.base);
    assert_int_equal(allot_string_append(&s, "abcdef"), 0);
    allot_string_cut(&s, 7);
    assert_string_equal(s.at, "abcdef");
    allot_string_cut(&s, 2);
    assert_string_equal(s.at, "ab");
    assert_int_equal(s.bytes, 2);
    allot_string_release(&s);
}

/* --- printing ------------------------------------------------------------------------------ */

static void string_printf_of_any_length_agrees_with_the_c_library(void **state)
{
    allot_string s;

    (void)state;
    allot_string_init(&s, &meter.base);
    for (int width = 1; width < 4 * ALLOT_STR_OVERLAP; width += 61) {
        char expected[4 * ALLOT_STR_OVERLAP + 4];

        allot_string_cut(&s, 0);
        assert_int_equal(allot_string_append(&s, "ab"), 0);
        assert_int_equal(allot_string_printf(&s, "%*d", width, 7), 0);
        (void)snprintf(expected, sizeof expected, "ab%*d", width, 7);
        assert_string_equal(s.at, expected);
        assert_int_equal(s.bytes, strlen(expected));
    }
    allot_string_release(&s);
}

/* Long texts of its own content: with room, without, and with room for exactly this. */
static void string_printf_of_itself_is_defined(void **state)
{
    (void)state;
    for (size_t spare = 0; spare <= 4; spare++) {
        allot_string s;
        char expected[1504];

        allot_string_init(&s, &meter.base);
        memset(expected, 'e', sizeof expected);
        memcpy(expected, "<500", 4);
        memcpy(expected + 500, "<500", 4);
        memcpy(expected + 1000, "<500", 4);
        expected[1500] = 0;
        assert_int_equal(allot_string_append_span(&s, allot_span_make(expected, 500)), 0);
        assert_int_equal(allot_string_reserve(&s, spare == 0 ? 0 : 1497 + spare), 0);
        assert_int_equal(allot_string_printf(&s, "%s%s", s.at, s.at), 0);
        assert_string_equal(s.at, expected);
        allot_string_release(&s);
    }
}

static void string_printf_when_the_c_library_fails_changes_nothing(void **state)
{
    static const wchar_t wrong[] = {0x7fffffff, 0};
    allot_string s;

    (void)state;
    allot_string_init(&s, &meter.base);
    assert_int_equal(allot_string_append(&s, "abc"), 0);
    assert_int_equal(allot_string_printf(&s, "12%ls", wrong), -EILSEQ);
    assert_int_equal(allot_string_printf(&s, "%900d%ls", 1, wrong), -EILSEQ);
    assert_string_equal(s.at, "abc");
    allot_string_release(&s);
}

/* --- failure ------------------------------------------------------------------------------- */

/* One of each call; the n-th allocation fails. False when none failed. */
static bool build_with_failure(size_t fail_at)
{
    char before[32768];
    allot_string s;
    int failed = 0;

    meter_start(NULL);
    meter.fail_at = fail_at;
    allot_string_init(&s, &meter.base);
    for (int step = 0; step < 12; step++) {
        allot_status status;

        assert_int_equal(allot_str_copy(before, sizeof before, allot_string_text(&s)), 0);
        if (step % 4 == 0)
            status = allot_string_append(&s, "some text that is longer than what is first");
        else if (step % 4 == 1)
            status = allot_string_printf(&s, "%*d", 300 * step, 1);
        else if (step % 4 == 2)
            status = allot_string_append_char(&s, 'c');
        else
            status = allot_string_reserve(&s, s.bytes * 2);
        if (status != 0) {
            assert_int_equal(status, -ENOMEM);
            assert_string_equal(allot_string_text(&s), before);
            assert_int_equal(s.bytes, strlen(before));
            failed++;
        }
    }
    allot_string_release(&s);
    assert_int_equal(meter.live_blocks, 0);
    return failed > 0;
}

static void string_when_the_nth_allocation_fails_keeps_its_text(void **state)
{
    size_t n = 1;

    (void)state;
    while (build_with_failure(n))
        n++;
    assert_true(n > 4);
    assert_true(n <= meter.calls + 1);
}

/* Doubling is refused, what is needed is not. */
static void string_when_doubling_fails_takes_what_is_needed(void **state)
{
    allot_heap *heap = allot_heap_create(&(struct allot_heap_options){.limit_bytes = 3 << 20});
    allot_string s;
    char *big;

    (void)state;
    assert_non_null(heap);
    allot_string_init(&s, allot_heap_allocator(heap));
    big = allot_string_extend(&s, 1 << 20);
    assert_non_null(big);
    memset(big, 'b', 1 << 20);
    assert_int_equal(allot_string_reserve(&s, (1 << 20) + (1 << 19)), 0);
    assert_non_null(allot_string_extend(&s, 1 << 19));
    assert_int_equal(strspn(s.at, "b"), 1 << 20);
    allot_string_release(&s);
    allot_heap_destroy(heap);
}

/* --- buffers ------------------------------------------------------------------------------- */

static void string_in_a_buffer_moves_out_when_it_is_full(void **state)
{
    char buffer[16];
    allot_string s;

    (void)state;
    allot_string_init_buffer(&s, &meter.base, buffer, sizeof buffer);
    assert_int_equal(allot_string_append(&s, "012345678901234"), 0);
    assert_ptr_equal(s.at, buffer);
    assert_int_equal(meter.calls, 0);
    meter.fail_at = 1;
    assert_int_equal(allot_string_append_char(&s, '5'), -ENOMEM);
    assert_string_equal(s.at, "012345678901234");
    meter.fail_at = 0;
    assert_int_equal(allot_string_append_span(&s, allot_string_span(&s)), 0);
    assert_string_equal(s.at, "012345678901234012345678901234");
    assert_ptr_not_equal(s.at, buffer);
    assert_string_equal(buffer, "012345678901234");
    allot_string_release(&s);
}

static void string_in_a_fixed_buffer_fails_when_it_is_full(void **state)
{
    char buffer[8];
    allot_string s;

    (void)state;
    allot_string_init_fixed(&s, buffer, sizeof buffer);
    assert_int_equal(allot_string_append(&s, "01234"), 0);
    assert_int_equal(allot_string_append(&s, "567"), -EMSGSIZE);
    assert_int_equal(allot_string_printf(&s, "%d", 567), -EMSGSIZE);
    assert_int_equal(allot_string_reserve(&s, 8), -EMSGSIZE);
    assert_null(allot_string_extend(&s, 3));
    assert_int_equal(errno, EMSGSIZE);
    assert_string_equal(s.at, "01234");
    assert_int_equal(allot_string_printf(&s, "%d", 56), 0);
    assert_string_equal(buffer, "0123456");
    assert_null(allot_string_take(&s, NULL));
    assert_int_equal(errno, EINVAL);
    allot_string_release(&s);
    assert_string_equal(buffer, "");
    assert_int_equal(allot_string_append(&s, "again"), 0);
    assert_string_equal(buffer, "again");
    allot_string_init_fixed(&s, NULL, 0);
    assert_int_equal(allot_string_append(&s, "a"), -EMSGSIZE);
    assert_int_equal(allot_string_printf(&s, "%600d", 1), -EMSGSIZE);
    assert_string_equal(allot_string_text(&s), "");
}

static void string_in_a_fixed_buffer_prints_up_to_its_end(void **state)
{
    char buffer[1000];
    allot_string s;

    (void)state;
    allot_string_init_fixed(&s, buffer, sizeof buffer);
    assert_int_equal(allot_string_printf(&s, "%1000d", 1), -EMSGSIZE);
    assert_int_equal(allot_string_printf(&s, "%999d", 1), 0);
    assert_int_equal(strlen(buffer), 999);
    allot_string_cut(&s, 99);
    assert_int_equal(allot_string_printf(&s, "%899d", 22), 0);
    assert_int_equal(strlen(buffer), 998);
    assert_string_equal(buffer + 995, " 22");
}

/* --- taking -------------------------------------------------------------------------------- */

static void take_and_free(allot_string *s, const char *expected)
{
    size_t bytes = 0;
    char *text = allot_string_take(s, &bytes);

    assert_string_equal(text, expected);
    assert_true(bytes > strlen(expected));
    assert_int_equal(s->bytes, 0);
    assert_int_equal(s->capacity, 0);
    allot_delete(s->allocator, text, bytes);
}

static void string_take_gives_a_block_to_the_caller(void **state)
{
    char buffer[16];
    allot_string s;

    (void)state;
    for (int in_place = 0; in_place < 2; in_place++) {
        meter.in_place = in_place;
        allot_string_init(&s, &meter.base);
        assert_int_equal(allot_string_append(&s, "abc"), 0);
        take_and_free(&s, "abc");
        take_and_free(&s, "");
        allot_string_init_buffer(&s, &meter.base, buffer, sizeof buffer);
        assert_int_equal(allot_string_append(&s, "in it"), 0);
        meter.fail_at = meter.calls + 1;
        assert_null(allot_string_take(&s, NULL));
        assert_string_equal(s.at, "in it");
        meter.fail_at = 0;
        take_and_free(&s, "in it");
    }
    allot_string_init(&s, NULL);
    assert_int_equal(allot_string_append(&s, "default"), 0);
    allot_free(allot_string_take(&s, NULL));
}

#define metered(test) cmocka_unit_test_setup_teardown(test, meter_start, meter_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        metered(string_all_zero_is_empty_and_grows),
        metered(string_of_many_characters_moves_seldom),
        metered(string_append_of_nothing_needs_no_memory),
        metered(string_append_of_itself_doubles),
        metered(string_extend_gives_room_to_write),
        metered(string_reserve_makes_appending_certain),
        metered(string_cut_shortens_only),
        metered(string_printf_of_any_length_agrees_with_the_c_library),
        metered(string_printf_of_itself_is_defined),
        metered(string_printf_when_the_c_library_fails_changes_nothing),
        metered(string_when_the_nth_allocation_fails_keeps_its_text),
        metered(string_when_doubling_fails_takes_what_is_needed),
        metered(string_in_a_buffer_moves_out_when_it_is_full),
        metered(string_in_a_fixed_buffer_fails_when_it_is_full),
        metered(string_in_a_fixed_buffer_prints_up_to_its_end),
        metered(string_take_gives_a_block_to_the_caller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

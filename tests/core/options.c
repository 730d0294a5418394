/* The option list: what is accepted, what is refused, and what the refusal says. */
#include "unit.h"

#include "core/core.h"

static struct ali_options o;
static char message[320];

static int fresh(void **state)
{
    (void)state;
    memset(&o, 0, sizeof o);
    memset(message, 0, sizeof message);
    return 0;
}

static bool parse(const char *list)
{
    return ali_options_parse(&o, list, message, sizeof message);
}

static void assert_says(const char *part)
{
    if (strstr(message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, message);
}

static void options_when_nothing_is_set_have_the_defaults_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(ali_options.misuse, ALI_MISUSE_ABORT);
    assert_int_equal(ali_options.huge, ALI_HUGE_AUTO);
    assert_int_equal(ali_options.stats, ALI_STATS_OFF);
    assert_int_equal(ali_options.harden, 0);
    assert_int_equal(ali_options.limit_bytes, 0);
    assert_true(ali_options.purge_delay_ms > 0);
    assert_true(ali_options.dirty_max_bytes > 0);
    assert_string_equal(ali_options.stats_path, "");
}

static void parse_when_each_type_is_given_sets_its_field(void **state)
{
    (void)state;
    assert_true(parse("limit=2G,purge=10s,dirty=64K,quarantine=0,harden=canary+uaf,misuse=report,"
                      "huge=never,stats=json,stats_out=/tmp/%e.%p"));
    assert_int_equal(o.limit_bytes, 2 * ALI_GIB);
    assert_int_equal(o.purge_delay_ms, 10000);
    assert_int_equal(o.dirty_max_bytes, 65536);
    assert_int_equal(o.quarantine_bytes, 0);
    assert_int_equal(o.harden, ALI_HARDEN_CANARY | ALI_HARDEN_UAF);
    assert_int_equal(o.misuse, ALI_MISUSE_REPORT);
    assert_int_equal(o.huge, ALI_HUGE_NEVER);
    assert_int_equal(o.stats, ALI_STATS_JSON);
    assert_string_equal(o.stats_path, "/tmp/%e.%p");
    assert_string_equal(message, "");
}

static void parse_when_a_key_stands_alone_takes_its_bare_value(void **state)
{
    (void)state;
    assert_true(parse("stats,harden,huge"));
    assert_int_equal(o.stats, ALI_STATS_TEXT);
    assert_int_equal(o.harden, 0x1ff);
    assert_int_equal(o.huge, ALI_HUGE_ALWAYS);
    assert_false(parse("limit"));
    assert_says("limit=: must be a number of bytes");
}

static void parse_when_flags_are_joined_takes_their_union(void **state)
{
    (void)state;
    assert_true(parse("harden=all"));
    assert_int_equal(o.harden, ALI_HARDEN_CANARY | ALI_HARDEN_ZERO | ALI_HARDEN_JUNK |
                                   ALI_HARDEN_UAF | ALI_HARDEN_QUARANTINE | ALI_HARDEN_GUARD |
                                   ALI_HARDEN_RANDOM | ALI_HARDEN_SIZE0 | ALI_HARDEN_FAMILY);
    assert_true(parse("harden=none"));
    assert_int_equal(o.harden, 0);
    assert_true(parse("harden=guard+size0+guard"));
    assert_int_equal(o.harden, ALI_HARDEN_GUARD | ALI_HARDEN_SIZE0);
}

static void parse_when_a_key_is_unknown_names_the_nearest(void **state)
{
    (void)state;
    assert_false(parse("limt=3"));
    assert_says("unknown option \"limt\"; the nearest is \"limit\"");
    assert_false(parse("statsout=x"));
    assert_says("the nearest is \"stats_out\"");
    assert_false(parse("hardn"));
    assert_says("the nearest is \"harden\"");
    assert_false(parse("a_key_that_is_much_longer_than_any_other_key=1"));
    assert_says("unknown option");
    assert_false(parse("frob"));
    assert_says("unknown option \"frob\" (ALLOT=help lists all)");
}

static void parse_when_a_value_is_wrong_names_the_accepted_ones(void **state)
{
    (void)state;
    assert_false(parse("misuse=abrt"));
    assert_says("misuse=abrt: must be abort or report");
    assert_false(parse("stats=xml"));
    assert_says("off, text or json");
    assert_false(parse("harden=canary+canry"));
    assert_says("all, none, or any of these joined by '+': canary, zero, junk, uaf");
    assert_false(parse("purge=3h"));
    assert_says("a time such as");
    assert_int_equal(o.harden, 0);
    assert_int_equal(o.purge_delay_ms, 0);
}

static void parse_when_values_are_malformed_refuses_them(void **state)
{
    static const char *const lists[] = {
        "limit=",
        "limit=x",
        "limit=-1",
        "limit=1Q",
        "limit=1K1",
        "purge=",
        "purge=ms",
        "harden=",
        "harden=+",
        "harden=canary+",
        "misuse=",
        "limit=99999999999999999999",
        "limit=99999999999G",
        "=",
        "=3",
        "stats=text=json",
    };

    (void)state;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(lists); i++) {
        fresh(NULL);
        if (parse(lists[i]))
            fail_msg("%s was accepted", lists[i]);
        assert_true(message[0] != '\0');
    }
}

static void parse_when_one_item_is_bad_keeps_the_good_ones(void **state)
{
    (void)state;
    assert_false(parse("misuse=report,oops=1,limit=1M,purge=never,stats"));
    assert_says("\"oops\"");
    assert_int_equal(o.misuse, ALI_MISUSE_REPORT);
    assert_int_equal(o.limit_bytes, ALI_MIB);
    assert_int_equal(o.stats, ALI_STATS_TEXT);
}

static void parse_when_there_are_spaces_and_empty_items_skips_them(void **state)
{
    (void)state;
    assert_true(parse(""));
    assert_true(parse(",,"));
    assert_true(parse("  limit = 1K ,, stats , "));
    assert_int_equal(o.limit_bytes, 1024);
    assert_int_equal(o.stats, ALI_STATS_TEXT);
}

static void parse_when_the_limit_is_in_percent_uses_the_memory_of_the_machine(void **state)
{
    uint64_t whole = ali_os_memory_bytes();

    (void)state;
    if (whole == 0)
        skip();
    assert_true(parse("limit=50%"));
    assert_true(o.limit_bytes >= whole / 2 - 4096 && o.limit_bytes <= whole / 2 + 4096);
}

static void parse_when_a_path_is_too_long_refuses_it(void **state)
{
    char list[400];

    (void)state;
    memset(list, 'a', sizeof list);
    memcpy(list, "stats_out=", 10);
    list[sizeof list - 1] = '\0';
    assert_false(parse(list));
    list[10 + 255] = '\0';
    assert_true(parse(list));
    assert_int_equal(strlen(o.stats_path), 255);
}

static void message_when_the_buffer_is_small_is_cut_and_terminated(void **state)
{
    char small[8];

    (void)state;
    memset(small, 'x', sizeof small);
    assert_false(ali_options_parse(&o, "oops=1", small, sizeof small));
    assert_int_equal(strlen(small), sizeof small - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_when_nothing_is_set_have_the_defaults_of_the_table),
        cmocka_unit_test_setup(parse_when_each_type_is_given_sets_its_field, fresh),
        cmocka_unit_test_setup(parse_when_a_key_stands_alone_takes_its_bare_value, fresh),
        cmocka_unit_test_setup(parse_when_flags_are_joined_takes_their_union, fresh),
        cmocka_unit_test_setup(parse_when_a_key_is_unknown_names_the_nearest, fresh),
        cmocka_unit_test_setup(parse_when_a_value_is_wrong_names_the_accepted_ones, fresh),
        cmocka_unit_test_setup(parse_when_values_are_malformed_refuses_them, fresh),
        cmocka_unit_test_setup(parse_when_one_item_is_bad_keeps_the_good_ones, fresh),
        cmocka_unit_test_setup(parse_when_there_are_spaces_and_empty_items_skips_them, fresh),
        cmocka_unit_test_setup(parse_when_the_limit_is_in_percent_uses_the_memory_of_the_machine,
                               fresh),
        cmocka_unit_test_setup(parse_when_a_path_is_too_long_refuses_it, fresh),
        cmocka_unit_test_setup(message_when_the_buffer_is_small_is_cut_and_terminated, fresh),
    };

    ali_os_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

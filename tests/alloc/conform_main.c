/* Every test of the suite on every allocator, or on the one that is named. */
#include "unit.h"

#include "alloc/conform.h"

#define AS_TEST(test) cmocka_unit_test_setup_teardown(test, conform_start, conform_stop),

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {CONFORM_TESTS(AS_TEST)};
    int failed = 0;

    for (size_t i = 0; i < conform_case_count; i++) {
        conform.c = &conform_cases[i];
        if (argc < 2 || strcmp(argv[1], conform.c->name) == 0)
            failed += cmocka_run_group_tests_name(conform.c->name, tests, NULL, NULL);
    }
    return failed != 0;
}

/* Every call of the OS made to fail under every allocator that asks it: one after the other, and
 * all from one on. Each run is in a child, because what has grown once asks no more. */
#include "unit.h"

#include <errno.h>

#include "alloc/conform.h"
#include "fake/fake.h"

enum { ALL_WELL = 0, NONE_FAILED = 17 };

struct plan {
    enum fake_mode mode;
    uint64_t n;
};

static struct stream stream;

static void require_good(void)
{
    if (stream.wrong != NULL) {
        fprintf(stderr, "%s: %s\n", conform.c->name, stream.wrong);
        _exit(99);
    }
}

static bool begin(void)
{
    if (conform_start(NULL) == 0)
        return true;
    unit_child_require(allot_last_error().cause != ALLOT_CAUSE_NONE);
    return false;
}

static void run_plan(void *arg)
{
    const struct plan *plan = arg;
    uint64_t failures;

    stream.random.state = plan->n;
    stream.may_fail = true;
    fake_fail(FAKE_ALL, plan->mode, plan->n, ENOMEM);
    if (begin())
        stream_run(&stream, 150);
    require_good();
    failures = fake_failures();
    fake_off();
    stream.may_fail = false;
    unit_child_require(conform.a != NULL || begin());
    stream_run(&stream, 150);
    stream_end(&stream);
    require_good();
    unit_child_require(conform_stop(NULL) == 0);
    _exit(failures == 0 ? NONE_FAILED : ALL_WELL);
}

static bool run(struct plan plan)
{
    int status = unit_in_child(run_plan, &plan);

    if (!WIFEXITED(status) ||
        (WEXITSTATUS(status) != ALL_WELL && WEXITSTATUS(status) != NONE_FAILED))
        fail_msg("%s: mode %d n %llu: status %x", conform.c->name, (int)plan.mode,
                 (unsigned long long)plan.n, (unsigned)status);
    return WEXITSTATUS(status) == ALL_WELL;
}

static void until_none_fails(enum fake_mode mode)
{
    for (size_t i = 0; i < conform_case_count; i++) {
        uint64_t n = 1;

        conform.c = &conform_cases[i];
        if ((conform.c->flags & CONFORM_LEAF) == 0)
            continue;
        while (run((struct plan){mode, n}))
            n++;
        print_message("%s: %llu calls\n", conform.c->name, (unsigned long long)n - 1);
        assert_in_range(n, 1, 100000);
    }
}

static void nth_os_failure_loses_nothing(void **state)
{
    (void)state;
    until_none_fails(FAKE_NTH);
}

static void os_failures_from_the_nth_on_lose_nothing(void **state)
{
    (void)state;
    until_none_fails(FAKE_FROM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_os_failure_loses_nothing),
        cmocka_unit_test(os_failures_from_the_nth_on_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

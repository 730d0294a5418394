/* The tracker: what it finds live, what it says of it, what it does when its table cannot grow. */
#include "unit.h"

#include <errno.h>

#include "alloc/strict.h"
#include "base/base.h"
#include "heap/recorder.h"

static struct strict inner;
static struct strict table;

static int start(void **state)
{
    strict_init(&inner);
    strict_init(&table);
    return recorder_start(state);
}

static int stop(void **state)
{
    bool good = strict_release(&inner) && strict_release(&table) && recorded_count == 0;

    (void)recorder_stop(state);
    return good ? 0 : -1;
}

static void init(struct allot_tracker *t, uint32_t frames)
{
    allot_tracker_init(
        t, &inner.base,
        &(struct allot_tracker_options){.name = "parser", .table = &table.base, .frames = frames});
}

static ALI_NOINLINE void *from_here(struct allot_tracker *t, size_t size)
{
    void *volatile p = allot_new(&t->base, size);

    return p;
}

static ALI_NOINLINE void *from_there(struct allot_tracker *t, size_t size)
{
    void *volatile p = allot_new(&t->base, size);

    __asm__ volatile("nop"); /* or the two become one */
    return p;
}

struct told {
    size_t count, bytes, frames;
    uint64_t serials;
};

static bool tell(const struct allot_tracked *tracked, void *arg)
{
    struct told *told = arg;

    told->count++;
    told->bytes += tracked->bytes;
    told->frames += tracked->frame_count;
    told->serials |= UINT64_C(1) << tracked->serial;
    assert_non_null(tracked->object);
    assert_true(tracked->frames[0] != 0);
    return true;
}

static bool tell_one(const struct allot_tracked *tracked, void *arg)
{
    (void)tell(tracked, arg);
    return false;
}

static void leaks_when_released_are_told(void **state)
{
    struct told told = {0};
    struct allot_tracker t;
    void *a, *b, *c;

    (void)state;
    init(&t, 0);
    a = from_here(&t, 100);
    b = from_here(&t, 200);
    c = from_there(&t, 1000);
    allot_delete(&t.base, b, 200);
    t.options.on_leak = tell;
    t.options.arg = &told;
    assert_false(allot_tracker_each(&t, tell_one, &told));
    assert_int_equal(told.count, 1);
    told = (struct told){0};
    assert_int_equal(allot_tracker_release(&t), 2);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.bytes, 1100);
    assert_int_equal(told.frames, 2);
    assert_int_equal(told.serials, 1U << 1 | 1U << 3);
    allot_delete(&inner.base, a, 100);
    allot_delete(&inner.base, c, 1000);
}

static void text_when_made_groups_by_stack(void **state)
{
    char text[4096], all[1];
    struct allot_tracker t;
    const char *first, *second;

    (void)state;
    init(&t, 0);
    assert_int_equal(allot_tracker_text(&t, text, sizeof text), 0);
    assert_string_equal(text, "");
    for (int i = 0; i < 5; i++)
        (void)from_here(&t, 10);
    (void)from_there(&t, 1000);
    assert_true(allot_tracker_text(&t, text, sizeof text) > 0);
    assert_non_null(strstr(text, "allot: tracker parser: 6 objects, 1050 B still live\n"));
    first = strstr(text, "  1000 B in 1 object, allocated by\n    #0 0x");
    second = strstr(text, "  50 B in 5 objects, allocated by\n    #0 0x");
    assert_true(first != NULL && second != NULL && first < second);
    assert_non_null(strstr(text, "alloc_tracker+0x"));
    assert_int_equal(allot_tracker_text(&t, all, 1), 0);
    t.options.name = NULL;
    (void)allot_tracker_text(&t, text, sizeof text);
    assert_non_null(strstr(text, "allot: tracker: 6 objects"));
    assert_int_equal(allot_allocator_reset(&t.base), 0);
    (void)from_there(&t, 1);
    (void)allot_tracker_text(&t, text, sizeof text);
    assert_non_null(strstr(text, "1 object, 1 B still live"));
    assert_int_equal(allot_allocator_reset(&t.base), 0);
    assert_int_equal(allot_tracker_release(&t), 0);
}

/* A stack of another length. */
static ALI_NOINLINE void deeper(struct allot_tracker *t, int depth)
{
    void *volatile p;

    if (depth > 0) {
        deeper(t, depth - 1);
        __asm__ volatile("nop");
        return;
    }
    p = allot_new(&t->base, 7);
    (void)p;
}

static void stacks_when_kept_tell_callers_of_callers(void **state)
{
    struct told told = {0};
    struct allot_tracker t;
    static char text[16384];

    (void)state;
    init(&t, 100);
    assert_int_equal(t.options.frames, ALLOT_TRACKER_FRAMES);
    for (volatile int i = 0; i < 2; i++) /* one call, not two */
        (void)from_here(&t, 10);
    (void)from_there(&t, 10);
    assert_true(allot_tracker_each(&t, tell, &told));
    assert_true(told.frames > 6);
    deeper(&t, 3);
    assert_true(allot_tracker_text(&t, text, sizeof text) > 0);
    assert_non_null(strstr(text, "  20 B in 2 objects, allocated by\n"));
    assert_non_null(strstr(text, "  7 B in 1 object, allocated by\n"));
    t.options.print = true; /* nothing is live: nothing to print */
    assert_int_equal(allot_allocator_reset(&t.base), 0);
    (void)allot_tracker_release(&t);
}

static int pipe_ends[2];

static void release_printing(void *arg)
{
    struct allot_tracker *t = arg;

    t->options.print = true;
    (void)dup2(pipe_ends[1], 2);
    unit_child_require(allot_tracker_release(t) == 2);
}

static void leaks_when_printed_are_on_stderr(void **state)
{
    char text[4096];
    struct allot_tracker t;
    ssize_t bytes;

    (void)state;
    init(&t, 0);
    (void)from_here(&t, 10);
    (void)from_there(&t, 20);
    assert_int_equal(pipe(pipe_ends), 0);
    assert_true(unit_succeeded(unit_in_child(release_printing, &t)));
    close(pipe_ends[1]);
    bytes = read(pipe_ends[0], text, sizeof text - 1);
    assert_true(bytes > 0);
    text[bytes] = '\0';
    close(pipe_ends[0]);
    assert_non_null(strstr(text, "allot: tracker parser: 2 objects, 30 B still live\n"));
    assert_non_null(strstr(text, "  20 B in 1 object, allocated by\n"));
    assert_non_null(strstr(text, "  10 B in 1 object, allocated by\n"));
    assert_int_equal(allot_allocator_reset(&t.base), 0);
    assert_int_equal(allot_tracker_release(&t), 0);
}

static void misuse_when_made_is_told_and_nothing_happens(void **state)
{
    struct allot_tracker t;
    char *p;
    void *q;

    (void)state;
    init(&t, 0);
    assert_int_equal(allot_allocator_usable(&t.base, &t, 1, 4), 0);
    p = allot_new(&t.base, 100);
    allot_delete(&t.base, p + 16, 100);
    assert_int_equal(recorded.kind, ALLOT_MISUSE_INVALID_FREE);
    allot_delete(&t.base, p, 99);
    assert_int_equal(recorded.kind, ALLOT_MISUSE_MISMATCHED_FREE);
    assert_int_equal(recorded.told_bytes, 99);
    assert_int_equal(recorded.true_bytes, 100);
    allot_delete_how(&t.base, p, 100, 5);
    assert_int_equal(recorded.told_bytes, 32);
    assert_int_equal(recorded.true_bytes, 16);
    q = p;
    assert_int_equal(allot_resize(&t.base, &q, 99, 5000), -EINVAL);
    assert_string_equal(recorded.call, "allot_resize");
    assert_false(allot_try_resize(&t.base, q, 99, 101));
    assert_int_equal(recorded_count, 4);
    assert_int_equal(allot_allocator_owns(&t.base, p + 99), 1);
    assert_int_equal(allot_allocator_owns(&t.base, p + 100), 0);
    recorded_count = 0;
    allot_delete(&t.base, p, ALLOT_SIZE_UNKNOWN);
    allot_delete(&t.base, p, 100);
    assert_int_equal(recorded_count, 1);
    recorded_count = 0;
    (void)allot_tracker_release(&t);
}

static void table_when_it_cannot_grow_refuses_or_goes_on(void **state)
{
    struct allot_tracker t;
    void *list[300];

    (void)state;
    init(&t, 0);
    strict_fail(&table, 1, false);
    assert_null(allot_new(&t.base, 10)); /* no entry */
    strict_fail(&table, 2, false);
    assert_null(allot_new(&t.base, 10)); /* no buckets at all */
    strict_fail(&inner, 1, false);
    assert_null(allot_new(&t.base, 10)); /* no object */
    assert_int_equal(table.live_objects, 1);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(list); i++) {
        if (i == 64)
            strict_fail(&table, 2, false); /* twice the buckets: the lists are longer, then */
        list[i] = allot_new(&t.base, 10);
        assert_non_null(list[i]);
    }
    assert_int_equal(t.live_objects, ALI_ARRAY_COUNT(list));
    assert_int_equal(t.bucket_count, 512);
    strict_fail(&inner, 1, true);
    assert_int_equal(allot_resize(&t.base, &list[0], 10, 5000), -ENOMEM);
    strict_fail(&inner, 0, false);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(list); i++)
        allot_delete(&t.base, list[i], 10);
    assert_int_equal(allot_tracker_release(&t), 0);
}

static void reset_when_only_all_can_go_empties_the_table(void **state)
{
    struct allot_tracker t;
    void *p;

    (void)state;
    inner.ops.caps &= ~(uint32_t)ALLOT_CAP_FREE;
    init(&t, 0);
    (void)from_here(&t, 10);
    assert_int_equal(allot_allocator_reset(&t.base), 0);
    assert_int_equal(t.live_objects, 0);
    assert_int_equal(inner.live_objects, 0);
    inner.ops.reset = NULL;
    p = from_here(&t, 10);
    assert_int_equal(allot_allocator_reset(&t.base), -ENOTSUP);
    assert_int_equal(t.live_objects, 1);
    assert_int_equal(allot_tracker_release(&t), 1);
    allot_delete(&inner.base, p, 10);
    inner.ops.caps &= ~(uint32_t)ALLOT_CAP_RESET;
    init(&t, 0);
    assert_null(t.base.ops->reset);
    (void)allot_tracker_release(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(leaks_when_released_are_told),
        TEST(text_when_made_groups_by_stack),
        TEST(stacks_when_kept_tell_callers_of_callers),
        TEST(leaks_when_printed_are_on_stderr),
        TEST(misuse_when_made_is_told_and_nothing_happens),
        TEST(table_when_it_cannot_grow_refuses_or_goes_on),
        TEST(reset_when_only_all_can_go_empties_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

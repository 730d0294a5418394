/* Conformance in the long run: random operations against a model, with everything underneath
 * failing in turn, and from several threads. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "alloc/conform.h"
#include "heap/shadow.h"

enum { STREAM_OBJECTS = 200 };

static bool wrong(struct stream *s, const char *what)
{
    if (s->wrong == NULL)
        s->wrong = what;
    return false;
}

static size_t random_size(struct ali_random *r)
{
    unsigned log2 = (unsigned)(ali_random_next(r) % 17);

    return conform_size(ali_random_next(r) % ((size_t)1 << log2) + (ali_random_next(r) % 50 == 0));
}

static allot_how random_how(struct ali_random *r)
{
    unsigned log2 = (unsigned)(ali_random_next(r) % 13);

    if (ali_random_next(r) % 2 == 0 || (size_t)1 << log2 > conform_align((size_t)1 << log2))
        log2 = ALLOT_ALIGN_DEFAULT;
    return log2 | (ali_random_next(r) % 4 == 0 ? ALLOT_ZERO : 0);
}

/* Only the last one, of an allocator that frees in no other order. */
static struct object *pick(struct stream *s)
{
    if (!conform_can(ALLOT_CAP_FREE))
        return &s->all.list[s->all.count - 1];
    return &s->all.list[ali_random_next(&s->random) % s->all.count];
}

static bool refused(struct stream *s)
{
    s->refused++;
    if (!s->may_fail)
        return wrong(s, "refused");
    return allot_last_error().cause != ALLOT_CAUSE_NONE || wrong(s, "refused without a cause");
}

static bool make(struct stream *s)
{
    struct object *o = &s->all.list[s->all.count];
    size_t size = random_size(&s->random);
    allot_how how = random_how(&s->random);

    if (s->all.bytes + 2 * (size + allot_how_align(how)) > conform_budget() / 4)
        return true;
    if (!object_new(o, size, how))
        return refused(s);
    if ((how & ALLOT_ZERO) != 0 && !object_is_zero(o))
        return wrong(s, "not zero");
    if (!ali_is_aligned(o->p, allot_how_align(how)))
        return wrong(s, "not aligned");
    o->how &= ALLOT_HOW_ALIGN_BITS;
    object_fill(o);
    s->all.count++;
    s->all.bytes += size + allot_how_align(how);
    s->asked_bytes += size + allot_how_align(how);
    return true;
}

static bool end(struct stream *s, struct object *o)
{
    if (!object_is_intact(o))
        return wrong(s, "content lost");
    s->all.bytes -= o->size + allot_how_align(o->how);
    object_delete(o);
    *o = s->all.list[--s->all.count];
    return true;
}

static bool change(struct stream *s, struct object *o)
{
    size_t size = random_size(&s->random);
    allot_how zero = ali_random_next(&s->random) % 2 == 0 ? ALLOT_ZERO : 0;
    size_t was = o->size + (o->size == 0); /* 0 counts as 1 */
    void *p = o->p;

    if (s->all.bytes + 2 * size > conform_budget() / 4)
        return true;
    if (allot_resize_how(conform.a, &p, o->size, size, o->how | zero) != 0)
        return (p == o->p && object_is_intact(o) && refused(s)) ||
               wrong(s, "a refused resize changed something");
    o->p = p;
    if (!object_holds(o, ali_min(o->size, size)))
        return wrong(s, "content lost in resize");
    if (zero != 0 && size > was && !shadow_is_zero(o->p + was, size - was))
        return wrong(s, "what was added is not zero");
    s->all.bytes = s->all.bytes - o->size + size;
    s->asked_bytes += size;
    o->size = size;
    object_fill(o);
    return true;
}

static bool try_change(struct stream *s, struct object *o)
{
    size_t size = random_size(&s->random);

    if (o->how != ALLOT_ALIGN_DEFAULT || s->all.bytes + 2 * size > conform_budget() / 4)
        return true;
    if (!allot_try_resize(conform.a, o->p, o->size, size))
        return object_is_intact(o) || wrong(s, "content lost in a resize that was refused");
    if (!object_holds(o, ali_min(o->size, size)))
        return wrong(s, "content lost in a resize in place");
    s->all.bytes = s->all.bytes - o->size + size;
    o->size = size;
    object_fill(o);
    return true;
}

static bool step(struct stream *s)
{
    uint64_t what = ali_random_next(&s->random) % 16;
    struct object *o;

    if (s->all.count == 0 || (what < 6 && s->all.count < STREAM_OBJECTS))
        return make(s);
    o = pick(s);
    if (what < 10)
        return end(s, o);
    if (what < 13)
        return change(s, o);
    if (what < 15)
        return try_change(s, o);
    return (object_is_intact(o) &&
            allot_allocator_usable(conform.a, o->p, o->size, o->how) >= o->size) ||
           wrong(s, "content or usable bytes");
}

/* What is never freed before the end uses up its budget. */
bool stream_run(struct stream *s, int steps)
{
    for (int i = 0; i < steps && s->wrong == NULL; i++)
        if ((!conform_can(ALLOT_CAP_FREE) && s->asked_bytes > conform_budget() / 2) || !step(s))
            break;
    return s->wrong == NULL;
}

bool stream_end(struct stream *s)
{
    while (s->all.count > 0 && s->wrong == NULL)
        end(s, &s->all.list[s->all.count - 1]);
    return s->wrong == NULL;
}

static struct stream streams[4];

static struct stream *fresh_stream(size_t i, uint64_t seed)
{
    memset(&streams[i], 0, sizeof streams[i]);
    streams[i].random.state = seed;
    return &streams[i];
}

static void assert_good(const struct stream *s)
{
    if (s->wrong != NULL)
        fail_msg("%s", s->wrong);
    if (!strict_check(&conform.inner))
        fail_msg("underneath: %s", conform.inner.error);
}

void random_operations_agree_with_the_model(void **state)
{
    struct stream *s = fresh_stream(0, conform_seed());

    (void)state;
    stream_run(s, UNIT_SANITIZED ? 10000 : 40000);
    assert_good(s);
    stream_end(s);
    assert_good(s);
}

/* --- failing ------------------------------------------------------------------------------ */

/* False: nothing failed. */
static bool run_failing(uint64_t n, bool and_later)
{
    struct stream *s = fresh_stream(0, 7);
    bool failed;

    (void)conform_stop(NULL);
    strict_init(&conform.inner);
    strict_fail(&conform.inner, n, and_later);
    conform.a = conform.c->create(&conform.inner.base);
    if (conform.a != NULL) {
        allot_set_misuse_handler(NULL, NULL); /* there may be none: the default ends us */
        s->may_fail = true;
        stream_run(s, 120);
        assert_good(s);
    }
    failed = conform.inner.failures != 0;
    strict_fail(&conform.inner, 0, false);
    if (conform.a == NULL) {
        assert_true(failed);
        assert_int_equal(conform.inner.live_objects, 0);
        conform.a = conform.c->create(&conform.inner.base);
        assert_non_null(conform.a);
    }
    s->may_fail = false;
    stream_run(s, 60);
    stream_end(s);
    assert_good(s);
    assert_int_equal(conform_stop(NULL), 0);
    assert_int_equal(conform_start(NULL), 0);
    return failed;
}

static void until_none_fails(bool and_later)
{
    uint64_t n = 1;

    while (run_failing(n, and_later))
        n += 1 + n / 32;
    assert_in_range(n, 1, 100000);
}

void nth_inner_failure_loses_nothing(void **state)
{
    (void)state;
    until_none_fails(false);
}

void inner_failures_from_the_nth_on_lose_nothing(void **state)
{
    (void)state;
    until_none_fails(true);
}

/* --- threads ------------------------------------------------------------------------------ */

static _Atomic(struct object *) mailbox[16];
static struct object letters[4][400];

static void *work(void *arg)
{
    struct stream *s = arg;
    size_t me = (size_t)(s - streams);

    for (size_t i = 0; i < ALI_ARRAY_COUNT(letters[0]); i++) {
        struct object *o = &letters[me][i];

        if (!stream_run(s, 10))
            break;
        if (!object_new(o, random_size(&s->random), ALLOT_ALIGN_DEFAULT)) {
            wrong(s, "refused");
            break;
        }
        object_fill(o);
        o = atomic_exchange(&mailbox[ali_random_next(&s->random) % ALI_ARRAY_COUNT(mailbox)], o);
        if (o != NULL && !object_is_intact(o))
            wrong(s, "another thread's content lost");
        if (o != NULL)
            object_delete(o);
    }
    stream_end(s);
    return NULL;
}

void threads_when_claimed_may_share_it(void **state)
{
    pthread_t threads[ALI_ARRAY_COUNT(streams)];
    uint64_t seed = conform_seed();

    (void)state;
    if (!conform_can(ALLOT_CAP_THREADS) || !conform_can(ALLOT_CAP_FREE))
        return;
    for (size_t i = 0; i < ALI_ARRAY_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, fresh_stream(i, seed + i)), 0);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(mailbox); i++) {
        struct object *o = atomic_exchange(&mailbox[i], NULL);

        if (o != NULL) {
            assert_true(object_is_intact(o));
            object_delete(o);
        }
    }
    for (size_t i = 0; i < ALI_ARRAY_COUNT(threads); i++)
        assert_good(&streams[i]);
}

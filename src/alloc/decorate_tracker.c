/* What is live, and who made it: a hash table of entries beside the objects, in memory of its own.
 *
 *     buckets -> entry -> entry     by the address of the object
 *
 * An entry is made before the object and entered after it, taken out before the object is freed:
 * so a place has one entry at most. The lock is never held while the inner allocator works; but the
 * array of buckets grows under it. */
#include "alloc/tracker.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_tracker);

enum { FIRST_BUCKETS = 64 };

static struct allot_tracker *of(allot_allocator *a)
{
    return (struct allot_tracker *)a;
}

/* --- the table ---------------------------------------------------------------------------- */

static size_t entry_bytes(const struct allot_tracker *t)
{
    return sizeof(struct allot_tracker_entry) + t->options.frames * sizeof(uintptr_t);
}

static size_t bucket_of(const void *object, size_t count)
{
    return (size_t)(((uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (count - 1);
}

/* NULL, and no object, when there is no memory for it. */
static struct allot_tracker_entry *make_entry(struct allot_tracker *t, size_t size, allot_how how,
                                              const void *caller)
{
    struct allot_tracker_entry *e =
        ali_inner_alloc(t->options.table, entry_bytes(t), ALLOT_ALIGN_DEFAULT, caller);

    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof *e);
    e->size = size;
    e->how = how & ALLOT_HOW_ALIGN_BITS;
    e->frames[0] = (uintptr_t)caller;
    e->frame_count = 1;
    if (t->options.frames > 1)
        e->frame_count = (uint32_t)ali_report_frames(e->frames, t->options.frames, caller);
    return e;
}

static void drop_entry(struct allot_tracker *t, struct allot_tracker_entry *e, const void *caller)
{
    ali_inner_free(t->options.table, e, entry_bytes(t), ALLOT_ALIGN_DEFAULT, caller);
}

static size_t bytes_of_buckets(size_t count)
{
    return count * sizeof(struct allot_tracker_entry *);
}

/* Twice as many; when that cannot be had the lists get longer. False: there are none at all. */
static bool grow_locked(struct allot_tracker *t, const void *caller)
{
    size_t count = t->bucket_count == 0 ? FIRST_BUCKETS : 2 * t->bucket_count;
    struct allot_tracker_entry **buckets = ali_inner_alloc(
        t->options.table, bytes_of_buckets(count), ALLOT_ALIGN_DEFAULT | ALLOT_ZERO, caller);
    struct allot_tracker_entry *e, *next;

    if (buckets == NULL)
        return t->bucket_count != 0;
    for (size_t i = 0; i < t->bucket_count; i++)
        for (e = t->buckets[i]; e != NULL; e = next) {
            size_t to = bucket_of(e->object, count);

            next = e->next;
            e->next = buckets[to];
            buckets[to] = e;
        }
    if (t->buckets != NULL)
        ali_inner_free(t->options.table, t->buckets, bytes_of_buckets(t->bucket_count),
                       ALLOT_ALIGN_DEFAULT, caller);
    t->buckets = buckets;
    t->bucket_count = count;
    return true;
}

/* Room for one more, which need not be in yet. */
static bool make_room(struct allot_tracker *t, const void *caller)
{
    bool room = true;

    ali_tracker_enter(t);
    if (t->live_objects >= t->bucket_count)
        room = grow_locked(t, caller);
    ali_tracker_leave(t);
    return room;
}

static void insert_locked(struct allot_tracker *t, struct allot_tracker_entry *e)
{
    struct allot_tracker_entry **at = &t->buckets[bucket_of(e->object, t->bucket_count)];

    e->next = *at;
    *at = e;
    t->live_objects++;
    t->live_bytes += e->size;
    t->peak_bytes = ali_max(t->peak_bytes, t->live_bytes);
}

/* The link to the entry of the object; NULL: there is none. */
static struct allot_tracker_entry **find_locked(struct allot_tracker *t, const void *object)
{
    struct allot_tracker_entry **at;

    if (t->bucket_count == 0)
        return NULL;
    at = &t->buckets[bucket_of(object, t->bucket_count)];
    while (*at != NULL && (*at)->object != object)
        at = &(*at)->next;
    return *at != NULL ? at : NULL;
}

static struct allot_tracker_entry *remove_locked(struct allot_tracker *t,
                                                 struct allot_tracker_entry **at)
{
    struct allot_tracker_entry *e = *at;

    *at = e->next;
    t->live_objects--;
    t->live_bytes -= e->size;
    return e;
}

static bool fits(const struct allot_tracker_entry *e, size_t size, allot_how how)
{
    return (size == ALLOT_SIZE_UNKNOWN || size == e->size) &&
           (how & ALLOT_HOW_ALIGN_BITS) == e->how;
}

static void blame_claim(const struct allot_tracker_entry *e, size_t size, allot_how how,
                        const char *call, const void *caller)
{
    bool aligned = (how & ALLOT_HOW_ALIGN_BITS) == e->how;
    struct allot_misuse m = {.kind = ALLOT_MISUSE_MISMATCHED_FREE,
                             .place = ALLOT_PLACE_LIVE_BLOCK,
                             .call = call,
                             .pointer = e->object,
                             .block = e->object,
                             .block_bytes = e->size,
                             .told_bytes = aligned ? size : allot_how_align(how),
                             .true_bytes = aligned ? e->size : allot_how_align(e->how),
                             .detail = aligned ? "wrong size" : "wrong alignment"};

    ali_report_misuse(&m, caller);
}

/* Takes the entry of an object out; NULL: there is no such object, which was reported. */
static struct allot_tracker_entry *take_out(struct allot_tracker *t, const void *p, size_t size,
                                            allot_how how, const char *call, const void *caller)
{
    struct allot_tracker_entry **at;
    struct allot_tracker_entry *e = NULL;
    bool good = false;

    ali_tracker_enter(t);
    at = find_locked(t, p);
    if (at != NULL) {
        e = *at;
        good = fits(e, size, how);
        if (good)
            remove_locked(t, at);
    }
    ali_tracker_leave(t);
    if (good)
        return e;
    if (e != NULL)
        blame_claim(e, size, how, call, caller);
    else
        ali_blame_object(ALLOT_MISUSE_INVALID_FREE, call, p, "no live object of the tracker",
                         caller);
    return NULL;
}

/* --- calls -------------------------------------------------------------------------------- */

static void *tracker_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_tracker *t = of(a);
    struct allot_tracker_entry *e = make_entry(t, size, how, caller);
    char *p = NULL;

    if (e != NULL && make_room(t, caller))
        p = ali_inner_alloc(t->under.inner, size, how, caller);
    if (p == NULL) {
        ali_tally(&t->failures, 1);
        if (e != NULL)
            drop_entry(t, e, caller);
        return NULL;
    }
    ali_tracker_enter(t);
    e->object = p;
    e->serial = ++t->serial;
    insert_locked(t, e);
    ali_tracker_leave(t);
    return p;
}

static void tracker_free(allot_allocator *a, void *p, size_t size, allot_how how,
                         const void *caller)
{
    struct allot_tracker *t = of(a);
    struct allot_tracker_entry *e = take_out(t, p, size, how, "allot_delete", caller);

    if (e == NULL)
        return;
    ali_tally(&t->frees, 1);
    ali_inner_free(t->under.inner, p, e->size, e->how, caller);
    drop_entry(t, e, caller);
}

/* The entry of an object, which is the caller's: it stays until he frees it. NULL: it is none. */
static struct allot_tracker_entry *entry_of(struct allot_tracker *t, const void *p, size_t size,
                                            allot_how how)
{
    struct allot_tracker_entry **at;
    struct allot_tracker_entry *e;

    ali_tracker_enter(t);
    at = find_locked(t, p);
    e = at != NULL && fits(*at, size, how) ? *at : NULL;
    ali_tracker_leave(t);
    return e;
}

static bool tracker_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                           allot_how how, const void *caller)
{
    struct allot_tracker *t = of(a);
    struct allot_tracker_entry *e = entry_of(t, p, old_size, how);

    if (e == NULL || !ali_inner_resize(t->under.inner, p, old_size, new_size, how, caller))
        return false;
    ali_tracker_enter(t);
    t->live_bytes += new_size - e->size;
    t->peak_bytes = ali_max(t->peak_bytes, t->live_bytes);
    e->size = new_size;
    ali_tracker_leave(t);
    return true;
}

static void *tracker_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                           allot_how how, const void *caller)
{
    const struct ali_change change = {old_size, new_size, how, caller};
    struct allot_tracker *t = of(a);
    struct allot_tracker_entry *e = take_out(t, p, old_size, how, "allot_resize", caller);
    bool done;

    if (e == NULL)
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_UNSUPPORTED, 0);
    done = ali_inner_move(t->under.inner, &p, &change) == 0;
    if (done) {
        e->object = p;
        e->size = new_size;
    }
    ali_tracker_enter(t);
    insert_locked(t, e);
    ali_tracker_leave(t);
    return done ? p : NULL;
}

/* --- questions ---------------------------------------------------------------------------- */

static size_t tracker_usable(allot_allocator *a, const void *p, size_t size, allot_how how)
{
    const struct allot_tracker_entry *e = entry_of(of(a), p, size, how);

    return e == NULL ? 0 : e->size;
}

bool ali_tracker_each_locked(struct allot_tracker *t,
                             bool (*each)(struct allot_tracker_entry *e, void *arg), void *arg)
{
    struct allot_tracker_entry *e;

    for (size_t i = 0; i < t->bucket_count; i++)
        for (e = t->buckets[i]; e != NULL; e = e->next)
            if (!each(e, arg))
                return false;
    return true;
}

static bool is_elsewhere(struct allot_tracker_entry *e, void *arg)
{
    return (uintptr_t)arg - (uintptr_t)e->object >= e->size;
}

static int tracker_owns(allot_allocator *a, const void *p)
{
    struct allot_tracker *t = of(a);
    bool owns;

    ali_tracker_enter(t);
    owns = find_locked(t, p) != NULL ||
           !ali_tracker_each_locked(t, is_elsewhere, (void *)(uintptr_t)p);
    ali_tracker_leave(t);
    return owns;
}

struct visit {
    allot_visit_fn visit;
    allot_tracked_fn tell;
    void *arg;
};

static bool visit_entry(struct allot_tracker_entry *e, void *arg)
{
    const struct visit *v = arg;

    return v->visit(e->object, e->size, v->arg);
}

static bool tracker_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    struct visit v = {.visit = visit, .arg = arg};
    bool all;

    ali_tracker_enter(of(a));
    all = ali_tracker_each_locked(of(a), visit_entry, &v);
    ali_tracker_leave(of(a));
    return all;
}

static bool tell_entry(struct allot_tracker_entry *e, void *arg)
{
    const struct visit *v = arg;
    const struct allot_tracked tracked = {e->object, e->size, e->serial, e->frame_count, e->frames};

    return v->tell(&tracked, v->arg);
}

bool allot_tracker_each(struct allot_tracker *tracker, allot_tracked_fn tell, void *arg)
{
    struct visit v = {.tell = tell, .arg = arg};
    bool all;

    ali_tracker_enter(tracker);
    all = ali_tracker_each_locked(tracker, tell_entry, &v);
    ali_tracker_leave(tracker);
    return all;
}

static void tracker_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    struct allot_tracker *t = of(a);

    ali_tracker_enter(t);
    stats->live_bytes = t->live_bytes;
    stats->live_objects = t->live_objects;
    stats->peak_live_bytes = t->peak_bytes;
    stats->allocations = (size_t)t->serial;
    stats->frees = ali_tally_get(&t->frees);
    stats->failures = ali_tally_get(&t->failures);
    ali_tracker_leave(t);
}

static struct allot_tracker_entry *take_any(struct allot_tracker *t, size_t *bucket)
{
    struct allot_tracker_entry *e = NULL;

    ali_tracker_enter(t);
    while (*bucket < t->bucket_count && t->buckets[*bucket] == NULL)
        ++*bucket;
    if (*bucket < t->bucket_count)
        e = remove_locked(t, &t->buckets[*bucket]);
    ali_tracker_leave(t);
    return e;
}

/* Empties the table; `frees`: and frees the objects. */
static void empty(struct allot_tracker *t, bool frees, const void *caller)
{
    struct allot_tracker_entry *e;
    size_t bucket = 0;

    while ((e = take_any(t, &bucket)) != NULL) {
        ali_tally(&t->frees, 1);
        if (frees)
            ali_inner_free(t->under.inner, e->object, e->size, e->how, caller);
        drop_entry(t, e, caller);
    }
}

/* Object by object where that can be: what else the inner allocator has is not the tracker's. */
static allot_status tracker_reset(allot_allocator *a, const void *caller)
{
    struct allot_tracker *t = of(a);
    bool one_by_one = ali_inner_can(t->under.inner, ALLOT_CAP_FREE);
    allot_status status = one_by_one ? 0 : ali_inner_reset(t->under.inner, caller);

    if (status == 0)
        empty(t, one_by_one, caller);
    return status;
}

static const struct allot_allocator_ops tracker_ops = {
    .caps = ALLOT_CAP_CHECKED | ALLOT_CAP_OWNS | ALLOT_CAP_UNSIZED | ALLOT_CAP_INDIVIDUAL,
    .kind = "tracker",
    .alloc = tracker_alloc,
    .resize = tracker_resize,
    .remap = tracker_remap,
    .free = tracker_free,
    .usable = tracker_usable,
    .owns = tracker_owns,
    .trim = ali_pass_trim,
    .reset = tracker_reset,
    .stats = tracker_stats,
    .visit = tracker_visit,
};

/* --- making and ending -------------------------------------------------------------------- */

void allot_tracker_init(struct allot_tracker *tracker, allot_allocator *inner,
                        const struct allot_tracker_options *options)
{
    memset(tracker, 0, sizeof *tracker);
    if (options != NULL)
        tracker->options = *options;
    if (tracker->options.table == NULL)
        tracker->options.table = allot_heap_allocator(NULL);
    tracker->options.frames =
        (uint32_t)ali_min(ali_max(tracker->options.frames, 1), ALLOT_TRACKER_FRAMES);
    ali_decorate(tracker, inner, &tracker_ops, 0);
    if (ali_inner_can(tracker->under.inner, ALLOT_CAP_FREE))
        tracker->under.ops.caps |= ALLOT_CAP_RESET;
    else if (!ali_inner_can(tracker->under.inner, ALLOT_CAP_RESET))
        tracker->under.ops.reset = NULL;
}

size_t allot_tracker_release(struct allot_tracker *tracker)
{
    const void *caller = __builtin_return_address(0);
    size_t leaks = tracker->live_objects;

    if (leaks != 0 && tracker->options.print)
        ali_tracker_print(tracker);
    if (leaks != 0 && tracker->options.on_leak != NULL)
        (void)allot_tracker_each(tracker, tracker->options.on_leak, tracker->options.arg);
    empty(tracker, false, caller);
    if (tracker->buckets != NULL)
        ali_inner_free(tracker->options.table, tracker->buckets,
                       bytes_of_buckets(tracker->bucket_count), ALLOT_ALIGN_DEFAULT, caller);
    tracker->buckets = NULL;
    tracker->bucket_count = 0;
    tracker->under.inner = NULL;
    return leaks;
}

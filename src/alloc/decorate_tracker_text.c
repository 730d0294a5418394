/* The tracker's report: live objects by the call stack that made them, the most bytes first. Made
 * of the entries themselves, chained and sorted in place, so that it needs no memory. */
#include "alloc/tracker.h"

enum { REPORT_BYTES = 3584 };

static int by_frames(const struct allot_tracker_entry *a, const struct allot_tracker_entry *b)
{
    if (a->frame_count != b->frame_count)
        return a->frame_count < b->frame_count ? -1 : 1;
    return memcmp(a->frames, b->frames, a->frame_count * sizeof a->frames[0]);
}

static int by_bytes(const struct allot_tracker_entry *a, const struct allot_tracker_entry *b)
{
    return (b->group_bytes > a->group_bytes) - (b->group_bytes < a->group_bytes);
}

typedef int (*order)(const struct allot_tracker_entry *a, const struct allot_tracker_entry *b);

static struct allot_tracker_entry *merge(struct allot_tracker_entry *a,
                                         struct allot_tracker_entry *b, order compare)
{
    struct allot_tracker_entry *first = NULL, **end = &first;

    while (a != NULL && b != NULL) {
        struct allot_tracker_entry **least = compare(a, b) <= 0 ? &a : &b;

        *end = *least;
        end = &(*end)->chain;
        *least = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* By merging lists of 1, 2, 4 ...: list i is empty or has 2^i entries. */
static struct allot_tracker_entry *sort(struct allot_tracker_entry *list, order compare)
{
    struct allot_tracker_entry *lists[64] = {NULL};
    struct allot_tracker_entry *one;
    size_t i;

    while (list != NULL) {
        one = list;
        list = list->chain;
        one->chain = NULL;
        for (i = 0; lists[i] != NULL; i++) {
            one = merge(lists[i], one, compare);
            lists[i] = NULL;
        }
        lists[i] = one;
    }
    for (i = 0; i < ALI_ARRAY_COUNT(lists); i++)
        list = merge(lists[i], list, compare);
    return list;
}

static bool put_in_chain(struct allot_tracker_entry *e, void *arg)
{
    struct allot_tracker_entry **first = arg;

    e->chain = *first;
    *first = e;
    return true;
}

/* One entry for each stack, with the figures of all of it; the most bytes first. */
static struct allot_tracker_entry *group_locked(struct allot_tracker *t)
{
    struct allot_tracker_entry *list = NULL, *groups = NULL, *e, *next;

    (void)ali_tracker_each_locked(t, put_in_chain, &list);
    for (e = sort(list, by_frames); e != NULL; e = next) {
        next = e->chain;
        e->group_bytes = e->group_count = 0;
        if (groups == NULL || by_frames(groups, e) != 0) {
            e->chain = groups;
            groups = e;
        }
        groups->group_bytes += e->size;
        groups->group_count++;
    }
    return sort(groups, by_bytes);
}

static void text_headline(struct ali_text *text, const struct allot_tracker *t)
{
    const char *name = t->options.name;

    ali_text_printf(text, "allot: tracker%s%s: %zu %s, %zu B still live\n", name != NULL ? " " : "",
                    name != NULL ? name : "", t->live_objects,
                    t->live_objects == 1 ? "object" : "objects", t->live_bytes);
}

static void text_group(struct ali_text *text, const struct allot_tracker_entry *e)
{
    ali_text_printf(text, "  %zu B in %zu %s, allocated by\n", e->group_bytes, e->group_count,
                    e->group_count == 1 ? "object" : "objects");
    ali_report_frames_text(text, e->frames, e->frame_count);
}

size_t allot_tracker_text(struct allot_tracker *tracker, char *buffer, size_t bytes)
{
    const struct allot_tracker_entry *e;
    struct ali_text text;

    ali_text_init(&text, buffer, bytes);
    ali_tracker_enter(tracker);
    if (tracker->live_objects != 0)
        text_headline(&text, tracker);
    for (e = group_locked(tracker); e != NULL; e = e->chain)
        text_group(&text, e);
    ali_tracker_leave(tracker);
    return ali_text_length(&text);
}

static void print(const struct ali_text *text)
{
    ali_os_write(2, text->start, ali_text_length(text));
}

/* Group by group, so that nothing is cut. */
void ali_tracker_print(struct allot_tracker *t)
{
    const struct allot_tracker_entry *e;
    char line[REPORT_BYTES];
    struct ali_text text;

    ali_text_init(&text, line, sizeof line);
    text_headline(&text, t);
    print(&text);
    for (e = group_locked(t); e != NULL; e = e->chain) {
        ali_text_init(&text, line, sizeof line);
        text_group(&text, e);
        print(&text);
    }
}

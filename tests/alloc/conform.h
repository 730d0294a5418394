/* One suite for every allocator. What an allocator claims (its caps, the functions of its table)
 * it is held to; what it does not claim it must refuse cleanly.
 *
 * An allocator enters by one line in the table of cases.c. */
#ifndef ALI_TEST_ALLOC_CONFORM_H
#define ALI_TEST_ALLOC_CONFORM_H

#include "alloc/strict.h"
#include "base/base.h"

enum conform_flag {
    CONFORM_DIRECT = 1 << 0, /* every call reaches the inner allocator, with its caller */
    CONFORM_LEAF = 1 << 1,   /* asks the OS, not an inner allocator */
};

struct conform_case {
    const char *name;
    /* Over `inner`, or not; NULL: it failed, as it may when the inner one or the OS does. */
    allot_allocator *(*create)(allot_allocator *inner);
    /* With whatever is live. NULL: nothing to do. */
    void (*destroy)(allot_allocator *a);
    unsigned flags;
    size_t size_max;     /* largest size it serves; 0: all */
    size_t align_max;    /* largest alignment; 0: all */
    size_t budget_bytes; /* what may be live at a time; 0: 64 MiB */
};

extern const struct conform_case conform_cases[];
extern const size_t conform_case_count;

/* The case that runs, its allocator, and what is underneath. */
struct conform {
    const struct conform_case *c;
    allot_allocator *a;
    uint32_t caps;
    struct strict inner;
};
extern struct conform conform;

/* Misuses reported since the last time; the last one. */
int conform_misuses(void);
extern struct allot_misuse conform_misuse;

static inline bool conform_can(uint32_t cap)
{
    return (conform.caps & cap) != 0;
}

/* For setup and teardown of the tests: makes and ends conform.a; 0, or -1 when something is wrong
 * (which has been said). */
int conform_start(void **state);
int conform_stop(void **state);

/* Largest size and alignment that the case serves, at most these. */
size_t conform_size(size_t most);
size_t conform_align(size_t most);
size_t conform_budget(void);

/* An object with a pattern of its own in every byte. */
struct object {
    unsigned char *p; /* NULL: none */
    size_t size;
    allot_how how;
    uint64_t key;
};

bool object_new(struct object *o, size_t size, allot_how how);
bool object_is_intact(const struct object *o);
/* The first upto bytes. */
bool object_holds(const struct object *o, size_t upto);
void object_fill(struct object *o);
void object_delete(struct object *o); /* looks at nothing */
bool object_is_zero(const struct object *o);

/* Live objects in the order in which they were made, so that what frees in this order only can be
 * tested too. */
enum { CONFORM_OBJECTS = 512 };
struct objects {
    size_t count;
    size_t bytes;
    struct object list[CONFORM_OBJECTS];
};
bool objects_are_intact(const struct objects *all);
void objects_delete(struct objects *all); /* the last first */

/* A random stream against a model of the content. False: s->wrong says what. */
struct stream {
    struct ali_random random;
    bool may_fail;
    uint64_t refused;
    size_t asked_bytes; /* of all objects so far */
    const char *wrong;
    struct objects all;
};
bool stream_run(struct stream *s, int steps);
bool stream_end(struct stream *s); /* looks at and frees all */
uint64_t conform_seed(void);

/* The tests: each is run with a fresh conform.a. */
typedef void (*conform_test)(void **state);
#define CONFORM_TESTS(X)                                                                           \
    X(claims_when_read_fit_the_table)                                                              \
    X(sizes_when_allocated_are_whole_and_aligned)                                                  \
    X(sizes_near_the_largest_are_refused_and_nothing_is_lost)                                      \
    X(alignments_when_asked_for_are_kept_or_refused)                                               \
    X(how_words_that_are_none_are_refused)                                                         \
    X(zero_when_asked_for_is_zero_on_used_memory)                                                  \
    X(zero_when_resized_is_zero_in_what_is_added)                                                  \
    X(arrays_when_the_product_overflows_are_refused)                                               \
    X(null_when_deleted_resized_or_asked_about_is_fine)                                            \
    X(content_when_resized_is_kept)                                                                \
    X(alignment_when_resized_is_kept)                                                              \
    X(resize_when_in_place_tells_the_truth)                                                        \
    X(resize_when_refused_leaves_the_object)                                                       \
    X(usable_bytes_are_usable)                                                                     \
    X(atleast_when_given_is_the_size)                                                              \
    X(ownership_when_asked_is_true)                                                                \
    X(stats_when_known_are_true)                                                                   \
    X(visit_when_made_finds_exactly_what_is_live)                                                  \
    X(reset_when_claimed_frees_all_else_nothing)                                                   \
    X(trim_when_called_leaves_the_objects)                                                         \
    X(free_without_size_when_claimed_works)                                                        \
    X(free_when_checked_reports_what_is_wrong)                                                     \
    X(caller_when_direct_is_handed_down)                                                           \
    X(random_operations_agree_with_the_model)                                                      \
    X(nth_inner_failure_loses_nothing)                                                             \
    X(inner_failures_from_the_nth_on_lose_nothing)                                                 \
    X(threads_when_claimed_may_share_it)

#define CONFORM_DECLARE(test) void test(void **state);
CONFORM_TESTS(CONFORM_DECLARE)

#endif

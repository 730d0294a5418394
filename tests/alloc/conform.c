/* What the tests of the suite share: the case that runs, objects with a
 * pattern. */
#include "unit.h"

#include <errno.h>

#include "alloc/conform.h"
#include "heap/shadow.h"

struct conform conform;
struct allot_misuse conform_misuse;
static _Atomic(int) misuses;
static _Atomic(uint64_t) last_key;

/* A sanitizer's malloc must fail as others do. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void note_misuse(const struct allot_misuse *misuse, void *arg)
{
    (void)arg;
    conform_misuse = *misuse;
    atomic_fetch_add(&misuses, 1);
}

int conform_misuses(void)
{
    return atomic_exchange(&misuses, 0);
}

int conform_start(void **state)
{
    (void)state;
    (void)conform_misuses();
    allot_set_misuse_handler(note_misuse, NULL);
    strict_init(&conform.inner);
    conform.a = conform.c->create(&conform.inner.base);
    if (conform.a == NULL)
        return -1;
    conform.caps = allot_allocator_caps(conform.a);
    return 0;
}

int conform_stop(void **state)
{
    int count;

    (void)state;
    if (conform.c->destroy != NULL && conform.a != NULL)
        conform.c->destroy(conform.a);
    conform.a = NULL;
    count = conform_misuses();
    allot_set_misuse_handler(NULL, NULL);
    if (count != 0)
        print_message("%d misuses, the last: %s: %s\n", count, conform_misuse.call,
                      conform_misuse.detail == NULL ? "" : conform_misuse.detail);
    if (!strict_release(&conform.inner)) {
        print_message("underneath: %s\n", conform.inner.error);
        return -1;
    }
    return count == 0 ? 0 : -1;
}

size_t conform_size(size_t most)
{
    return conform.c->size_max == 0 ? most : ali_min(most, conform.c->size_max);
}

size_t conform_align(size_t most)
{
    return conform.c->align_max == 0 ? most : ali_min(most, conform.c->align_max);
}

size_t conform_budget(void)
{
    return conform.c->budget_bytes == 0 ? 64 * ALI_MIB : conform.c->budget_bytes;
}

uint64_t conform_seed(void)
{
    const char *set = getenv("ALLOT_TEST_SEED");
    uint64_t seed = set == NULL ? 20260101 : strtoull(set, NULL, 0);

    print_message("ALLOT_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* --- objects ------------------------------------------------------------------------------ */

bool object_new(struct object *o, size_t size, allot_how how)
{
    *o = (struct object){.size = size, .how = how, .key = atomic_fetch_add(&last_key, 1)};
    o->p = allot_new_how(conform.a, size, how);
    return o->p != NULL;
}

void object_fill(struct object *o)
{
    shadow_fill(o->p, o->size, o->key);
}

bool object_holds(const struct object *o, size_t upto)
{
    return ali_is_aligned(o->p, allot_how_align(o->how)) &&
           shadow_is_intact(o->p, o->size, upto, o->key);
}

bool object_is_intact(const struct object *o)
{
    return object_holds(o, o->size);
}

bool object_is_zero(const struct object *o)
{
    return shadow_is_zero(o->p, o->size);
}

void object_delete(struct object *o)
{
    if (o->how == ALLOT_ALIGN_DEFAULT)
        allot_delete(conform.a, o->p, o->size);
    else
        allot_delete_how(conform.a, o->p, o->size, o->how);
    o->p = NULL;
}

bool objects_are_intact(const struct objects *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (!object_is_intact(&all->list[i]))
            return false;
    return true;
}

void objects_delete(struct objects *all)
{
    while (all->count > 0)
        object_delete(&all->list[--all->count]);
    all->bytes = 0;
}

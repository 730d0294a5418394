/* The functions that tests/alloc/oom.c puts under test: one that does right, and those that leak,
 * crash, hang, lie or misuse. */
#ifndef ALI_TEST_OOM_FUNCTIONS_H
#define ALI_TEST_OOM_FUNCTIONS_H

#include "allot/allot.h"
#include "base/base.h"

static int three_right(allot_allocator *a, void *arg)
{
    void *p = allot_new(a, 10);
    void *q = p == NULL ? NULL : allot_new_zero(a, 20);

    (void)arg;
    if (q != NULL && allot_resize(a, &q, 20, 5000) == 0)
        allot_delete(a, q, 5000);
    else
        allot_delete(a, q, 20);
    allot_delete(a, p, 10);
    return 0;
}

static ALI_NOINLINE void *first_object(allot_allocator *a)
{
    void *volatile p = allot_new(a, 10);

    return p;
}

/* Loses the first when there is no second. */
static int leaks(allot_allocator *a, void *arg)
{
    void *p = first_object(a);
    void *q;

    (void)arg;
    if (p == NULL)
        return 0;
    q = allot_new(a, 20);
    if (q == NULL)
        return 0;
    allot_delete(a, q, 20);
    allot_delete(a, p, 10);
    return 0;
}

static int crashes(allot_allocator *a, void *arg)
{
    char *volatile p = allot_new(a, 10);
    char *volatile q = allot_new(a, 10);

    (void)arg;
    if (q == NULL) {
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka catches it */
        (void)raise(SIGSEGV);
    }
    allot_delete(a, p, 10);
    allot_delete(a, q, 10);
    return 0;
}

static int crashes_at_once(allot_allocator *a, void *arg)
{
    (void)a;
    (void)arg;
    (void)raise(SIGKILL);
    return 0;
}

static int exits(allot_allocator *a, void *arg)
{
    (void)a;
    (void)arg;
    _exit(3);
}

static int hangs(allot_allocator *a, void *arg)
{
    void *p = allot_new(a, 10);

    (void)arg;
    while (p == NULL)
        (void)pause();
    allot_delete(a, p, 10);
    return 0;
}

static int lies(allot_allocator *a, void *arg)
{
    void *p = allot_new(a, 10);

    (void)arg;
    allot_delete(a, p, 10);
    return p == NULL ? 7 : 0;
}

/* What is nobody's object. */
static int foreign;

static int misuses(allot_allocator *a, void *arg)
{
    void *p = allot_new(a, 10);

    (void)arg;
    allot_delete(a, p == NULL ? &foreign : p, 10);
    return 0;
}

static int never_ends(allot_allocator *a, void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        allot_delete(a, allot_new(a, 1), 1);
    return 0;
}

/* Many stacks: one a level. */
static ALI_NOINLINE void leak_deep(allot_allocator *a, int depth)
{
    void *volatile p;

    if (depth == 0)
        return;
    leak_deep(a, depth - 1);
    p = allot_new(a, 1);
    (void)p;
}

enum { DEPTHS = 20, LEAKED = 2 * DEPTHS * (DEPTHS + 1) / 2 };

/* From two places, so that there are more stacks than are kept apart. */
static int leaks_everywhere(allot_allocator *a, void *arg)
{
    (void)arg;
    for (int depth = 1; depth <= DEPTHS; depth++)
        leak_deep(a, depth);
    for (int depth = 1; depth <= DEPTHS; depth++)
        leak_deep(a, depth);
    return 0;
}

#endif

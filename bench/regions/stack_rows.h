/* Rows of objects of STACK_BYTES that are freed in the opposite order. The contender has defined
 *     STACK, stack_open(), stack_close(s), stack_push(s), stack_pop(s, object);
 *     STACK_MARK, stack_mark(s), stack_rewind(s, mark), if it has marks;
 *     STACK_ANY_ORDER, if any object may be popped, and stack_open_any() for a stack with that. */

enum { STACK_AT_ONCE = 16 };

static double push_pop_turns(STACK *s, unsigned step, uint64_t *sum)
{
    const int count = rounds(100000);
    void *p[STACK_AT_ONCE];
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        for (unsigned k = 0; k < STACK_AT_ONCE; k++) {
            p[k] = stack_push(s);
            KEEP(p[k]);
        }
        for (unsigned k = STACK_AT_ONCE; k-- > 0;)
            stack_pop(s, p[k * step % STACK_AT_ONCE]);
    }
    end = now_ns();
    for (int k = 0; k < STACK_AT_ONCE; k++)
        p[k] = memset(stack_push(s), k, STACK_BYTES);
    *sum = sum_objects(p, STACK_AT_ONCE, STACK_BYTES);
    for (unsigned k = STACK_AT_ONCE; k-- > 0;)
        stack_pop(s, p[k]);
    stack_close(s);
    return (end - start) / count / STACK_AT_ONCE;
}

static double push_pop(uint64_t *sum)
{
    return push_pop_turns(stack_open(), 1, sum);
}

#ifdef STACK_ANY_ORDER
static double out_of_order(uint64_t *sum)
{
    return push_pop_turns(stack_open_any(), 5, sum);
}
#define STACK_ANY_PASSES {OUT_OF_ORDER, out_of_order},
#else
#define STACK_ANY_PASSES
#endif

#ifdef STACK_MARK
static double stack_to_mark(uint64_t *sum)
{
    const int count = rounds(200000);
    STACK *s = stack_open();
    void *p[8];
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        STACK_MARK mark = stack_mark(s);

        for (int k = 0; k < 8; k++)
            KEEP(p[k] = stack_push(s));
        stack_rewind(s, mark);
    }
    end = now_ns();
    for (int k = 0; k < 8; k++)
        p[k] = memset(stack_push(s), k, STACK_BYTES);
    *sum = sum_objects(p, 8, STACK_BYTES);
    stack_close(s);
    return (end - start) / count;
}
#define STACK_MARK_PASSES {STACK_REWIND, stack_to_mark},
#else
#define STACK_MARK_PASSES
#endif

#define STACK_PASSES                                                                               \
    STACK_ANY_PASSES STACK_MARK_PASSES                                                             \
    {                                                                                              \
        PUSH_POP, push_pop                                                                         \
    }

/* The stack machine of DWARF expressions, as far as call frames use it: signal frames, procedure
 * linkage tables and functions that align their stack. */
#include "plat/linux/unwind.h"

enum { DEPTH = 16, STEPS_MAX = 256 };

enum op {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_DROP = 0x13,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_EQ = 0x29,
    OP_GE = 0x2a,
    OP_GT = 0x2b,
    OP_LE = 0x2c,
    OP_LT = 0x2d,
    OP_NE = 0x2e,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_NOP = 0x96,
};

struct machine {
    struct ali_reader *reader;
    const struct ali_registers *registers;
    struct ali_cursor code;
    uintptr_t stack[DEPTH];
    unsigned depth;
    bool bad;
};

static void push(struct machine *m, uintptr_t value)
{
    if (m->depth == DEPTH)
        m->bad = true;
    else
        m->stack[m->depth++] = value;
}

static uintptr_t pop(struct machine *m)
{
    if (m->depth == 0) {
        m->bad = true;
        return 0;
    }
    return m->stack[--m->depth];
}

/* const1u, const1s, const2u ... const8s */
static uintptr_t constant(struct machine *m, unsigned op)
{
    unsigned bytes = 1U << ((op - OP_CONST1U) / 2);
    uint64_t v = ali_cursor_bytes(&m->code, bytes);
    unsigned unused = 64 - 8 * bytes;

    return op % 2 == 0 ? v : (uintptr_t)((int64_t)(v << unused) >> unused);
}

static uintptr_t shift(uintptr_t a, uintptr_t by, bool left)
{
    if (by >= 64)
        return 0;
    return left ? a << by : a >> by;
}

static uintptr_t compute(struct machine *m, unsigned op, uintptr_t a, uintptr_t b)
{
    switch (op) {
    case OP_AND:
        return a & b;
    case OP_MINUS:
        return a - b;
    case OP_OR:
        return a | b;
    case OP_PLUS:
        return a + b;
    case OP_SHL:
    case OP_SHR:
        return shift(a, b, op == OP_SHL);
    case OP_EQ:
        return a == b;
    case OP_GE:
        return (intptr_t)a >= (intptr_t)b;
    case OP_GT:
        return (intptr_t)a > (intptr_t)b;
    case OP_LE:
        return (intptr_t)a <= (intptr_t)b;
    case OP_LT:
        return (intptr_t)a < (intptr_t)b;
    case OP_NE:
        return a != b;
    default:
        m->bad = true;
        return 0;
    }
}

static void binary(struct machine *m, unsigned op)
{
    uintptr_t b = pop(m);
    uintptr_t a = pop(m);

    push(m, compute(m, op, a, b));
}

static void load(struct machine *m)
{
    uintptr_t value = 0;

    if (!ali_reader_copy(m->reader, &value, pop(m), sizeof value))
        m->bad = true;
    push(m, value);
}

static void push_register(struct machine *m, unsigned number)
{
    uintptr_t value = 0;

    if (!ali_registers_get(m->registers, number, &value))
        m->bad = true;
    push(m, value + (uintptr_t)ali_cursor_sleb(&m->code));
}

static void duplicate(struct machine *m)
{
    uintptr_t value = pop(m);

    push(m, value);
    push(m, value);
}

static void run_one(struct machine *m, unsigned op)
{
    if (op >= OP_LIT0 && op <= OP_LIT31)
        push(m, op - OP_LIT0);
    else if (op >= OP_BREG0 && op <= OP_BREG31)
        push_register(m, op - OP_BREG0);
    else if (op >= OP_CONST1U && op <= OP_CONST8S)
        push(m, constant(m, op));
    else if (op == OP_CONSTU)
        push(m, ali_cursor_uleb(&m->code));
    else if (op == OP_CONSTS)
        push(m, (uintptr_t)ali_cursor_sleb(&m->code));
    else if (op == OP_PLUS_UCONST)
        push(m, pop(m) + ali_cursor_uleb(&m->code));
    else if (op == OP_DEREF)
        load(m);
    else if (op == OP_DUP)
        duplicate(m);
    else if (op == OP_DROP)
        (void)pop(m);
    else if (op != OP_NOP)
        binary(m, op);
}

bool ali_expression_run(struct ali_reader *reader, const struct ali_registers *registers,
                        struct ali_cursor code, uintptr_t first, uintptr_t *value)
{
    struct machine m = {.reader = reader, .registers = registers, .code = code};

    push(&m, first);
    for (unsigned i = 0; i < STEPS_MAX && m.code.at < m.code.end; i++)
        run_one(&m, (unsigned)ali_cursor_bytes(&m.code, 1));
    *value = pop(&m);
    return !m.bad && !m.code.bad && m.code.at == m.code.end;
}

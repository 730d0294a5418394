/* Runs the program of an entry up to an instruction, and applies the rules it leaves. */
#include "plat/linux/unwind.h"

enum { REMEMBERED_MAX = 8 };

enum rule_kind {
    RULE_SAME,
    RULE_UNDEFINED,
    RULE_AT,
    RULE_IS,
    RULE_AT_EXPRESSION,
    RULE_IS_EXPRESSION,
    RULE_REGISTER
};

/* Where a register of the caller is: in memory at, or equal to, the frame address plus an offset
 * or an expression; or in another register. */
struct rule {
    enum rule_kind kind;
    int64_t offset;
    uint64_t number;
    struct ali_cursor expression;
};

/* The frame address: a register plus an offset, or an expression. */
struct row {
    uint64_t base;
    int64_t offset;
    struct ali_cursor expression; /* when at is not NULL */
    struct rule rules[ALI_REG_COUNT];
};

struct run {
    const struct ali_cfi *cfi;
    struct ali_cursor code;
    uintptr_t place;
    struct row row;
    struct row initial;
    struct row remembered[REMEMBERED_MAX];
    unsigned depth;
    bool bad;
};

/* Index of a DWARF register that is followed; ALI_REG_COUNT for others. */
static unsigned followed(uint64_t number, uint64_t return_register)
{
    if (number == return_register)
        return ALI_REG_RETURN;
    if (number == ALI_DWARF_FRAME)
        return ALI_REG_FRAME;
    if (number == ALI_DWARF_STACK)
        return ALI_REG_STACK;
    return ALI_REG_COUNT;
}

bool ali_registers_get(const struct ali_registers *registers, uint64_t number, uintptr_t *value)
{
    unsigned i = followed(number, ALI_DWARF_RETURN);

    if (i == ALI_REG_COUNT)
        return false;
#if defined(__x86_64__)
    *value = i == ALI_REG_RETURN ? registers->pc : registers->r[i]; /* "16" is the pc there */
#else
    *value = registers->r[i];
#endif
    return true;
}

static void set_rule(struct run *run, uint64_t number, struct rule rule)
{
    unsigned i = followed(number, run->cfi->return_register);

    if (i < ALI_REG_COUNT)
        run->row.rules[i] = rule;
}

static void restore_rule(struct run *run, uint64_t number)
{
    unsigned i = followed(number, run->cfi->return_register);

    if (i < ALI_REG_COUNT)
        run->row.rules[i] = run->initial.rules[i];
}

enum instruction {
    CFA_ADVANCE = 0x40, /* the upper two bits; the rest is an operand */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_NOP = 0x00,
    CFA_ADVANCE1 = 0x02,
    CFA_ADVANCE2 = 0x03,
    CFA_ADVANCE4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEFINE = 0x0c,
    CFA_DEFINE_REGISTER = 0x0d,
    CFA_DEFINE_OFFSET = 0x0e,
    CFA_DEFINE_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_SIGNED = 0x11,
    CFA_DEFINE_SIGNED = 0x12,
    CFA_DEFINE_OFFSET_SIGNED = 0x13,
    CFA_VALUE_OFFSET = 0x14,
    CFA_VALUE_OFFSET_SIGNED = 0x15,
    CFA_VALUE_EXPRESSION = 0x16,
    CFA_NEGATE_RETURN_STATE = 0x2d, /* signed return addresses: we strip them anyway */
    CFA_ARGUMENTS_SIZE = 0x2e,
};

static int64_t factored(struct run *run, bool is_signed)
{
    int64_t n = is_signed ? ali_cursor_sleb(&run->code) : (int64_t)ali_cursor_uleb(&run->code);

    return (int64_t)((uint64_t)n * (uint64_t)run->cfi->data_factor);
}

static void define_base(struct run *run, uint64_t base)
{
    run->row.base = base;
    run->row.expression.at = NULL;
}

/* What says where the frame address is. False when it is another instruction. */
static bool run_define(struct run *run, unsigned op)
{
    struct ali_cursor *c = &run->code;

    switch (op) {
    case CFA_DEFINE:
        define_base(run, ali_cursor_uleb(c));
        run->row.offset = (int64_t)ali_cursor_uleb(c);
        return true;
    case CFA_DEFINE_SIGNED:
        define_base(run, ali_cursor_uleb(c));
        run->row.offset = factored(run, true);
        return true;
    case CFA_DEFINE_REGISTER:
        define_base(run, ali_cursor_uleb(c));
        return true;
    case CFA_DEFINE_OFFSET:
        run->row.offset = (int64_t)ali_cursor_uleb(c);
        return true;
    case CFA_DEFINE_OFFSET_SIGNED:
        run->row.offset = factored(run, true);
        return true;
    case CFA_DEFINE_EXPRESSION:
        run->row.expression = ali_cursor_cut(c, ali_cursor_uleb(c));
        return true;
    default:
        return false;
    }
}

/* What says where a register is. */
static bool run_rule(struct run *run, unsigned op)
{
    struct ali_cursor *c = &run->code;
    struct rule rule = {.kind = RULE_SAME};
    uint64_t number;

    if (op < CFA_OFFSET_EXTENDED || op > CFA_VALUE_EXPRESSION)
        return false;
    number = ali_cursor_uleb(c);
    switch (op) {
    case CFA_OFFSET_EXTENDED:
    case CFA_OFFSET_SIGNED:
        rule.kind = RULE_AT;
        rule.offset = factored(run, op == CFA_OFFSET_SIGNED);
        break;
    case CFA_VALUE_OFFSET:
    case CFA_VALUE_OFFSET_SIGNED:
        rule.kind = RULE_IS;
        rule.offset = factored(run, op == CFA_VALUE_OFFSET_SIGNED);
        break;
    case CFA_EXPRESSION:
    case CFA_VALUE_EXPRESSION:
        rule.kind = op == CFA_EXPRESSION ? RULE_AT_EXPRESSION : RULE_IS_EXPRESSION;
        rule.expression = ali_cursor_cut(c, ali_cursor_uleb(c));
        break;
    case CFA_REGISTER:
        rule.kind = RULE_REGISTER;
        rule.number = ali_cursor_uleb(c);
        break;
    case CFA_UNDEFINED:
        rule.kind = RULE_UNDEFINED;
        break;
    case CFA_SAME_VALUE:
        break;
    case CFA_RESTORE_EXTENDED:
        restore_rule(run, number);
        return true;
    default:
        run->bad = true;
    }
    set_rule(run, number, rule);
    return true;
}

static void run_other(struct run *run, unsigned op)
{
    switch (op) {
    case CFA_ADVANCE1:
        run->place += ali_cursor_bytes(&run->code, 1) * run->cfi->code_factor;
        break;
    case CFA_ADVANCE2:
        run->place += ali_cursor_bytes(&run->code, 2) * run->cfi->code_factor;
        break;
    case CFA_ADVANCE4:
        run->place += ali_cursor_bytes(&run->code, 4) * run->cfi->code_factor;
        break;
    case CFA_REMEMBER:
        if (run->depth == REMEMBERED_MAX)
            run->bad = true;
        else
            run->remembered[run->depth++] = run->row;
        break;
    case CFA_RESTORE_STATE:
        if (run->depth == 0)
            run->bad = true;
        else
            run->row = run->remembered[--run->depth];
        break;
    case CFA_ARGUMENTS_SIZE:
        (void)ali_cursor_uleb(&run->code);
        break;
    case CFA_NOP:
    case CFA_NEGATE_RETURN_STATE:
        break;
    default:
        run->bad = true;
    }
}

static void run_one(struct run *run)
{
    unsigned op = (unsigned)ali_cursor_bytes(&run->code, 1);
    unsigned operand = op & 0x3f;

    switch (op & 0xc0) {
    case CFA_ADVANCE:
        run->place += operand * run->cfi->code_factor;
        break;
    case CFA_OFFSET:
        set_rule(run, operand, (struct rule){.kind = RULE_AT, .offset = factored(run, false)});
        break;
    case CFA_RESTORE:
        restore_rule(run, operand);
        break;
    default:
        if (op == CFA_REMEMBER || op == CFA_RESTORE_STATE ||
            (!run_define(run, op) && !run_rule(run, op)))
            run_other(run, op);
    }
}

/* Rules hold from their place in the code on: those up to pc are run. */
static void run_until(struct run *run, struct ali_cursor code, uintptr_t pc)
{
    run->code = code;
    while (run->place <= pc && run->code.at < run->code.end && !run->bad && !run->code.bad)
        run_one(run);
    run->bad |= run->code.bad;
}

static bool frame_address(struct ali_reader *reader, const struct row *row,
                          const struct ali_registers *registers, uintptr_t *address)
{
    if (row->expression.at != NULL)
        return ali_expression_run(reader, registers, row->expression, 0, address);
    if (!ali_registers_get(registers, row->base, address))
        return false;
    *address += (uintptr_t)row->offset;
    return true;
}

static bool apply(struct ali_reader *reader, const struct rule *rule,
                  const struct ali_registers *registers, uintptr_t frame, uintptr_t *value)
{
    switch (rule->kind) {
    case RULE_AT:
        return ali_reader_copy(reader, value, frame + (uintptr_t)rule->offset, sizeof *value);
    case RULE_IS:
        *value = frame + (uintptr_t)rule->offset;
        return true;
    case RULE_AT_EXPRESSION:
        return ali_expression_run(reader, registers, rule->expression, frame, value) &&
               ali_reader_copy(reader, value, *value, sizeof *value);
    case RULE_IS_EXPRESSION:
        return ali_expression_run(reader, registers, rule->expression, frame, value);
    case RULE_REGISTER:
        return ali_registers_get(registers, rule->number, value);
    case RULE_SAME:
        return true;
    case RULE_UNDEFINED: /* the outermost frame says so of the return address */
    default:
        return false;
    }
}

bool ali_cfi_step(struct ali_reader *reader, const struct ali_cfi *cfi, uintptr_t pc,
                  struct ali_registers *registers)
{
    struct run run = {.cfi = cfi, .place = cfi->begin};
    struct ali_registers caller = *registers;
    uintptr_t frame;

    run_until(&run, cfi->initial, pc);
    run.initial = run.row;
    run_until(&run, cfi->program, pc);
    if (run.place <= pc && cfi->cut)
        return false;
    if (run.bad || !frame_address(reader, &run.row, registers, &frame))
        return false;
    caller.r[ALI_REG_STACK] = frame;
    for (unsigned i = 0; i < ALI_REG_COUNT; i++) {
        if (!apply(reader, &run.row.rules[i], registers, frame, &caller.r[i]))
            return false;
    }
    caller.pc = caller.r[ALI_REG_RETURN];
    caller.exact = cfi->signal_frame;
    *registers = caller;
    return true;
}

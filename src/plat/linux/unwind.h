/* Stepping from a frame to its caller by the call-frame information of the code.
 *
 *     .eh_frame_hdr  a sorted table from code to entry      cfi_find.c
 *     .eh_frame      entries: a little program that says,   cfi_run.c
 *                    for each instruction, where the
 *                    caller's registers are
 *     expressions    the odd case of that                   cfi_expression.c
 *
 * Only the registers that lead from frame to frame are followed: stack, frame and return address
 * (and the link register of aarch64, which is the latter). All memory is read through a reader,
 * so damaged stacks and odd tables end a walk and never fault. Nothing is locked or allocated.
 *
 * Source: DWARF 5, 6.4; Linux Standard Base Core 5.0, 10.6 (.eh_frame and .eh_frame_hdr). */
#ifndef ALI_PLAT_UNWIND_H
#define ALI_PLAT_UNWIND_H

#include "plat/linux/linux.h"

/* Which registers are followed, as indices into ali_registers.r. */
enum ali_followed { ALI_REG_FRAME, ALI_REG_STACK, ALI_REG_RETURN, ALI_REG_COUNT };

#if defined(__x86_64__)
enum { ALI_DWARF_FRAME = 6, ALI_DWARF_STACK = 7, ALI_DWARF_RETURN = 16 };
#else
enum { ALI_DWARF_FRAME = 29, ALI_DWARF_STACK = 31, ALI_DWARF_RETURN = 30 };
#endif

struct ali_registers {
    uintptr_t pc;
    uintptr_t r[ALI_REG_COUNT]; /* RETURN: the link register; not used on x86-64 */
    bool exact;                 /* pc is the next instruction, not what a call returns to */
};

/* Bytes being read. Past the end everything reads 0 and `bad` is set. */
struct ali_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

uint64_t ali_cursor_bytes(struct ali_cursor *c, unsigned count); /* little endian */
uint64_t ali_cursor_uleb(struct ali_cursor *c);
int64_t ali_cursor_sleb(struct ali_cursor *c);
/* The next `count` bytes as a cursor of their own. */
struct ali_cursor ali_cursor_cut(struct ali_cursor *c, uint64_t count);

enum { ALI_CIE_BYTES = 256, ALI_FDE_BYTES = 1024 };

/* The entry that covers an instruction. */
struct ali_cfi {
    uint8_t cie[ALI_CIE_BYTES];
    uint8_t fde[ALI_FDE_BYTES];
    struct ali_cursor initial; /* instructions, in cie */
    struct ali_cursor program; /* instructions, in fde */
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t return_register;
    uintptr_t begin; /* the code it covers */
    uintptr_t end;
    uint8_t encoding; /* of code addresses */
    bool augmented;
    bool signal_frame;
    bool cut; /* the program is longer than what was read of it */
};

bool ali_cfi_find(struct ali_reader *reader, uintptr_t table, uintptr_t pc, struct ali_cfi *cfi);

/* The registers of the caller; false when the information ends or makes no sense. */
bool ali_cfi_step(struct ali_reader *reader, const struct ali_cfi *cfi, uintptr_t pc,
                  struct ali_registers *registers);

/* Value of a DWARF register that is followed. */
bool ali_registers_get(const struct ali_registers *registers, uint64_t number, uintptr_t *value);

/* Runs an expression with `first` on the stack; false when it uses what we do not know. */
bool ali_expression_run(struct ali_reader *reader, const struct ali_registers *registers,
                        struct ali_cursor code, uintptr_t first, uintptr_t *value);

#endif

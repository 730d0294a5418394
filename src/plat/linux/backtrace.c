/* Call stacks, for reports of programs that may have damaged their own.
 *
 * Each frame is left by the call-frame information of its code, and where there is none by the
 * frame record (saved frame pointer, return address) that code with frame pointers keeps. Since
 * that register holds anything in other code, a return address found so must stand behind a call
 * instruction. All memory is read so that nothing can fault; the loader is not asked for
 * anything, so a report from inside it cannot wait for its locks. */
#include "plat/linux/unwind.h"

enum {
    FRAME_GAP_MAX = 1 << 20, /* a larger step is not a frame record */
    IMAGES = 4,
};

struct walk {
    struct ali_reader reader;
    struct ali_registers registers;
    struct ali_image images[IMAGES]; /* of the last frames, newest replaces oldest */
    unsigned next_image;
};

#if defined(__x86_64__)

/* call rel32, or call through a register or memory: FF /2 with 2 to 7 bytes. */
static bool ends_with_call(const uint8_t *code, size_t length)
{
    if (code[length - 5] == 0xe8)
        return true;
    for (size_t n = 2; n <= 7; n++) {
        if (code[length - n] == 0xff && (code[length - n + 1] & 0x38) == 0x10)
            return true;
    }
    return false;
}

static uintptr_t strip_signature(uintptr_t address)
{
    return address;
}

#define CAPTURE(regs)                                                                              \
    __asm__ volatile("leaq 0f(%%rip), %0\n0:\n\tmovq %%rbp, %1\n\tmovq %%rsp, %2"                  \
                     : "=&r"((regs)->pc), "=&r"((regs)->r[ALI_REG_FRAME]),                         \
                       "=&r"((regs)->r[ALI_REG_STACK]))

#else

/* bl, or blr with or without authentication. */
static bool ends_with_call(const uint8_t *code, size_t length)
{
    uint32_t word;

    memcpy(&word, code + length - sizeof word, sizeof word);
    return word >> 26 == 0x25 || (word & 0xfefff000U) == 0xd63f0000U;
}

/* Pointer authentication keeps its signature in the bits that no address uses. */
static uintptr_t strip_signature(uintptr_t address)
{
    register uintptr_t x30 __asm__("x30") = address;

    __asm__("hint 7" : "+r"(x30)); /* xpaclri; does nothing where there is no such thing */
    return x30;
}

#define CAPTURE(regs)                                                                              \
    __asm__ volatile("adr %0, .\n\tmov %1, x29\n\tmov %2, sp\n\tmov %3, x30"                       \
                     : "=&r"((regs)->pc), "=&r"((regs)->r[ALI_REG_FRAME]),                         \
                       "=&r"((regs)->r[ALI_REG_STACK]), "=&r"((regs)->r[ALI_REG_RETURN]))

#endif

static const struct ali_image *image_of(struct walk *w, uintptr_t code)
{
    struct ali_image *image = &w->images[w->next_image % IMAGES];

    for (unsigned i = 0; i < IMAGES; i++) {
        if (code >= w->images[i].start && code < w->images[i].end)
            return &w->images[i];
    }
    if (!ali_image_find(&w->reader, code, image)) {
        image->end = 0;
        return NULL;
    }
    w->next_image++;
    return image;
}

static bool information_of(struct walk *w, uintptr_t code, struct ali_cfi *cfi)
{
    const struct ali_image *image = image_of(w, code);

    return image != NULL && image->unwind != 0 &&
           ali_cfi_find(&w->reader, image->unwind, code, cfi);
}

static bool step_by_information(struct walk *w)
{
    /* A call may be the last instruction of a function: what it returns to is in the next one. */
    const uintptr_t code = w->registers.pc - (w->registers.exact ? 0 : 1);
    struct ali_cfi cfi;

    return information_of(w, code, &cfi) && ali_cfi_step(&w->reader, &cfi, code, &w->registers);
}

static bool is_return_address(struct walk *w, uintptr_t address)
{
    uint8_t code[8];

    return address > sizeof code &&
           ali_reader_copy(&w->reader, code, address - sizeof code, sizeof code) &&
           ends_with_call(code, sizeof code);
}

/* What a signal handler returns to was never called. */
static bool is_signal_return(struct walk *w, uintptr_t address)
{
    struct ali_cfi cfi;

    return information_of(w, address - 1, &cfi) && cfi.signal_frame;
}

static bool step_by_record(struct walk *w)
{
    struct ali_registers *r = &w->registers;
    const uintptr_t at = r->r[ALI_REG_FRAME];
    struct {
        uintptr_t next;
        uintptr_t return_address;
    } record;

    if (at % sizeof(uintptr_t) != 0 || at < r->r[ALI_REG_STACK] ||
        at - r->r[ALI_REG_STACK] > FRAME_GAP_MAX ||
        !ali_reader_copy(&w->reader, &record, at, sizeof record))
        return false;
    record.return_address = strip_signature(record.return_address);
    if (!is_return_address(w, record.return_address))
        return false;
    r->pc = record.return_address;
    r->exact = false;
    r->r[ALI_REG_FRAME] = record.next;
    r->r[ALI_REG_STACK] = at + sizeof record;
    return true;
}

/* From a frame to its caller. The stack shrinks on the way out, except from a signal handler that
 * had a stack of its own. */
static bool step(struct walk *w)
{
    const struct ali_registers before = w->registers;

    if (step_by_information(w)) {
        w->registers.pc = strip_signature(w->registers.pc);
        if (w->registers.pc == 0)
            return false;
        if (w->registers.exact || before.exact)
            return true;
        if (w->registers.r[ALI_REG_STACK] > before.r[ALI_REG_STACK] &&
            (is_return_address(w, w->registers.pc) || is_signal_return(w, w->registers.pc)))
            return true;
    }
    w->registers = before;
    return step_by_record(w);
}

ALI_NOINLINE size_t ali_os_backtrace(uintptr_t *frames, size_t max)
{
    struct walk w = {.registers.exact = true};
    const void *record = __builtin_frame_address(0); /* makes this function keep one */
    const void *caller = __builtin_return_address(0);
    size_t count = 0;

    CAPTURE(&w.registers);
    w.registers.r[ALI_REG_FRAME] = (uintptr_t)record;
    while (count < max && step(&w))
        frames[count++] = w.registers.pc;
    /* Whatever else cannot be read, who called is known. */
    if (count == 0 && max > 0)
        frames[count++] = strip_signature((uintptr_t)caller);
    return count;
}

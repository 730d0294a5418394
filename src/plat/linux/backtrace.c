/* Return addresses, for reports of a program that may have damaged its own stack.
 *
 * Frame records (saved frame pointer, return address) are followed first: every read is bounded,
 * so nothing can fault, and every return address must stand behind a call instruction, because in
 * code without frame pointers the register holds anything. Where that gives less than a chain,
 * the unwinder of libgcc is asked, if the program has brought it along: it is never loaded for
 * this, since loading allocates. */
#include <unwind.h>

#include "plat/linux/linux.h"

#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetIP

enum {
    FRAME_GAP_MAX = 1 << 20, /* a larger step is not a frame */
    CHAIN_MIN = 3,           /* fewer frames than this are no chain */
};

struct frame_record {
    uintptr_t next;
    uintptr_t return_address;
};

/* How stack memory is read: by the kernel, or directly inside a mapping known to be there. */
struct stack_reader {
    uintptr_t low;
    uintptr_t high;
    bool probe;
};

static struct stack_reader reader_make(const void *here)
{
    struct stack_reader r = {.probe = true, .high = UINTPTR_MAX};
    struct ali_mapping line;
    struct frame_record record;

    if (ali_probe_read(&record, (uintptr_t)here, sizeof record))
        return r;
    r.probe = false;
    r.high = 0;
    if (ali_maps_find(here, &line)) {
        r.low = line.start;
        r.high = line.end;
    }
    return r;
}

static bool read_record(const struct stack_reader *r, uintptr_t at, struct frame_record *record)
{
    if (r->probe)
        return ali_probe_read(record, at, sizeof *record);
    if (at < r->low || r->high - at < sizeof *record || at >= r->high)
        return false;
    memcpy(record, (const void *)at, sizeof *record);
    return true;
}

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

#endif

static bool is_return_address(const struct stack_reader *r, uintptr_t address)
{
    uint8_t code[8];

    if (address < 4096 || address >> 56 != 0)
        return false;
    if (!r->probe) /* only the stack can be read then */
        return true;
    return ali_probe_read(code, address - sizeof code, sizeof code) &&
           ends_with_call(code, sizeof code);
}

static size_t follow_records(uintptr_t at, uintptr_t *frames, size_t max)
{
    struct stack_reader reader = reader_make((const void *)at);
    struct frame_record record;
    size_t count = 0;

    while (count < max && read_record(&reader, at, &record)) {
        record.return_address = strip_signature(record.return_address);
        if (!is_return_address(&reader, record.return_address))
            break;
        frames[count++] = record.return_address;
        if (record.next <= at || record.next - at > FRAME_GAP_MAX || record.next % 8 != 0)
            break;
        at = record.next;
    }
    return count;
}

struct unwind_state {
    uintptr_t *frames;
    size_t max;
    size_t count;
    bool inside; /* still in our own function */
};

static _Unwind_Reason_Code unwind_step(struct _Unwind_Context *context, void *arg)
{
    struct unwind_state *s = arg;
    uintptr_t ip = _Unwind_GetIP(context);

    if (s->inside) {
        s->inside = false;
        return _URC_NO_REASON;
    }
    if (ip == 0 || s->count == s->max)
        return _URC_END_OF_STACK;
    s->frames[s->count++] = ip;
    return _URC_NO_REASON;
}

ALI_NOINLINE size_t ali_os_backtrace(uintptr_t *frames, size_t max)
{
    const void *here = __builtin_frame_address(0);
    struct unwind_state s = {frames, max, 0, true};
    size_t count = follow_records((uintptr_t)here, frames, max);

    if (count >= CHAIN_MIN || count == max || _Unwind_Backtrace == NULL || _Unwind_GetIP == NULL)
        return count;
    _Unwind_Backtrace(unwind_step, &s);
    return s.count > count ? s.count : follow_records((uintptr_t)here, frames, max);
}

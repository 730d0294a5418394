/* From an instruction to the entry of .eh_frame that covers it. */
#include "plat/linux/unwind.h"

/* Pointer encodings: the low half says how it is stored, the next bits what it counts from. */
enum {
    STORED_WORD = 0x00,
    STORED_ULEB = 0x01,
    STORED_U2 = 0x02,
    STORED_U4 = 0x03,
    STORED_U8 = 0x04,
    STORED_SLEB = 0x09,
    STORED_S2 = 0x0a,
    STORED_S4 = 0x0b,
    STORED_S8 = 0x0c,
    FROM_NOTHING = 0x00,
    FROM_HERE = 0x10,
    FROM_TABLE = 0x30,
    NO_POINTER = 0xff,
};

uint64_t ali_cursor_bytes(struct ali_cursor *c, unsigned count)
{
    uint64_t v = 0;

    if ((size_t)(c->end - c->at) < count) {
        c->at = c->end;
        c->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < count; i++)
        v |= (uint64_t)*c->at++ << (8 * i);
    return v;
}

uint64_t ali_cursor_uleb(struct ali_cursor *c)
{
    uint64_t v = 0;
    uint64_t byte;

    for (unsigned shift = 0;; shift += 7) {
        byte = ali_cursor_bytes(c, 1);
        if (shift < 64)
            v |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return v;
    }
}

int64_t ali_cursor_sleb(struct ali_cursor *c)
{
    uint64_t v = 0;
    uint64_t byte;
    unsigned shift = 0;

    do {
        byte = ali_cursor_bytes(c, 1);
        if (shift < 64)
            v |= (byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    if (shift < 64 && (byte & 0x40) != 0)
        v |= ~UINT64_C(0) << shift;
    return (int64_t)v;
}

struct ali_cursor ali_cursor_cut(struct ali_cursor *c, uint64_t count)
{
    struct ali_cursor part = *c;

    if ((uint64_t)(c->end - c->at) < count) {
        c->bad = true;
        count = 0;
    }
    part.end = part.at + count;
    c->at = part.end;
    return part;
}

static uint64_t extend(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

/* A pointer whose first byte lies at `here` in memory. */
static uintptr_t take_pointer(struct ali_cursor *c, unsigned encoding, uintptr_t here,
                              uintptr_t table)
{
    uint64_t v = 0;

    switch (encoding & 0x0f) {
    case STORED_WORD:
    case STORED_U8:
    case STORED_S8:
        v = ali_cursor_bytes(c, 8);
        break;
    case STORED_ULEB:
        v = ali_cursor_uleb(c);
        break;
    case STORED_SLEB:
        v = (uint64_t)ali_cursor_sleb(c);
        break;
    case STORED_U2:
        v = ali_cursor_bytes(c, 2);
        break;
    case STORED_S2:
        v = extend(ali_cursor_bytes(c, 2), 16);
        break;
    case STORED_U4:
        v = ali_cursor_bytes(c, 4);
        break;
    case STORED_S4:
        v = extend(ali_cursor_bytes(c, 4), 32);
        break;
    default:
        c->bad = true;
    }
    switch (encoding & 0x70) {
    case FROM_NOTHING:
        return v;
    case FROM_HERE:
        return v + here;
    case FROM_TABLE:
        return v + table;
    default:
        c->bad = true;
        return 0;
    }
}

/* --- the sorted table --------------------------------------------------------------------- */

struct index_entry {
    int32_t code; /* both from the start of the table */
    int32_t entry;
};

/* The usual encodings only: what else there may be cannot be searched. */
enum { TABLE_HEAD_BYTES = 12, USUAL_COUNT = STORED_U4, USUAL_INDEX = FROM_TABLE | STORED_S4 };

static uintptr_t find_entry(struct ali_reader *reader, uintptr_t table, uintptr_t pc)
{
    uint8_t head[TABLE_HEAD_BYTES];
    struct index_entry e;
    uint32_t low = 0;
    uint32_t high;

    if (!ali_reader_copy(reader, head, table, sizeof head) || head[0] != 1 ||
        (head[1] & 0x0f) != STORED_S4 || head[2] != USUAL_COUNT || head[3] != USUAL_INDEX)
        return 0;
    memcpy(&high, head + 8, sizeof high);
    /* the last entry that begins at or below pc is in [low, high) */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (!ali_reader_copy(reader, &e, table + sizeof head + middle * sizeof e, sizeof e))
            return 0;
        if (table + (uintptr_t)(intptr_t)e.code <= pc)
            low = middle;
        else
            high = middle;
    }
    if (high == 0 || !ali_reader_copy(reader, &e, table + sizeof head + low * sizeof e, sizeof e))
        return 0;
    return table + (uintptr_t)(intptr_t)e.entry;
}

/* --- entries ------------------------------------------------------------------------------ */

/* What follows the length word, as much as the buffer holds. */
static struct ali_cursor read_entry(struct ali_reader *reader, uintptr_t at, uint8_t *buffer,
                                    size_t buffer_bytes, bool *cut)
{
    struct ali_cursor c = {.bad = true};
    uint32_t length;

    if (!ali_reader_copy(reader, &length, at, sizeof length) || length == 0 ||
        length >= 0xfffffff0U) /* the 64-bit form does not occur */
        return c;
    *cut = length > buffer_bytes;
    length = (uint32_t)ali_min(length, buffer_bytes);
    if (!ali_reader_copy(reader, buffer, at + sizeof length, length))
        return c;
    return (struct ali_cursor){.at = buffer, .end = buffer + length};
}

static void skip_personality(struct ali_cursor *c)
{
    unsigned encoding = (unsigned)ali_cursor_bytes(c, 1);

    (void)take_pointer(c, encoding & 0x0f, 0, 0);
}

/* The letters of the augmentation and the data that they stand for. */
static void take_augmentation(struct ali_cfi *cfi, struct ali_cursor *c, const char *letters)
{
    struct ali_cursor data;

    if (letters[0] != 'z') {
        c->bad |= letters[0] != 0;
        return;
    }
    cfi->augmented = true;
    data = ali_cursor_cut(c, ali_cursor_uleb(c));
    for (letters++; *letters != 0 && !data.bad; letters++) {
        if (*letters == 'R')
            cfi->encoding = (uint8_t)ali_cursor_bytes(&data, 1);
        else if (*letters == 'L')
            (void)ali_cursor_bytes(&data, 1);
        else if (*letters == 'P')
            skip_personality(&data);
        else if (*letters == 'S')
            cfi->signal_frame = true;
        else if (*letters != 'B' && *letters != 'G') /* authentication, memory tagging */
            data.bad = true;
    }
    c->bad |= data.bad;
}

static bool take_cie(struct ali_reader *reader, uintptr_t at, struct ali_cfi *cfi)
{
    bool too_long = false;
    struct ali_cursor c = read_entry(reader, at, cfi->cie, sizeof cfi->cie, &too_long);
    const char *letters;
    uint64_t version;

    if (c.bad || too_long || ali_cursor_bytes(&c, 4) != 0)
        return false;
    version = ali_cursor_bytes(&c, 1);
    letters = (const char *)c.at;
    while (ali_cursor_bytes(&c, 1) != 0)
        ;
    cfi->encoding = STORED_WORD;
    cfi->augmented = false;
    cfi->signal_frame = false;
    cfi->code_factor = ali_cursor_uleb(&c);
    cfi->data_factor = ali_cursor_sleb(&c);
    cfi->return_register = version == 1 ? ali_cursor_bytes(&c, 1) : ali_cursor_uleb(&c);
    if (c.bad || (version != 1 && version != 3))
        return false;
    take_augmentation(cfi, &c, letters);
    cfi->initial = c;
    return !c.bad;
}

bool ali_cfi_find(struct ali_reader *reader, uintptr_t table, uintptr_t pc, struct ali_cfi *cfi)
{
    uintptr_t at = find_entry(reader, table, pc);
    struct ali_cursor c;
    uint64_t back;

    if (at == 0)
        return false;
    c = read_entry(reader, at, cfi->fde, sizeof cfi->fde, &cfi->cut);
    back = ali_cursor_bytes(&c, 4); /* from its own place to the common entry */
    if (c.bad || back == 0 || !take_cie(reader, at + 4 - back, cfi))
        return false;
    cfi->begin = take_pointer(&c, cfi->encoding, at + 8, table);
    cfi->end = cfi->begin + take_pointer(&c, cfi->encoding & 0x0f, 0, 0);
    if (cfi->augmented)
        (void)ali_cursor_cut(&c, ali_cursor_uleb(&c));
    cfi->program = c;
    return !c.bad && pc >= cfi->begin && pc < cfi->end;
}

/* Text without allocation.
 *
 *     start            cell        at              end
 *     |name            |     12.3 M|...............|0
 *
 * A cell is what was written since the last newline or the last ali_text_pad. The byte at `at` is
 * always 0, so the buffer is a C string at every moment. */
#include <stdarg.h>

#include "base/base.h"

void ali_text_init(struct ali_text *t, char *buffer, size_t bytes)
{
    ali_require(bytes > 0);
    t->start = t->at = t->cell = t->line = buffer;
    t->end = buffer + bytes - 1;
    t->cut = false;
    *t->at = 0;
}

void ali_text_char(struct ali_text *t, char c)
{
    if (t->at == t->end) {
        t->cut = true;
        return;
    }
    *t->at++ = c;
    *t->at = 0;
    if (c == '\n')
        t->line = t->cell = t->at;
}

static void text_run(struct ali_text *t, const char *s, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ali_text_char(t, s[i]);
}

static void text_fill(struct ali_text *t, char c, size_t count)
{
    for (; count > 0 && !t->cut; count--)
        ali_text_char(t, c);
}

void ali_text_str(struct ali_text *t, const char *s)
{
    if (s == NULL)
        s = "(null)";
    text_run(t, s, strlen(s));
}

enum { DIGITS_MAX = 24 };

/* Digits of v at the end of `buffer`; the first of them. */
static const char *digits_of(uint64_t v, unsigned base, char buffer[DIGITS_MAX])
{
    char *p = buffer + DIGITS_MAX - 1;

    *p = 0;
    do
        *--p = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    return p;
}

void ali_text_u64(struct ali_text *t, uint64_t v)
{
    char buffer[DIGITS_MAX];

    ali_text_str(t, digits_of(v, 10, buffer));
}

void ali_text_i64(struct ali_text *t, int64_t v)
{
    if (v < 0)
        ali_text_char(t, '-');
    ali_text_u64(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void ali_text_hex(struct ali_text *t, uint64_t v)
{
    char buffer[DIGITS_MAX];

    ali_text_str(t, "0x");
    ali_text_str(t, digits_of(v, 16, buffer));
}

void ali_text_bytes(struct ali_text *t, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    unsigned unit = 0;
    unsigned shift = 10;
    uint64_t tenths;

    if (bytes < 1024) {
        ali_text_u64(t, bytes);
        ali_text_str(t, " B");
        return;
    }
    while (unit < 5 && bytes >> shift >= 1024) {
        unit++;
        shift += 10;
    }
    tenths = (bytes >> shift) * 10 + (((bytes >> (shift - 10)) & 1023) * 10 + 512) / 1024;
    if (tenths >= 10240 && unit < 5) { /* 1023.96 KiB is 1.0 MiB */
        tenths = 10;
        unit++;
    }
    ali_text_u64(t, tenths / 10);
    ali_text_char(t, '.');
    ali_text_char(t, (char)('0' + tenths % 10));
    ali_text_char(t, ' ');
    ali_text_char(t, units[unit]);
    ali_text_str(t, "iB");
}

/* Moves the text from `from` on to the right by `count` and fills the gap. */
static void text_shift(struct ali_text *t, char *from, size_t count)
{
    size_t room = (size_t)(t->end - t->at);
    size_t length = (size_t)(t->at - from);

    if (count > room) {
        t->cut = true;
        count = room;
    }
    memmove(from + count, from, length);
    memset(from, ' ', count);
    t->at += count;
    *t->at = 0;
}

void ali_text_pad(struct ali_text *t, size_t column, bool right)
{
    size_t width = (size_t)(t->at - t->line);

    if (width < column) {
        if (right)
            text_shift(t, t->cell, column - width);
        else
            text_fill(t, ' ', column - width);
    }
    t->cell = t->at;
}

/* --- printf ------------------------------------------------------------------------------- */

struct spec {
    size_t width;
    size_t precision; /* SIZE_MAX when none was given */
    bool left;
    bool zero;
    bool wide; /* l, ll or z: all are 64 bits here */
};

static size_t spec_number(const char **format, va_list *args)
{
    size_t n = 0;

    if (**format == '*') {
        int given = va_arg(*args, int);

        (*format)++;
        return given < 0 ? 0 : (size_t)given;
    }
    while (**format >= '0' && **format <= '9')
        n = n * 10 + (size_t)(*(*format)++ - '0');
    return n;
}

static struct spec spec_parse(const char **format, va_list *args)
{
    struct spec s = {.precision = SIZE_MAX};

    for (; **format == '-' || **format == '0' || **format == '#'; (*format)++) {
        s.left |= **format == '-';
        s.zero |= **format == '0';
    }
    s.width = spec_number(format, args);
    if (**format == '.') {
        (*format)++;
        s.precision = spec_number(format, args);
    }
    for (; **format == 'l' || **format == 'z'; (*format)++)
        s.wide = true;
    return s;
}

static void spec_put(struct ali_text *t, const struct spec *s, const char *text, size_t length)
{
    size_t gap = s->width > length ? s->width - length : 0;

    if (!s->left && !s->zero)
        text_fill(t, ' ', gap);
    if (!s->left && s->zero) {
        if (*text == '-' && length > 0) {
            ali_text_char(t, *text++);
            length--;
        }
        text_fill(t, '0', gap);
    }
    text_run(t, text, length);
    if (s->left)
        text_fill(t, ' ', gap);
}

static size_t length_up_to(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != 0)
        n++;
    return n;
}

static void spec_put_string(struct ali_text *t, const struct spec *s, const char *text)
{
    if (text == NULL)
        text = "(null)";
    spec_put(t, s, text, length_up_to(text, s->precision));
}

/* The number is written to a small text first, so that its length is known. */
static void spec_put_number(struct ali_text *t, const struct spec *s, char kind, va_list *args)
{
    char buffer[40];
    char digits[DIGITS_MAX];
    struct ali_text n;

    ali_text_init(&n, buffer, sizeof buffer);
    if (kind == 'd' || kind == 'i')
        ali_text_i64(&n, s->wide ? va_arg(*args, long) : va_arg(*args, int));
    else if (kind == 'u')
        ali_text_u64(&n, s->wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned));
    else if (kind == 'x')
        ali_text_str(&n, digits_of(s->wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                                   16, digits));
    else if (kind == 'p')
        ali_text_hex(&n, (uintptr_t)va_arg(*args, void *));
    else
        ali_text_bytes(&n, va_arg(*args, size_t));
    spec_put(t, s, buffer, ali_text_length(&n));
}

static void spec_put_char(struct ali_text *t, const struct spec *s, char c)
{
    spec_put(t, s, &c, 1);
}

/* True when `kind` is one of ours. */
static bool spec_run(struct ali_text *t, const struct spec *s, char kind, va_list *args)
{
    switch (kind) {
    case 's':
        spec_put_string(t, s, va_arg(*args, const char *));
        return true;
    case 'c':
        spec_put_char(t, s, (char)va_arg(*args, int));
        return true;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'p':
    case 'B':
        spec_put_number(t, s, kind, args);
        return true;
    case '%':
        ali_text_char(t, '%');
        return true;
    default:
        return false;
    }
}

void ali_text_printf(struct ali_text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    while (*format != 0) {
        struct spec s;

        if (*format != '%') {
            ali_text_char(t, *format++);
            continue;
        }
        format++;
        s = spec_parse(&format, &args);
        /* The types of what follows an unknown conversion are not known. */
        if (*format == 0 || !spec_run(t, &s, *format, &args))
            break;
        format++;
    }
    va_end(args);
}

/* --- parsing ------------------------------------------------------------------------------ */

/* Digits from *s on; false when there is none or the number does not fit. */
static bool parse_digits(const char **s, const char *end, uint64_t *value)
{
    const char *p = *s;
    uint64_t v = 0;

    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    }
    if (p == *s)
        return false;
    *s = p;
    *value = v;
    return true;
}

bool ali_parse_u64(const char *s, const char *end, uint64_t *value)
{
    uint64_t v;

    if (!parse_digits(&s, end, &v) || s != end)
        return false;
    *value = v;
    return true;
}

static bool rest_is(const char *s, const char *end, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(end - s) == length && memcmp(s, word, length) == 0;
}

static bool percent_of(uint64_t percent, uint64_t whole, uint64_t *part)
{
    uint64_t high;
    uint64_t low;

    if (__builtin_mul_overflow(whole / 100, percent, &high) ||
        __builtin_mul_overflow(whole % 100, percent, &low) ||
        __builtin_add_overflow(high, low / 100, &high))
        return false;
    *part = high;
    return true;
}

/* The power of 1024 that a unit letter stands for; 0 when it is none. */
static unsigned unit_power(char c)
{
    switch (c) {
    case 'k':
    case 'K':
        return 1;
    case 'm':
    case 'M':
        return 2;
    case 'g':
    case 'G':
        return 3;
    case 't':
    case 'T':
        return 4;
    default:
        return 0;
    }
}

bool ali_parse_bytes(const char *s, const char *end, uint64_t whole, uint64_t *bytes)
{
    uint64_t v;
    unsigned shift;

    if (!parse_digits(&s, end, &v))
        return false;
    if (rest_is(s, end, "%"))
        return percent_of(v, whole, bytes);
    if (s == end || rest_is(s, end, "B")) {
        *bytes = v;
        return true;
    }
    shift = unit_power(*s) * 10;
    if (shift == 0 || (s + 1 != end && !rest_is(s + 1, end, "iB")) || v > UINT64_MAX >> shift)
        return false;
    *bytes = v << shift;
    return true;
}

bool ali_parse_ms(const char *s, const char *end, uint64_t *ms)
{
    uint64_t v;
    uint64_t unit;

    if (!parse_digits(&s, end, &v))
        return false;
    if (s == end || rest_is(s, end, "ms"))
        unit = 1;
    else if (rest_is(s, end, "s"))
        unit = 1000;
    else if (rest_is(s, end, "m"))
        unit = 60000;
    else
        return false;
    if (__builtin_mul_overflow(v, unit, &v))
        return false;
    *ms = v;
    return true;
}

/* Spans: comparing, searching, splitting and reading numbers. Nothing here writes through a span
 * or reads behind its end, and an empty one may have no address: it never reaches a function of the
 * C library, which would not allow that. */
#include <allot/str.h>
#include <errno.h>

#include "base/base.h"

/* --- comparing ----------------------------------------------------------------------------- */

static bool same(const char *a, const char *b, size_t bytes)
{
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}

int allot_span_compare(allot_span a, allot_span b)
{
    size_t common = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);

    if (order == 0)
        return (a.bytes > b.bytes) - (a.bytes < b.bytes);
    return order < 0 ? -1 : 1;
}

bool allot_span_equal(allot_span a, allot_span b)
{
    return a.bytes == b.bytes && same(a.at, b.at, a.bytes);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool allot_span_equal_nocase(allot_span a, allot_span b)
{
    if (a.bytes != b.bytes)
        return false;
    for (size_t i = 0; i < a.bytes; i++) {
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    }
    return true;
}

bool allot_span_starts(allot_span span, allot_span start)
{
    return span.bytes >= start.bytes && same(span.at, start.at, start.bytes);
}

bool allot_span_ends(allot_span span, allot_span end)
{
    return span.bytes >= end.bytes &&
           (end.bytes == 0 || same(span.at + span.bytes - end.bytes, end.at, end.bytes));
}

/* --- searching ----------------------------------------------------------------------------- */

static size_t offset_of(allot_span span, const char *found)
{
    return found == NULL ? ALLOT_SPAN_NONE : (size_t)(found - span.at);
}

size_t allot_span_find(allot_span span, allot_span what)
{
    if (what.bytes == 0)
        return 0;
    if (span.bytes < what.bytes)
        return ALLOT_SPAN_NONE;
    return offset_of(span, memmem(span.at, span.bytes, what.at, what.bytes));
}

size_t allot_span_find_char(allot_span span, char c)
{
    return span.bytes == 0 ? ALLOT_SPAN_NONE : offset_of(span, memchr(span.at, c, span.bytes));
}

size_t allot_span_find_last(allot_span span, char c)
{
    return span.bytes == 0 ? ALLOT_SPAN_NONE : offset_of(span, memrchr(span.at, c, span.bytes));
}

/* --- taking apart -------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

allot_span allot_span_trim(allot_span span)
{
    while (span.bytes > 0 && is_blank(span.at[span.bytes - 1]))
        span.bytes--;
    while (span.bytes > 0 && is_blank(span.at[0]))
        span = allot_span_from(span, 1);
    return span;
}

bool allot_span_split(allot_span *rest, char separator, allot_span *part)
{
    size_t end = allot_span_find_char(*rest, separator);

    if (rest->at == NULL)
        return false;
    *part = allot_span_slice(*rest, 0, end);
    *rest = end == ALLOT_SPAN_NONE ? allot_span_make(NULL, 0) : allot_span_from(*rest, end + 1);
    return true;
}

bool allot_span_word(allot_span *rest, allot_span separators, allot_span *word)
{
    size_t from = 0;
    size_t to;

    while (from < rest->bytes &&
           allot_span_find_char(separators, rest->at[from]) != ALLOT_SPAN_NONE)
        from++;
    to = from;
    while (to < rest->bytes && allot_span_find_char(separators, rest->at[to]) == ALLOT_SPAN_NONE)
        to++;
    *word = allot_span_slice(*rest, from, to);
    *rest = allot_span_from(*rest, to);
    return word->bytes > 0;
}

/* --- numbers ------------------------------------------------------------------------------- */

/* 36 for what is no digit in any base. */
static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (lower(c) >= 'a' && lower(c) <= 'z')
        return 10u + lower(c) - 'a';
    return 36;
}

/* A text that is no number is -EINVAL even when what is in front of the wrong byte overflows. */
allot_status allot_span_u64(allot_span span, unsigned base, uint64_t *value)
{
    bool fits = true;
    uint64_t sum = 0;

    if (span.bytes == 0 || base < 2 || base > 36)
        return -EINVAL;
    for (size_t i = 0; i < span.bytes; i++) {
        unsigned digit = digit_of(span.at[i]);

        if (digit >= base)
            return -EINVAL;
        fits = fits && !__builtin_mul_overflow(sum, base, &sum) &&
               !__builtin_add_overflow(sum, digit, &sum);
    }
    if (!fits)
        return -ERANGE;
    *value = sum;
    return 0;
}

allot_status allot_span_i64(allot_span span, unsigned base, int64_t *value)
{
    bool negative = span.bytes > 0 && span.at[0] == '-';
    bool sign = negative || (span.bytes > 0 && span.at[0] == '+');
    uint64_t size;
    allot_status status = allot_span_u64(allot_span_from(span, sign), base, &size);

    if (status != 0)
        return status;
    if (size > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    /* -INT64_MIN is no int64_t, its bits are */
    *value = (int64_t)(negative ? 0 - size : size);
    return 0;
}

/* --- copying ------------------------------------------------------------------------------- */

char *allot_span_dup(allot_allocator *a, allot_span span)
{
    size_t bytes;
    char *copy;

    if (!allot_add(span.bytes, 1, &bytes))
        return allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    copy = allot_new(a, bytes);
    if (copy == NULL)
        return NULL;
    if (span.bytes > 0)
        memcpy(copy, span.at, span.bytes);
    copy[span.bytes] = 0;
    return copy;
}

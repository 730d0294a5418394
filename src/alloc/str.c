/* Strings in fixed buffers, and secrets.
 *
 *     to          length          bytes
 *     |s o m e text 0 . . . . . . .|
 *
 * Whatever happens, a byte below `bytes` is 0 at the end of a call; no call reads or writes outside
 * of the buffer. A source in the buffer is measured before anything is written and moved as a
 * whole, so that overlap is defined.
 *
 * printf is the C library's, as programs expect all of its conversions. It writes to a buffer on
 * the stack first: its arguments may point to what it would write over. */
#include <allot/str.h>
#include <errno.h>
#include <stdio.h>

#include "base/base.h"

/* --- copying ------------------------------------------------------------------------------- */

/* Puts text behind the first `length` bytes of the buffer, length < bytes. */
static allot_status put(char *to, size_t bytes, size_t length, const char *from, size_t from_bytes)
{
    size_t room = bytes - length - 1;
    size_t n = from_bytes < room ? from_bytes : room;

    if (n > 0)
        memmove(to + length, from, n);
    to[length + n] = 0;
    return n == from_bytes ? 0 : -EMSGSIZE;
}

/* The length of what is in a buffer; a negative status for none. A missing terminator is added. */
static allot_status measure(char *to, size_t bytes, size_t *length)
{
    if (to == NULL)
        return -EINVAL;
    if (bytes == 0)
        return -EMSGSIZE;
    *length = strnlen(to, bytes);
    if (*length < bytes)
        return 0;
    to[bytes - 1] = 0;
    return -EINVAL;
}

/* The same before all of it is replaced. */
static allot_status check(char *to, size_t bytes, const void *from)
{
    if (to == NULL)
        return -EINVAL;
    if (bytes == 0)
        return -EMSGSIZE;
    if (from != NULL)
        return 0;
    to[0] = 0;
    return -EINVAL;
}

allot_status allot_str_copy(char *to, size_t bytes, const char *from)
{
    allot_status status = check(to, bytes, from);

    return status != 0 ? status : put(to, bytes, 0, from, strnlen(from, bytes));
}

allot_status allot_str_copy_span(char *to, size_t bytes, allot_span from)
{
    allot_status status = check(to, bytes, from.bytes == 0 ? "" : from.at);

    return status != 0 ? status : put(to, bytes, 0, from.at, from.bytes);
}

allot_status allot_str_cat(char *to, size_t bytes, const char *from)
{
    size_t length;
    allot_status status = measure(to, bytes, &length);

    if (status != 0)
        return status;
    if (from == NULL)
        return -EINVAL;
    return put(to, bytes, length, from, strnlen(from, bytes - length));
}

allot_status allot_str_cat_span(char *to, size_t bytes, allot_span from)
{
    size_t length;
    allot_status status = measure(to, bytes, &length);

    if (status != 0)
        return status;
    if (from.bytes > 0 && from.at == NULL)
        return -EINVAL;
    return put(to, bytes, length, from.at, from.bytes);
}

/* --- printing ------------------------------------------------------------------------------ */

/* Prints behind the first `length` bytes of the buffer, length < bytes. */
ALLOT_PRINTF_LIKE(4, 0)
static allot_status print(char *to, size_t bytes, size_t length, const char *format, va_list args)
{
    size_t room = bytes - length < INT_MAX ? bytes - length : INT_MAX; /* musl takes no more */
    char text[ALLOT_STR_OVERLAP];
    va_list again;
    int printed;

    va_copy(again, args);
    printed = vsnprintf(text, sizeof text, format, args);
    if (printed >= (int)sizeof text && room > sizeof text) {
        /* An argument in the buffer ends there, even when its terminator is written over. */
        to[bytes - 1] = 0;
        printed = vsnprintf(to + length, room, format, again);
        va_end(again);
        if (printed >= 0)
            return (size_t)printed < room ? 0 : -EMSGSIZE;
        to[length] = 0;
        return -errno;
    }
    va_end(again);
    if (printed < 0) {
        to[length] = 0;
        return -errno;
    }
    /* Of a text that was cut here even less fits there, and `printed` says that it was cut. */
    return put(to, bytes, length, text, (size_t)printed);
}

allot_status allot_str_vprintf(char *to, size_t bytes, const char *format, va_list args)
{
    allot_status status = check(to, bytes, format);

    return status != 0 ? status : print(to, bytes, 0, format, args);
}

allot_status allot_str_cat_vprintf(char *to, size_t bytes, const char *format, va_list args)
{
    size_t length;
    allot_status status = measure(to, bytes, &length);

    if (status != 0)
        return status;
    return format == NULL ? -EINVAL : print(to, bytes, length, format, args);
}

allot_status allot_str_printf(char *to, size_t bytes, const char *format, ...)
{
    allot_status status;
    va_list args;

    va_start(args, format);
    status = allot_str_vprintf(to, bytes, format, args);
    va_end(args);
    return status;
}

allot_status allot_str_cat_printf(char *to, size_t bytes, const char *format, ...)
{
    allot_status status;
    va_list args;

    va_start(args, format);
    status = allot_str_cat_vprintf(to, bytes, format, args);
    va_end(args);
    return status;
}

/* --- secrets ------------------------------------------------------------------------------- */

/* An empty statement that the compiler must take to read all memory through p, and to change it:
 * what was stored there before has to be stored, and a value from it cannot be known. */
static void *hidden(void *p)
{
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

void allot_zero_secure(void *p, size_t bytes)
{
    if (bytes > 0)
        hidden(memset(p, 0, bytes));
}

bool allot_equal_secure(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a;
    const unsigned char *y = b;
    unsigned difference = 0;

    for (size_t i = 0; i < bytes; i++) {
        difference |= (unsigned)(x[i] ^ y[i]);
        /* Unknown in each turn, so that no compiler ends the loop when it is settled. */
        __asm__ volatile("" : "+r"(difference));
    }
    return difference == 0;
}

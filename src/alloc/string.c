/* Strings that grow.
 *
 *     at              bytes       capacity
 *     |s o m e text   0 . . . . . . .|
 *
 * Invariants: at is NULL and capacity 0, or bytes < capacity and at[bytes] is 0. Memory is of the
 * allocator unless ALLOT_STRING_BORROWED. A call either does all it was asked to, or leaves the
 * text where and as it is: room is made first, and the text moves only when there is a new place.
 * What is appended may lie in the string: it is found again in the new place. */
#include <allot/str.h>
#include <errno.h>
#include <stdio.h>

#include "base/base.h"

#define FIRST_BYTES 32

/* --- making and ending --------------------------------------------------------------------- */

void allot_string_init(allot_string *s, allot_allocator *a)
{
    *s = (allot_string){.allocator = a};
}

void allot_string_init_buffer(allot_string *s, allot_allocator *a, char *buffer, size_t bytes)
{
    *s = (allot_string){.allocator = a};
    if (buffer == NULL || bytes == 0)
        return;
    buffer[0] = 0;
    s->at = buffer;
    s->capacity = bytes;
    s->flags = ALLOT_STRING_BORROWED;
}

void allot_string_init_fixed(allot_string *s, char *buffer, size_t bytes)
{
    allot_string_init_buffer(s, NULL, buffer, bytes);
    s->flags |= ALLOT_STRING_FIXED;
}

void allot_string_release(allot_string *s)
{
    if (s->flags & ALLOT_STRING_FIXED) {
        allot_string_cut(s, 0);
        return;
    }
    if (!(s->flags & ALLOT_STRING_BORROWED))
        allot_delete(s->allocator, s->at, s->capacity);
    allot_string_init(s, s->allocator);
}

void allot_string_cut(allot_string *s, size_t bytes)
{
    if (bytes >= s->bytes)
        return;
    s->bytes = bytes;
    s->at[bytes] = 0;
}

/* --- room ---------------------------------------------------------------------------------- */

/* Moves the text to new memory of at least `bytes` bytes. The old memory stays as it is. */
static char *new_place(const allot_string *s, size_t bytes, size_t *given)
{
    char *at = allot_new_atleast(s->allocator, bytes, given);

    if (at == NULL)
        return NULL;
    if (s->bytes > 0)
        memcpy(at, s->at, s->bytes);
    at[s->bytes] = 0;
    return at;
}

static void settle(allot_string *s, char *at, size_t capacity)
{
    s->at = at;
    s->capacity = capacity;
    s->flags &= ~(uint32_t)ALLOT_STRING_BORROWED;
}

static allot_status resize(allot_string *s, size_t capacity)
{
    void *at = s->at;
    allot_status status;

    if (s->at == NULL || (s->flags & ALLOT_STRING_BORROWED)) {
        char *place = new_place(s, capacity, &capacity);

        if (place == NULL)
            return -ENOMEM;
        settle(s, place, capacity);
        return 0;
    }
    status = allot_resize(s->allocator, &at, s->capacity, capacity);
    if (status == 0)
        settle(s, at, capacity);
    return status;
}

/* Twice as much as there is, unless more is needed. */
static size_t wanted_capacity(const allot_string *s, size_t needed)
{
    size_t twice = s->capacity > SIZE_MAX / 2 ? SIZE_MAX : s->capacity * 2;

    if (twice < FIRST_BYTES)
        twice = FIRST_BYTES;
    return needed > twice ? needed : twice;
}

static allot_status too_large(void)
{
    (void)allot_fail(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
    return -ENOMEM;
}

/* Room for `more` bytes behind the text, and a terminator. */
static allot_status make_room(allot_string *s, size_t more)
{
    size_t needed;
    size_t wanted;

    if (!allot_add(s->bytes, more, &needed) || !allot_add(needed, 1, &needed))
        return too_large();
    if (needed <= s->capacity)
        return 0;
    if (s->flags & ALLOT_STRING_FIXED)
        return -EMSGSIZE;
    wanted = wanted_capacity(s, needed);
    if (wanted > needed && resize(s, wanted) == 0)
        return 0;
    return resize(s, needed);
}

allot_status allot_string_reserve(allot_string *s, size_t bytes)
{
    return bytes <= s->bytes ? 0 : make_room(s, bytes - s->bytes);
}

/* --- appending ----------------------------------------------------------------------------- */

char *allot_string_extend(allot_string *s, size_t bytes)
{
    allot_status status = make_room(s, bytes);
    char *place;

    if (status != 0) {
        errno = -status;
        return NULL;
    }
    place = s->at + s->bytes;
    s->bytes += bytes;
    s->at[s->bytes] = 0;
    return place;
}

allot_status allot_string_append_span(allot_string *s, allot_span span)
{
    /* As numbers: pointers into different objects do not compare. */
    uintptr_t offset = (uintptr_t)span.at - (uintptr_t)s->at;
    bool inside = s->at != NULL && offset <= s->bytes;
    allot_status status;

    if (span.bytes == 0)
        return 0;
    if (span.at == NULL)
        return -EINVAL;
    status = make_room(s, span.bytes);
    if (status != 0)
        return status;
    memmove(s->at + s->bytes, inside ? s->at + offset : span.at, span.bytes);
    s->bytes += span.bytes;
    s->at[s->bytes] = 0;
    return 0;
}

allot_status allot_string_append(allot_string *s, const char *text)
{
    return text == NULL ? -EINVAL : allot_string_append_span(s, allot_span_of(text));
}

allot_status allot_string_append_char(allot_string *s, char c)
{
    if (s->capacity - s->bytes < 2) { /* also when both are 0 */
        allot_status status = make_room(s, 1);

        if (status != 0)
            return status;
    }
    s->at[s->bytes++] = c;
    s->at[s->bytes] = 0;
    return 0;
}

/* --- printing ------------------------------------------------------------------------------ */

/* Prints `bytes` bytes to `place`, which has one more; fails when it is another text now. */
ALLOT_PRINTF_LIKE(3, 0)
static allot_status print_again(char *place, size_t bytes, const char *format, va_list args)
{
    int printed = vsnprintf(place, bytes + 1, format, args);

    if (printed < 0)
        return -errno;
    return (size_t)printed == bytes ? 0 : -EINVAL;
}

/* Behind the terminator if there is room, so that arguments in the string stay what they are. */
ALLOT_PRINTF_LIKE(3, 0)
static allot_status print_in_place(allot_string *s, size_t bytes, const char *format, va_list args)
{
    size_t gap = s->capacity - s->bytes - bytes >= 2;
    char *end = s->at + s->bytes;
    allot_status status;

    s->at[s->capacity - 1] = 0;
    status = print_again(end + gap, bytes, format, args);
    if (status == 0) {
        memmove(end, end + gap, bytes);
        s->bytes += bytes;
    }
    s->at[s->bytes] = 0;
    return status;
}

/* Into new memory, the old text being there until it is printed. */
ALLOT_PRINTF_LIKE(3, 0)
static allot_status print_elsewhere(allot_string *s, size_t bytes, const char *format, va_list args)
{
    size_t needed = s->bytes + bytes + 1;
    size_t capacity;
    char *place = new_place(s, wanted_capacity(s, needed), &capacity);
    allot_status status;

    if (place == NULL)
        place = new_place(s, needed, &capacity);
    if (place == NULL)
        return -ENOMEM;
    status = print_again(place + s->bytes, bytes, format, args);
    if (status != 0) {
        allot_delete(s->allocator, place, capacity);
        return status;
    }
    if (!(s->flags & ALLOT_STRING_BORROWED))
        allot_delete(s->allocator, s->at, s->capacity);
    s->bytes += bytes;
    settle(s, place, capacity);
    return 0;
}

ALLOT_PRINTF_LIKE(3, 0)
static allot_status print_long(allot_string *s, size_t bytes, const char *format, va_list args)
{
    bool fits = bytes < s->capacity - s->bytes;
    allot_status status = -EMSGSIZE;
    va_list again;
    size_t needed;

    if (!allot_add(s->bytes, bytes, &needed) || !allot_add(needed, 2, &needed))
        return too_large();
    if (needed <= s->capacity)
        return print_in_place(s, bytes, format, args);
    va_copy(again, args);
    if (!(s->flags & ALLOT_STRING_FIXED))
        status = print_elsewhere(s, bytes, format, args);
    if ((status == -EMSGSIZE || status == -ENOMEM) && fits)
        status = print_in_place(s, bytes, format, again);
    va_end(again);
    return status;
}

allot_status allot_string_vprintf(allot_string *s, const char *format, va_list args)
{
    char text[ALLOT_STR_OVERLAP];
    allot_status status;
    va_list again;
    int printed;

    if (format == NULL)
        return -EINVAL;
    va_copy(again, args);
    printed = vsnprintf(text, sizeof text, format, args);
    if (printed < 0)
        status = -errno;
    else if (printed < (int)sizeof text)
        status = allot_string_append_span(s, allot_span_make(text, (size_t)printed));
    else
        status = print_long(s, (size_t)printed, format, again);
    va_end(again);
    return status;
}

allot_status allot_string_printf(allot_string *s, const char *format, ...)
{
    allot_status status;
    va_list args;

    va_start(args, format);
    status = allot_string_vprintf(s, format, args);
    va_end(args);
    return status;
}

/* --- taking -------------------------------------------------------------------------------- */

char *allot_string_take(allot_string *s, size_t *block_bytes)
{
    size_t bytes = s->bytes + 1;
    char *text;

    if (s->flags & ALLOT_STRING_FIXED) {
        errno = EINVAL;
        return NULL;
    }
    if (s->at == NULL || (s->flags & ALLOT_STRING_BORROWED)) {
        text = new_place(s, bytes, &bytes);
        if (text == NULL)
            return NULL;
    } else {
        text = s->at;
        if (bytes != s->capacity && !allot_try_resize(s->allocator, text, s->capacity, bytes))
            bytes = s->capacity;
    }
    if (block_bytes != NULL)
        *block_bytes = bytes;
    allot_string_init(s, s->allocator);
    return text;
}

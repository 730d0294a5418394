/* Strings and copies in an arena. */
#include <errno.h>
#include <stdio.h>

#include "region/region.h"

static char *take_bytes(allot_arena *a, size_t size, const void *caller)
{
    struct ali_take t = {size, ALLOT_ALIGN_DEFAULT, true, caller};

    if (size <= (size_t)((uintptr_t)a->end - (uintptr_t)a->at) && a->end == a->top)
        return allot_arena_push_bytes(a, size);
    return ali_arena_take(a, &t);
}

static char *copy_string(allot_arena *a, const char *s, size_t length, const void *caller)
{
    char *copy = take_bytes(a, length + 1, caller);

    if (copy == NULL)
        return NULL;
    memcpy(copy, s, length);
    copy[length] = '\0';
    return copy;
}

/* Most strings are short: they are formatted once, on the stack. */
__attribute__((format(printf, 2, 0))) static char *format_string(allot_arena *a, const char *format,
                                                                 va_list args, const void *caller)
{
    char line[256], *copy;
    va_list again;
    int length;

    va_copy(again, args);
    length = vsnprintf(line, sizeof line, format, args);
    if (length < 0)
        copy = NULL;
    else if ((size_t)length < sizeof line)
        copy = copy_string(a, line, (size_t)length, caller);
    else if ((copy = take_bytes(a, (size_t)length + 1, caller)) != NULL)
        (void)vsnprintf(copy, (size_t)length + 1, format, again);
    va_end(again);
    return copy;
}

char *allot_arena_vprintf(allot_arena *arena, const char *format, va_list args)
{
    return format_string(arena, format, args, __builtin_return_address(0));
}

char *allot_arena_printf(allot_arena *arena, const char *format, ...)
{
    va_list args;
    char *s;

    va_start(args, format);
    s = format_string(arena, format, args, __builtin_return_address(0));
    va_end(args);
    return s;
}

char *allot_arena_strdup(allot_arena *arena, const char *s)
{
    return s == NULL ? NULL : copy_string(arena, s, strlen(s), __builtin_return_address(0));
}

char *allot_arena_strndup(allot_arena *arena, const char *s, size_t length)
{
    return s == NULL ? NULL
                     : copy_string(arena, s, strnlen(s, length), __builtin_return_address(0));
}

void *allot_arena_memdup(allot_arena *arena, const void *p, size_t size)
{
    struct ali_take t = {size, ALLOT_ALIGN_DEFAULT, false, __builtin_return_address(0)};
    void *copy = NULL;

    if (p != NULL)
        copy = ali_arena_take(arena, &t);
    if (copy != NULL)
        memcpy(copy, p, size);
    return copy;
}

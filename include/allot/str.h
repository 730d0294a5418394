/* allot/str.h - strings with bounds: spans, fixed buffers, strings that grow, secrets.
 * Part of Allot. MIT licence.
 *
 *     allot_span      a pointer and a length; owns nothing, need not be terminated
 *     char[n]         a fixed buffer, which allot_str_* keep terminated whatever happens
 *     allot_string    grows on an allocator, or up to a buffer's end; keeps its content on failure
 *
 * A text that does not fit is not an error to be guessed from a length: the call says -EMSGSIZE.
 * Every source may overlap its target; what then results is told with the call. Nothing here asks
 * for the locale, except printf's own conversions. */
#ifndef ALLOT_STR_H
#define ALLOT_STR_H

#include <allot/alloc.h>
#include <limits.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ALLOT_PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

/* Where a cut text is fine: ALLOT_MAY_CUT(allot_str_copy(to, sizeof to, name)); */
#define ALLOT_MAY_CUT(call) ((void)!(call))

/* --- spans --------------------------------------------------------------------------------- */

/* `at` may be NULL when bytes is 0. Any byte may be in it, 0 too. */
typedef struct allot_span {
    const char *at;
    size_t bytes;
} allot_span;

#define ALLOT_SPAN_NONE SIZE_MAX /* what is searched for is not there */

/* The span of a string literal; as an initialiser: allot_span s = ALLOT_SPAN_INIT("text"); */
#define ALLOT_SPAN(literal) allot_span_make("" literal, sizeof(literal) - 1)
#define ALLOT_SPAN_INIT(literal)                                                                   \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* For printf: printf("%.*s\n", ALLOT_SPAN_ARGS(s)); what is behind a zero byte is not shown. */
#define ALLOT_SPAN_ARGS(span) allot_span_width(span), (span).bytes == 0 ? "" : (span).at

/* A span of memory that somebody else owns.
 *
 * Returns: the span; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
static inline allot_span allot_span_make(const char *at, size_t bytes)
{
    allot_span span;

    span.at = at;
    span.bytes = bytes;
    return span;
}

/* The span of a C string, without its terminator.
 *
 * Returns: the span, empty for NULL; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes). */
static inline allot_span allot_span_of(const char *text)
{
    return allot_span_make(text, text == NULL ? 0 : __builtin_strlen(text));
}

/* The part from offset `from` up to, not including, `to`. What is behind the end counts as the end.
 *
 * Returns: the part, empty when to <= from; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
static inline allot_span allot_span_slice(allot_span span, size_t from, size_t to)
{
    if (to > span.bytes)
        to = span.bytes;
    if (from > to)
        from = to;
    return allot_span_make(span.at == NULL ? NULL : span.at + from, to - from);
}

/* The part from offset `from` on.
 *
 * Returns: the part, empty when it starts behind the end; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
static inline allot_span allot_span_from(allot_span span, size_t from)
{
    return allot_span_slice(span, from, span.bytes);
}

/* The bytes as an argument for printf's "%.*s".
 *
 * Returns: at most INT_MAX; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(1). */
static inline int allot_span_width(allot_span span)
{
    return span.bytes > INT_MAX ? INT_MAX : (int)span.bytes;
}

/* Compares bytes as unsigned numbers; of two spans that are equal as far as the shorter goes, the
 * shorter is less.
 *
 * Returns: -1, 0 or 1; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes); not constant-time, see allot_equal_secure. */
ALLOT_API int allot_span_compare(allot_span a, allot_span b);

/* Whether two spans have the same bytes; whether one starts or ends with the other. Everything
 * starts and ends with an empty span.
 *
 * Returns: as told; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes). */
ALLOT_API bool allot_span_equal(allot_span a, allot_span b);
ALLOT_API bool allot_span_starts(allot_span span, allot_span start);
ALLOT_API bool allot_span_ends(allot_span span, allot_span end);
/* The same, ASCII letters being equal in either case.
 *
 * Returns: as told; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes). */
ALLOT_API bool allot_span_equal_nocase(allot_span a, allot_span b);

/* The first place of a span or of a character, and the last of a character. An empty span is found
 * at 0.
 *
 * Returns: its offset; ALLOT_SPAN_NONE when it is not there; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes), for a span as memmem of the C library. */
ALLOT_API size_t allot_span_find(allot_span span, allot_span what);
ALLOT_API size_t allot_span_find_char(allot_span span, char c);
ALLOT_API size_t allot_span_find_last(allot_span span, char c);

/* Without the blanks (space, \t, \n, \v, \f, \r) at both ends.
 *
 * Returns: a part of the span; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(blanks). */
ALLOT_API allot_span allot_span_trim(allot_span span);

/* Takes the part in front of the first `separator` off `rest`; the last part is what has no
 * separator behind it. "a,,b," has the parts "a", "", "b" and "".
 *
 *     while (allot_span_split(&rest, ',', &part))
 *
 * Returns: true and the part; false when there is no more (rest->at is then NULL, as of an empty
 *          span from the start); never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(part). */
ALLOT_API bool allot_span_split(allot_span *rest, char separator, allot_span *part);

/* Takes the next word off `rest`: a run of bytes that are not in `separators`. "  a  b " has the
 * words "a" and "b".
 *
 * Returns: true and the word; false when there is no more; never fails.
 * Threads: safe.   Signals: safe.
 * Cost:    O(word and separators before it). */
ALLOT_API bool allot_span_word(allot_span *rest, allot_span separators, allot_span *word);

/* The number that the whole span is: digits of `base`, letters in either case, for i64 with a sign
 * in front. No blanks, no prefix, no locale.
 *
 * Returns: 0 and *value; -EINVAL when it is no number, -ERANGE when it does not fit; *value is then
 *          as it was.
 * Require: 2 <= base <= 36, else -EINVAL.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes). */
ALLOT_API ALLOT_MUST_USE allot_status allot_span_u64(allot_span span, unsigned base,
                                                     uint64_t *value);
ALLOT_API ALLOT_MUST_USE allot_status allot_span_i64(allot_span span, unsigned base,
                                                     int64_t *value);

/* A terminated copy in memory of the allocator, bytes + 1 large. A zero byte in it is copied.
 *
 * Returns: a string, to be freed by allot_delete(a, text, span.bytes + 1); NULL on failure.
 * Threads: as the allocator.   Signals: not safe.
 * Failure: as allot_new.
 * Cost:    O(bytes). */
ALLOT_API char *allot_span_dup(allot_allocator *a, allot_span span) ALLOT_NEW_LIKE;

/* --- fixed buffers ------------------------------------------------------------------------- */

/* `to` is a buffer of `bytes` bytes, `sizeof to` as a rule. Afterwards it is terminated, whatever
 * the call returns, unless bytes is 0 or to is NULL. A cut falls between bytes: the last character
 * of a UTF-8 text may be cut, too. */

/* Copies a string into a buffer; of `from` not more is read than fits and one byte. `from` may lie
 * in `to`: what results is a copy of what it was before the call.
 *
 * Returns: 0; -EMSGSIZE, `to` holding as much as fits; -EINVAL for a NULL, `to` being "".
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes copied). */
ALLOT_API ALLOT_MUST_USE allot_status allot_str_copy(char *to, size_t bytes, const char *from);
ALLOT_API ALLOT_MUST_USE allot_status allot_str_copy_span(char *to, size_t bytes, allot_span from);

/* Appends a string to the one in the buffer. `from` may lie in `to`: what is appended is what it
 * was before the call.
 *
 * Returns: 0; -EMSGSIZE, `to` holding as much as fits; -EINVAL for a NULL, `to` being as it was, or
 *          for a buffer without a terminator, which gets one at its end.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes of both). */
ALLOT_API ALLOT_MUST_USE allot_status allot_str_cat(char *to, size_t bytes, const char *from);
ALLOT_API ALLOT_MUST_USE allot_status allot_str_cat_span(char *to, size_t bytes, allot_span from);

/* As long as the text is shorter than this, or the buffer not larger, arguments of printf calls may
 * point into the buffer that they print to. Else the text is not defined; reads of it still end
 * within the buffer. */
#define ALLOT_STR_OVERLAP 512

/* vsnprintf of the C library into a buffer, in place of its content or behind it.
 *
 * Returns: 0; -EMSGSIZE, `to` holding as much as fits; -EINVAL as allot_str_copy and allot_str_cat;
 *          -EILSEQ, -EOVERFLOW or -ENOMEM when the C library cannot print it, `to` being "", or as
 *          it was.
 * Threads: safe.   Signals: not safe, as the C library allocates for some conversions.
 * Cost:    that of vsnprintf; of twice for what is not shorter than ALLOT_STR_OVERLAP. */
ALLOT_API ALLOT_MUST_USE allot_status allot_str_printf(char *to, size_t bytes, const char *format,
                                                       ...) ALLOT_PRINTF_LIKE(3, 4);
ALLOT_API ALLOT_MUST_USE allot_status allot_str_vprintf(char *to, size_t bytes, const char *format,
                                                        va_list args) ALLOT_PRINTF_LIKE(3, 0);
ALLOT_API ALLOT_MUST_USE allot_status allot_str_cat_printf(char *to, size_t bytes,
                                                           const char *format, ...)
    ALLOT_PRINTF_LIKE(3, 4);
ALLOT_API ALLOT_MUST_USE allot_status allot_str_cat_vprintf(char *to, size_t bytes,
                                                            const char *format, va_list args)
    ALLOT_PRINTF_LIKE(3, 0);

/* --- strings that grow --------------------------------------------------------------------- */

/* All zero is an empty string on the default allocator. The fields are to be read only; `at` may
 * be NULL while it is empty: allot_string_text never is. */
typedef struct allot_string {
    char *at;                   /* terminated */
    size_t bytes;               /* without the terminator */
    size_t capacity;            /* bytes of memory at `at` */
    allot_allocator *allocator; /* NULL: the default */
    uint32_t flags;             /* enum allot_string_flag */
} allot_string;

enum allot_string_flag {
    ALLOT_STRING_BORROWED = 1 << 0, /* the memory is a buffer of the caller */
    ALLOT_STRING_FIXED = 1 << 1     /* never takes other memory */
};

#define ALLOT_STRING_INIT                                                                          \
    {                                                                                              \
        NULL, 0, 0, NULL, 0                                                                        \
    }

/* An empty string: on an allocator; in a buffer first, and on the allocator when that is full; in
 * the buffer alone. A buffer must outlive the string.
 *
 * Returns: nothing.
 * Threads: the caller owns the string.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_string_init(allot_string *s, allot_allocator *a);
ALLOT_API void allot_string_init_buffer(allot_string *s, allot_allocator *a, char *buffer,
                                        size_t bytes);
ALLOT_API void allot_string_init_fixed(allot_string *s, char *buffer, size_t bytes);

/* Frees its memory; the string is then empty, on the same allocator or in its fixed buffer, and can
 * be used again or released once more.
 *
 * Returns: nothing.
 * Threads: the caller owns the string.   Signals: not safe.
 * Failure: none.
 * Cost:    that of allot_delete. */
ALLOT_API void allot_string_release(allot_string *s);

/* Its text as a C string.
 *
 * Returns: the text, valid until the string changes; "" when empty; never fails.
 * Threads: the caller owns the string.   Signals: safe.
 * Cost:    O(1). */
static inline const char *allot_string_text(const allot_string *s)
{
    return s->at == NULL ? "" : s->at;
}

/* Its text as a span, which may hold zero bytes.
 *
 * Returns: the span, valid until the string changes; never fails.
 * Threads: the caller owns the string.   Signals: safe.
 * Cost:    O(1). */
static inline allot_span allot_string_span(const allot_string *s)
{
    return allot_span_make(allot_string_text(s), s->bytes);
}

/* Makes room for a text of `bytes` bytes in all, so that appending up to there cannot fail.
 *
 * Returns: 0; -ENOMEM, or -EMSGSIZE from a fixed string; the string is then as it was.
 * Threads: the caller owns the string.   Signals: not safe.
 * Cost:    that of allot_resize. */
ALLOT_API ALLOT_MUST_USE allot_status allot_string_reserve(allot_string *s, size_t bytes);

/* Appends, all or nothing. What is appended may lie in the string itself, and is what it was before
 * the call. Room at least doubles when more is needed, if memory allows.
 *
 * Returns: 0; -ENOMEM, or -EMSGSIZE from a fixed string, -EINVAL for a NULL; the string is then as
 *          it was.
 * Threads: the caller owns the string.   Signals: not safe.
 * Cost:    O(bytes), amortised. */
ALLOT_API ALLOT_MUST_USE allot_status allot_string_append(allot_string *s, const char *text);
ALLOT_API ALLOT_MUST_USE allot_status allot_string_append_span(allot_string *s, allot_span span);
ALLOT_API ALLOT_MUST_USE allot_status allot_string_append_char(allot_string *s, char c);
/* Appends `bytes` bytes that the caller is to write.
 *
 * Returns: where to write, valid until the string changes; NULL on failure, and errno.
 * Threads: the caller owns the string.   Signals: not safe.
 * Cost:    O(1), amortised. */
ALLOT_API ALLOT_MUST_USE char *allot_string_extend(allot_string *s, size_t bytes);

/* Appends by vsnprintf of the C library, all or nothing. Arguments may point into the string; into
 * one that is fixed or gets no more memory, while the text added is shorter than ALLOT_STR_OVERLAP.
 *
 * Returns: 0; as allot_string_append, and -EILSEQ or -EOVERFLOW when the C library cannot print it;
 *          the string is then as it was.
 * Threads: the caller owns the string.   Signals: not safe.
 * Cost:    O(bytes), amortised; prints twice what is not shorter than ALLOT_STR_OVERLAP. */
ALLOT_API ALLOT_MUST_USE allot_status allot_string_printf(allot_string *s, const char *format, ...)
    ALLOT_PRINTF_LIKE(2, 3);
ALLOT_API ALLOT_MUST_USE allot_status allot_string_vprintf(allot_string *s, const char *format,
                                                           va_list args) ALLOT_PRINTF_LIKE(2, 0);

/* Shortens the text to `bytes` bytes; a shorter one stays. Keeps its memory.
 *
 * Returns: nothing.
 * Threads: the caller owns the string.   Signals: safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API void allot_string_cut(allot_string *s, size_t bytes);

/* Takes the text out, as a block of its own of the string's allocator; the string is then empty. A
 * text in a buffer is copied.
 *
 * Returns: the text, to be freed by allot_delete(allocator, text, *block_bytes), or by allot_free
 *          when the allocator was NULL and the default one is the default heap; NULL on failure and
 *          errno, the string being as it was: no memory, or EINVAL for a fixed string.
 * Require: block_bytes may be NULL for an allocator that frees without sizes.
 * Threads: the caller owns the string.   Signals: not safe.
 * Cost:    O(1) as a rule. */
ALLOT_API ALLOT_MUST_USE char *allot_string_take(allot_string *s, size_t *block_bytes);

/* --- secrets ------------------------------------------------------------------------------- */

/* Fills with zero, even where the compiler sees that nobody reads it afterwards. Copies in
 * registers and elsewhere stay.
 *
 * Returns: nothing.
 * Threads: safe.   Signals: safe.
 * Failure: none.
 * Cost:    O(bytes). */
ALLOT_API void allot_zero_secure(void *p, size_t bytes);

/* Whether two secrets are equal, in a time that depends on `bytes` alone.
 *
 * Returns: as told; never fails. True for 0 bytes.
 * Threads: safe.   Signals: safe.
 * Cost:    O(bytes); always reads all of both. */
ALLOT_API ALLOT_MUST_USE bool allot_equal_secure(const void *a, const void *b, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

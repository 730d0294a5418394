/* Text without allocation: a bounded buffer that is always terminated and remembers whether it
 * had to cut. */
#ifndef ALI_BASE_FORMAT_H
#define ALI_BASE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ali_text {
    char *at;  /* next byte to write */
    char *end; /* last byte of the buffer, kept for the terminator */
    char *start;
    char *line; /* start of the line */
    char *cell; /* what ali_text_pad pads: since the last newline or pad */
    bool cut;
};

void ali_text_init(struct ali_text *t, char *buffer, size_t bytes);
void ali_text_str(struct ali_text *t, const char *s);
void ali_text_char(struct ali_text *t, char c);
void ali_text_u64(struct ali_text *t, uint64_t v);
void ali_text_i64(struct ali_text *t, int64_t v);
void ali_text_hex(struct ali_text *t, uint64_t v);       /* 0x... */
void ali_text_bytes(struct ali_text *t, uint64_t bytes); /* 12.3 MiB */
/* Fills with spaces so that the line is `column` wide; `right`: in front of what was written since
 * the last newline or pad, so that it ends there. */
void ali_text_pad(struct ali_text *t, size_t column, bool right);

/* "%s %c %u %lu %zu %d %ld %x %lx %p %B(bytes, size_t) %%" only, with -, 0, width, precision of %s
 * and * as in printf; enough for reports. The compiler's check does not know %B: a caller that it
 * warns uses ali_text_bytes. */
void ali_text_printf(struct ali_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline size_t ali_text_length(const struct ali_text *t)
{
    return (size_t)(t->at - t->start);
}

/* Parses "123", "12K", "4MiB", "1G" or "25%" of `whole`; false when it is none of these or
 * overflows. */
bool ali_parse_bytes(const char *s, const char *end, uint64_t whole, uint64_t *bytes);
bool ali_parse_u64(const char *s, const char *end, uint64_t *value);
/* Parses "250ms", "10s", "2m" or a bare number of milliseconds. */
bool ali_parse_ms(const char *s, const char *end, uint64_t *ms);

#endif

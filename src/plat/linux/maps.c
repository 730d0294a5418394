/* /proc/self/maps, read a line at a time through a small buffer. The table may change between two
 * reads; a line is always whole. */
#include <errno.h>

#include "plat/linux/linux.h"

int ali_maps_open(struct ali_maps *m)
{
    m->at = 0;
    m->have = 0;
    m->fd = ali_file_open("/proc/self/maps");
    return m->fd < 0 ? m->fd : 0;
}

void ali_maps_close(struct ali_maps *m)
{
    ali_os_close(m->fd);
}

/* The next character without taking it; 0 at the end. */
static char peek(struct ali_maps *m)
{
    if (m->at == m->have) {
        long r = ali_file_read(m->fd, m->buffer, sizeof m->buffer);

        m->at = 0;
        m->have = r > 0 ? (uint32_t)r : 0;
        if (m->have == 0)
            return 0;
    }
    return m->buffer[m->at];
}

static char take(struct ali_maps *m)
{
    char c = peek(m);

    if (c != 0)
        m->at++;
    return c;
}

/* Hexadecimal digits and the one character behind them. */
static uint64_t take_hex(struct ali_maps *m)
{
    uint64_t v = 0;

    for (;;) {
        char c = take(m);

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return v;
    }
}

static void skip_word(struct ali_maps *m)
{
    while (peek(m) != 0 && peek(m) != ' ' && peek(m) != '\n')
        (void)take(m);
    while (peek(m) == ' ')
        (void)take(m);
}

static void take_name(struct ali_maps *m, char *name, size_t bytes)
{
    struct ali_text t;
    char c;

    ali_text_init(&t, name, bytes);
    while ((c = take(m)) != 0 && c != '\n')
        ali_text_char(&t, c);
}

bool ali_maps_next(struct ali_maps *m, struct ali_mapping *line)
{
    if (peek(m) == 0)
        return false;
    line->start = take_hex(m);
    line->end = take_hex(m);
    line->readable = take(m) == 'r';
    line->writable = take(m) == 'w';
    line->executable = take(m) == 'x';
    skip_word(m); /* private or shared */
    line->offset = take_hex(m);
    skip_word(m); /* device */
    skip_word(m); /* inode */
    take_name(m, line->name, sizeof line->name);
    return true;
}

bool ali_maps_find(const void *p, struct ali_mapping *line)
{
    struct ali_maps m;
    bool found = false;

    if (ali_maps_open(&m) != 0)
        return false;
    while (!found && ali_maps_next(&m, line))
        found = (uintptr_t)p >= line->start && (uintptr_t)p < line->end;
    ali_maps_close(&m);
    return found;
}

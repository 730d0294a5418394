/* A JSON parser on an arena.
 *
 *     example_json < FILE        writes the same without blanks
 *
 * Every value, name and text is pushed into one arena. There is no code that frees a tree, and none
 * for what was built already when an error is found: the arena goes, and all with it. */
#include <allot/arena.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum kind kind;
    double number;
    const char *text;   /* of a string */
    const char *name;   /* in an object */
    struct json *first; /* of an array or object */
    struct json *next;  /* beside this one */
};

struct parser {
    allot_arena *arena;
    const char *at;
    const char *error;
    int depth;
};

enum { DEPTH_MAX = 200 };

static struct json *fail(struct parser *p, const char *error)
{
    if (p->error == NULL)
        p->error = error;
    return NULL;
}

static char next_char(struct parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
    return *p->at;
}

static bool skip(struct parser *p, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* --- strings ------------------------------------------------------------------------------- */

static char *write_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* *at is behind the backslash. */
static char *unescape(struct parser *p, const char **at, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *found = **at != '\0' ? strchr(from, **at) : NULL;
    char digits[5] = "", *end;
    unsigned long code;

    if (found != NULL) {
        (*at)++;
        *to = into[found - from];
        return to + 1;
    }
    strncpy(digits, **at == 'u' ? *at + 1 : "", 4);
    code = strtoul(digits, &end, 16);
    if (end != digits + 4) {
        fail(p, "bad escape");
        return to;
    }
    *at += 5;
    return write_utf8(to, (unsigned)code);
}

static const char *parse_string(struct parser *p)
{
    const char *at = p->at + 1, *end = at;
    char *text, *to;

    while (*end != '"' && *end != '\0')
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    if (*end == '\0') {
        fail(p, "a string has no end");
        return NULL;
    }
    /* an escape is never shorter than what it stands for */
    text = to = allot_arena_push_bytes(p->arena, (size_t)(end - at) + 1);
    if (text == NULL) {
        fail(p, "no memory");
        return NULL;
    }
    while (at < end && p->error == NULL) {
        if (*at == '\\') {
            at++;
            to = unescape(p, &at, to);
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    p->at = end + 1;
    return text;
}

/* --- values -------------------------------------------------------------------------------- */

static struct json *parse_value(struct parser *p);

static struct json *parse_member(struct parser *p, bool named)
{
    const char *name = NULL;
    struct json *value;

    if (named) {
        if (next_char(p) != '"')
            return fail(p, "a name is missing");
        name = parse_string(p);
        if (next_char(p) != ':')
            return fail(p, "a colon is missing");
        p->at++;
    }
    value = parse_value(p);
    if (value != NULL)
        value->name = name;
    return value;
}

static struct json *parse_members(struct parser *p, struct json *list, char close)
{
    struct json **tail = &list->first;

    p->at++;
    if (next_char(p) == close) {
        p->at++;
        return list;
    }
    for (;;) {
        *tail = parse_member(p, list->kind == JSON_OBJECT);
        if (*tail == NULL)
            return NULL;
        tail = &(*tail)->next;
        if (next_char(p) == close) {
            p->at++;
            return list;
        }
        if (!skip(p, ","))
            return fail(p, "a comma is missing");
    }
}

static struct json *parse_number(struct parser *p, struct json *value)
{
    char *end;

    if (strchr("-0123456789", *p->at) == NULL)
        return fail(p, "no value");
    value->number = strtod(p->at, &end);
    if (end == p->at)
        return fail(p, "no number");
    p->at = end;
    value->kind = JSON_NUMBER;
    return value;
}

static struct json *parse_into(struct parser *p, struct json *value)
{
    switch (next_char(p)) {
    case '{':
        value->kind = JSON_OBJECT;
        return parse_members(p, value, '}');
    case '[':
        value->kind = JSON_ARRAY;
        return parse_members(p, value, ']');
    case '"':
        value->kind = JSON_STRING;
        value->text = parse_string(p);
        return value->text != NULL ? value : NULL;
    case '\0':
        return fail(p, "no value");
    default:
        break;
    }
    value->kind = JSON_NULL;
    if (skip(p, "null"))
        return value;
    value->kind = JSON_FALSE;
    if (skip(p, "false"))
        return value;
    value->kind = JSON_TRUE;
    if (skip(p, "true"))
        return value;
    return parse_number(p, value);
}

static struct json *parse_value(struct parser *p)
{
    struct json *value = ALLOT_PUSH_ZERO(p->arena, struct json);

    if (value == NULL)
        return fail(p, "no memory");
    if (p->depth == DEPTH_MAX)
        return fail(p, "too deep");
    p->depth++;
    value = parse_into(p, value);
    p->depth--;
    return p->error == NULL ? value : NULL;
}

static struct json *parse(allot_arena *arena, const char *text, const char **error)
{
    struct parser p = {.arena = arena, .at = text};
    struct json *value = parse_value(&p);

    if (value != NULL && next_char(&p) != '\0')
        value = fail(&p, "more than one value");
    *error = p.error;
    return value;
}

/* --- writing ------------------------------------------------------------------------------- */

static void write_text(const char *s)
{
    putchar('"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            putchar('\\');
        if ((unsigned char)*s < ' ')
            printf("\\u%04x", (unsigned)*s);
        else
            putchar(*s);
    }
    putchar('"');
}

static void write_value(const struct json *value)
{
    static const char *const words[] = {"null", "false", "true"};

    switch (value->kind) {
    case JSON_NUMBER:
        printf("%.17g", value->number);
        return;
    case JSON_STRING:
        write_text(value->text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        putchar(value->kind == JSON_ARRAY ? '[' : '{');
        for (const struct json *v = value->first; v != NULL; v = v->next) {
            if (v->name != NULL) {
                write_text(v->name);
                putchar(':');
            }
            write_value(v);
            if (v->next != NULL)
                putchar(',');
        }
        putchar(value->kind == JSON_ARRAY ? ']' : '}');
        return;
    default:
        fputs(words[value->kind], stdout);
    }
}

/* The whole input, as one object that grows where it is. */
static char *read_all(allot_arena *arena)
{
    size_t room = 4096, length = 0, got;
    void *text = allot_new(&arena->base, room);

    while (text != NULL && (got = fread((char *)text + length, 1, room - length - 1, stdin)) > 0) {
        length += got;
        if (length + 1 < room)
            continue;
        if (allot_resize(&arena->base, &text, room, 2 * room) != 0)
            return NULL;
        room *= 2;
    }
    if (text != NULL)
        ((char *)text)[length] = '\0';
    return text;
}

int main(void)
{
    static allot_arena arena = ALLOT_ARENA_INIT;
    const char *error = "no memory";
    const char *text = read_all(&arena);
    struct json *value = text != NULL ? parse(&arena, text, &error) : NULL;

    if (value != NULL) {
        write_value(value);
        putchar('\n');
    } else {
        fprintf(stderr, "json: %s\n", error);
    }
    allot_arena_release(&arena);
    return value != NULL ? 0 : 1;
}

/* The option table, its parser and its help. Allocates nothing, needs no initialised libc, and
 * reads no file except for a limit in percent (the size of memory).
 *
 * Refuses to know what an option does: it fills in ali_options and tells the user about mistakes.
 */
#include "core/options.h"

#include "core/core.h"

enum option_type { TYPE_BYTES, TYPE_MS, TYPE_ENUM, TYPE_FLAGS, TYPE_PATH };

struct option {
    const char *key;
    const char *shown;
    const char *bare;
    const char *accepts;
    const char *help;
    enum option_type type;
    uint32_t offset;
    uint32_t bytes;
};

/* A piece of the list that is parsed; not terminated. */
struct word {
    const char *start;
    const char *end;
};

/* Set by the program; undefined in most. */
extern const char *allot_options __attribute__((weak, visibility("default")));

struct ali_options ali_options = {
#define ALI_OPTION(key, type, field, initial, shown, bare, accepts, help) .field = initial,
#include "core/options.def"
#undef ALI_OPTION
};

static const struct option table[] = {
#define ALI_OPTION(key, type, field, initial, shown, bare, accepts, help)                          \
    {#key,                                                                                         \
     shown,                                                                                        \
     bare,                                                                                         \
     accepts,                                                                                      \
     help,                                                                                         \
     TYPE_##type,                                                                                  \
     (uint32_t)offsetof(struct ali_options, field),                                                \
     (uint32_t)sizeof(((struct ali_options *)NULL)->field)},
#include "core/options.def"
#undef ALI_OPTION
};

#define MESSAGE_BYTES 320
#define KEY_MAX 16

/* --- words --------------------------------------------------------------------------------- */

static size_t word_length(struct word w)
{
    return (size_t)(w.end - w.start);
}

static bool word_is(struct word w, const char *s)
{
    return strlen(s) == word_length(w) && memcmp(s, w.start, word_length(w)) == 0;
}

static struct word word_of(const char *s)
{
    return (struct word){s, s + strlen(s)};
}

static struct word word_trimmed(struct word w)
{
    while (w.start < w.end && (*w.start == ' ' || *w.start == '\t' || *w.start == '\n'))
        w.start++;
    while (w.start < w.end && (w.end[-1] == ' ' || w.end[-1] == '\t' || w.end[-1] == '\n'))
        w.end--;
    return w;
}

/* Takes the part before `separator` off the front of *rest; false when nothing is left. */
static bool word_split(struct word *rest, char separator, struct word *first)
{
    const char *p = rest->start;

    if (p == NULL)
        return false;
    while (p < rest->end && *p != separator)
        p++;
    *first = (struct word){rest->start, p};
    rest->start = p < rest->end ? p + 1 : NULL;
    return true;
}

/* Index of `w` among the words of `accepts`, -1 when it is none of them. */
static int word_index(const char *accepts, struct word w)
{
    struct word rest = word_of(accepts);
    struct word one;

    for (int i = 0; word_split(&rest, '|', &one); i++)
        if (word_length(one) == word_length(w) && memcmp(one.start, w.start, word_length(w)) == 0)
            return i;
    return -1;
}

static void text_word(struct ali_text *t, struct word w)
{
    for (; w.start < w.end; w.start++)
        ali_text_char(t, *w.start);
}

/* --- the nearest key ----------------------------------------------------------------------- */

/* Edit distance of two short words; longer ones are far from everything.
 * Source: R. A. Wagner and M. J. Fischer, "The string-to-string correction problem", 1974. */
static unsigned edit_distance(struct word a, const char *b)
{
    unsigned row[KEY_MAX + 1];
    size_t length = strlen(b);

    if (word_length(a) > KEY_MAX || length > KEY_MAX)
        return UINT32_MAX;
    for (unsigned j = 0; j <= length; j++)
        row[j] = j;
    for (unsigned i = 0; a.start + i < a.end; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (unsigned j = 0; j < length; j++) {
            unsigned best = diagonal + (a.start[i] != b[j]);

            diagonal = row[j + 1];
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j + 1] + 1)
                best = row[j + 1] + 1;
            row[j + 1] = best;
        }
    }
    return row[length];
}

/* NULL when all differ in more than half of the word, which nobody meant. */
static const struct option *nearest_option(struct word key)
{
    const struct option *best = NULL;
    size_t least = word_length(key) / 2 + 1;

    for (size_t i = 0; i < ALI_ARRAY_COUNT(table); i++) {
        unsigned d = edit_distance(key, table[i].key);

        if (d < least) {
            least = d;
            best = &table[i];
        }
    }
    return best;
}

/* --- values -------------------------------------------------------------------------------- */

static void text_accepted(struct ali_text *t, const struct option *option)
{
    struct word rest, one;

    switch (option->type) {
    case TYPE_BYTES:
        ali_text_str(t, "a number of bytes such as 65536, 64K, 512M, 2G or 25%");
        return;
    case TYPE_MS:
        ali_text_str(t, "a time such as 250ms, 10s or 2m");
        return;
    case TYPE_PATH:
        ali_text_str(t, "the name of a file");
        return;
    case TYPE_FLAGS:
        ali_text_str(t, "all, none, or any of these joined by '+': ");
        break;
    case TYPE_ENUM:
        break;
    }
    rest = word_of(option->accepts);
    for (bool more = word_split(&rest, '|', &one); more;) {
        text_word(t, one);
        more = word_split(&rest, '|', &one);
        if (more)
            ali_text_str(t, rest.start == NULL && option->type == TYPE_ENUM ? " or " : ", ");
    }
}

static bool parse_bytes(struct word value, uint64_t *bytes)
{
    uint64_t whole = 0;

    if (value.start < value.end && value.end[-1] == '%') {
        whole = ali_os_memory_bytes();
        if (whole == 0)
            return false;
    }
    return ali_parse_bytes(value.start, value.end, whole, bytes);
}

static uint32_t all_flags(const char *accepts)
{
    uint32_t flags = 1;

    for (const char *p = accepts; *p != '\0'; p++)
        if (*p == '|')
            flags = flags << 1 | 1;
    return flags;
}

static bool parse_flags(const char *accepts, struct word value, uint32_t *flags)
{
    struct word one;

    *flags = 0;
    if (word_is(value, "none"))
        return true;
    while (word_split(&value, '+', &one)) {
        int index = word_index(accepts, one);

        if (word_is(one, "all"))
            *flags |= all_flags(accepts);
        else if (index >= 0)
            *flags |= (uint32_t)1 << index;
        else
            return false;
    }
    return true;
}

static bool parse_path(struct word value, char *path, size_t bytes)
{
    if (word_length(value) >= bytes)
        return false;
    memcpy(path, value.start, word_length(value));
    path[word_length(value)] = '\0';
    return true;
}

/* Writes the value to its field; false, the field being as it was, when it is no such value. */
static bool set_value(struct ali_options *o, const struct option *option, struct word value)
{
    char *field = (char *)o + option->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    int index;

    switch (option->type) {
    case TYPE_BYTES:
    case TYPE_MS:
        if (!(option->type == TYPE_BYTES ? parse_bytes(value, &wide)
                                         : ali_parse_ms(value.start, value.end, &wide)))
            return false;
        memcpy(field, &wide, sizeof wide);
        return true;
    case TYPE_ENUM:
        index = word_index(option->accepts, value);
        if (index < 0)
            return false;
        narrow = (uint32_t)index;
        memcpy(field, &narrow, sizeof narrow);
        return true;
    case TYPE_FLAGS:
        if (!parse_flags(option->accepts, value, &narrow))
            return false;
        memcpy(field, &narrow, sizeof narrow);
        return true;
    case TYPE_PATH:
        return parse_path(value, field, option->bytes);
    }
    return false;
}

/* --- items --------------------------------------------------------------------------------- */

static bool refuse_key(struct word key, struct ali_text *t)
{
    const struct option *nearest = nearest_option(key);

    ali_text_str(t, "unknown option \"");
    text_word(t, key);
    if (nearest != NULL) {
        ali_text_str(t, "\"; the nearest is \"");
        ali_text_str(t, nearest->key);
    }
    ali_text_str(t, "\" (ALLOT=help lists all)");
    return false;
}

static bool refuse_value(const struct option *option, struct word value, struct ali_text *t)
{
    ali_text_str(t, option->key);
    ali_text_char(t, '=');
    text_word(t, value);
    ali_text_str(t, ": must be ");
    text_accepted(t, option);
    return false;
}

static bool parse_item(struct ali_options *o, struct word item, struct ali_text *t)
{
    struct word key, value = item;

    word_split(&value, '=', &key);
    key = word_trimmed(key);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(table); i++) {
        if (!word_is(key, table[i].key))
            continue;
        if (value.start != NULL)
            value = word_trimmed(value);
        else
            value = word_of(table[i].bare != NULL ? table[i].bare : "");
        if (word_length(value) > 0 && set_value(o, &table[i], value))
            return true;
        return refuse_value(&table[i], value, t);
    }
    return refuse_key(key, t);
}

bool ali_options_parse(struct ali_options *o, const char *list, char *message, size_t message_bytes)
{
    struct word rest = word_of(list);
    struct word item;
    struct ali_text first, later;
    char unused[2];
    bool good = true;

    ali_text_init(&first, message, message_bytes);
    ali_text_init(&later, unused, sizeof unused);
    while (word_split(&rest, ',', &item)) {
        item = word_trimmed(item);
        if (word_length(item) > 0 && !parse_item(o, item, good ? &first : &later))
            good = false;
    }
    return good;
}

/* --- start --------------------------------------------------------------------------------- */

static void write_text(const struct ali_text *t)
{
    ali_os_write(2, t->start, ali_text_length(t));
}

static void write_help(void)
{
    char line[MESSAGE_BYTES];
    struct ali_text t;

    ali_text_init(&t, line, sizeof line);
    ali_text_str(&t, "allot " ALLOT_VERSION ": options, as in ALLOT=\"stats,limit=2G\"\n\n");
    write_text(&t);
    for (size_t i = 0; i < ALI_ARRAY_COUNT(table); i++) {
        ali_text_init(&t, line, sizeof line);
        ali_text_str(&t, "  ");
        ali_text_str(&t, table[i].key);
        ali_text_char(&t, '=');
        ali_text_str(&t, table[i].shown);
        ali_text_pad(&t, 20, false);
        ali_text_str(&t, table[i].help);
        ali_text_str(&t, "\n");
        ali_text_pad(&t, 20, false);
        ali_text_str(&t, "is ");
        text_accepted(&t, &table[i]);
        ali_text_char(&t, '\n');
        write_text(&t);
    }
}

static void apply(const char *list, const char *origin)
{
    char message[MESSAGE_BYTES], line[MESSAGE_BYTES + 64];
    struct ali_text t;

    if (list == NULL)
        return;
    if (strcmp(list, "help") == 0) {
        write_help();
        return;
    }
    if (ali_options_parse(&ali_options, list, message, sizeof message))
        return;
    ali_text_init(&t, line, sizeof line);
    ali_text_str(&t, "allot: ");
    ali_text_str(&t, origin);
    ali_text_str(&t, ": ");
    ali_text_str(&t, message);
    ali_text_str(&t, "; ignored\n");
    write_text(&t);
}

static void read_all(void)
{
    if (&allot_options != NULL)
        apply(allot_options, "allot_options");
    apply(ali_os_env("ALLOT"), "ALLOT");
}

#define READ_DONE UINT32_MAX

/* No lock: in the child of a fork whoever was at it may not exist. */
static void read_once(_Atomic(uint32_t) *reader)
{
    uint32_t self = ali_os_process_id(), seen = 0;

    while (!atomic_compare_exchange_strong(reader, &seen, self)) {
        if (seen == READ_DONE)
            return;
        if (seen == self) {
            ali_os_spin_pause();
            seen = 0;
        }
    }
    read_all();
    /* release: pairs with the acquire in ali_options_init */
    atomic_store_explicit(reader, READ_DONE, memory_order_release);
}

void ali_options_init(void)
{
    static _Atomic(uint32_t) reader; /* 0 nobody yet; the process that is at it; done */

    if (atomic_load_explicit(&reader, memory_order_acquire) != READ_DONE)
        read_once(&reader);
}

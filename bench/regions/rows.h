/* The loops, for the peer that includes this. It has defined
 *     REGION, region_open(), region_close(r), region_push(r, bytes), region_reset(r),
 *     region_bytes(r, bytes) for what needs no alignment,
 *     and HAS_MARKS with REGION_MARK, region_mark(r), region_rewind(r, mark)
 *     or HAS_MARKS 0. */

/* What fits into a chunk that is in the first-level cache. */
enum { WARM_BYTES = 16384, WARM_ROUNDS = 2000, CYCLES = 200000 };

#define KEEP(p) __asm__ volatile("" : : "r"(p) : "memory")

#define PUSH_PASS(size)                                                                            \
    static double push_##size(void)                                                                \
    {                                                                                              \
        REGION *r = region_open();                                                                 \
        double start = now_ns(), end;                                                              \
                                                                                                   \
        for (int round = 0; round < WARM_ROUNDS; round++) {                                        \
            for (int i = 0; i < WARM_BYTES / (size); i++) {                                        \
                char *p = (char *)region_push(r, size);                                            \
                *(uint32_t *)(void *)p = (uint32_t)i;                                              \
                KEEP(p);                                                                           \
            }                                                                                      \
            region_reset(r);                                                                       \
        }                                                                                          \
        end = now_ns();                                                                            \
        region_close(r);                                                                           \
        return (end - start) / WARM_ROUNDS / (WARM_BYTES / (size));                                \
    }

PUSH_PASS(16)
PUSH_PASS(32)
PUSH_PASS(64)

/* As a server does for each request. */
static double push_reset(void)
{
    REGION *r = region_open();
    double start = now_ns(), end;

    for (int i = 0; i < CYCLES; i++) {
        for (int k = 0; k < 16; k++) {
            void *p = region_push(r, 32);
            KEEP(p);
        }
        region_reset(r);
    }
    end = now_ns();
    region_close(r);
    return (end - start) / CYCLES;
}

#if HAS_MARKS
static double mark_rewind(void)
{
    REGION *r = region_open();
    double start = now_ns(), end;

    KEEP(region_push(r, 32));
    for (int i = 0; i < CYCLES; i++) {
        REGION_MARK mark = region_mark(r);

        for (int k = 0; k < 4; k++) {
            void *p = region_push(r, 32);
            KEEP(p);
        }
        region_rewind(r, mark);
    }
    end = now_ns();
    region_close(r);
    return (end - start) / CYCLES;
}
#else
static double mark_rewind(void)
{
    return -1;
}
#endif

static double reset_64m(void)
{
    REGION *r = region_open();
    double start, end;

    for (size_t bytes = 0; bytes < (size_t)64 << 20; bytes += 64) {
        char *p = (char *)region_push(r, 64);
        *p = 1;
        KEEP(p);
    }
    (void)now_ns(); /* the clock itself has left the cache */
    start = now_ns();
    region_reset(r);
    end = now_ns();
    region_close(r);
    return end - start;
}

/* --- a parser ------------------------------------------------------------------------------ */

struct value {
    struct value *next; /* in its list or object */
    struct value *first;
    const char *name;
    const char *text;
    double number;
};

static const char *skip_space(const char *s)
{
    while (*s == ' ' || *s == '\n' || *s == ',' || *s == ':')
        s++;
    return s;
}

static const char *parse_string(REGION *r, const char *s, const char **text)
{
    const char *from = ++s;
    char *copy;
    size_t length;

    while (*s != '"')
        s++;
    length = (size_t)(s - from);
    copy = (char *)region_bytes(r, length + 1);
    __builtin_memcpy(copy, from, length);
    copy[length] = '\0';
    *text = copy;
    return s + 1;
}

static const char *parse_value(REGION *r, const char *s, struct value **value)
{
    struct value *v = (struct value *)region_push(r, sizeof *v);
    struct value **tail = &v->first;
    char open = *s;

    v->next = v->first = NULL;
    v->name = v->text = NULL;
    v->number = 0;
    *value = v;
    if (open == '"')
        return parse_string(r, s, &v->text);
    if (open != '{' && open != '[') {
        while (*s >= '0' && *s <= '9')
            v->number = v->number * 10 + (*s++ - '0');
        return s;
    }
    for (s = skip_space(s + 1); *s != '}' && *s != ']'; s = skip_space(s)) {
        const char *name = NULL;

        if (open == '{')
            s = skip_space(parse_string(r, s, &name));
        s = parse_value(r, s, tail);
        (*tail)->name = name;
        tail = &(*tail)->next;
    }
    return s + 1;
}

static double parse(void)
{
    enum { DOCUMENTS = 20 };
    REGION *r = region_open();
    double start = now_ns(), end;

    for (int i = 0; i < DOCUMENTS; i++) {
        struct value *root;

        (void)parse_value(r, document, &root);
        KEEP(root);
        region_reset(r);
    }
    end = now_ns();
    region_close(r);
    return (end - start) / DOCUMENTS / 1000; /* us */
}

#define PEER_PASSES                                                                                \
    {                                                                                              \
        push_16, push_32, push_64, push_reset, mark_rewind, reset_64m, parse                       \
    }

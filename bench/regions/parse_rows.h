/* A parser that builds a tree, and frees it. The contender has defined
 *     TREE, tree_open(), tree_close(t), tree_node(t, bytes), tree_text(t, bytes);
 *     tree_drop(t), which frees all at once, or
 *     tree_free(t, p, bytes), and TREE_BY_NODES: then the tree is walked, and each node and text
 *     is freed by itself, as a program without regions has to. */

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

/* Most texts are short: a call of memcpy would cost more than they do. */
static inline void copy_text(char *to, const char *from, size_t length)
{
    if (length > 16 || length == 0) {
        memcpy(to, from, length);
    } else if (length >= 8) {
        memcpy(to, from, 8);
        memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
    } else {
        to[0] = from[0];
        to[length / 2] = from[length / 2];
        to[length - 1] = from[length - 1];
    }
}

static const char *parse_string(TREE *t, const char *s, const char **text)
{
    const char *from = ++s;
    char *copy;
    size_t length;

    while (*s != '"')
        s++;
    length = (size_t)(s - from);
    copy = (char *)tree_text(t, length + 1);
    copy_text(copy, from, length);
    copy[length] = '\0';
    *text = copy;
    return s + 1;
}

static const char *parse_value(TREE *t, const char *s, struct value **value)
{
    struct value *v = (struct value *)tree_node(t, sizeof *v);
    struct value **tail = &v->first;
    char open = *s;

    v->next = v->first = NULL;
    v->name = v->text = NULL;
    v->number = 0;
    *value = v;
    if (open == '"')
        return parse_string(t, s, &v->text);
    if (open != '{' && open != '[') {
        uint64_t number = 0;

        while (*s >= '0' && *s <= '9')
            number = number * 10 + (uint64_t)(*s++ - '0');
        v->number = (double)number;
        return s;
    }
    for (s = skip_space(s + 1); *s != '}' && *s != ']'; s = skip_space(s)) {
        const char *name = NULL;

        if (open == '{')
            s = skip_space(parse_string(t, s, &name));
        s = parse_value(t, s, tail);
        (*tail)->name = name;
        tail = &(*tail)->next;
    }
    return s + 1;
}

#ifdef TREE_BY_NODES
static void free_text(TREE *t, const char *text)
{
    if (text != NULL)
        tree_free(t, (void *)(uintptr_t)text, TREE_BY_NODES(text));
}

static void free_value(TREE *t, struct value *v)
{
    while (v != NULL) {
        struct value *next = v->next;

        free_value(t, v->first);
        free_text(t, v->name);
        free_text(t, v->text);
        tree_free(t, v, sizeof *v);
        v = next;
    }
}
#else
static void free_value(TREE *t, struct value *v)
{
    (void)v;
    tree_drop(t);
}
#endif

static uint64_t sum_text(const char *text)
{
    uint64_t sum = 5;

    for (; text != NULL && *text != '\0'; text++)
        sum = sum * 31 + (unsigned char)*text;
    return sum;
}

static uint64_t sum_value(const struct value *v)
{
    uint64_t sum = 1;

    for (; v != NULL; v = v->next)
        sum = sum * 31 + sum_value(v->first) + sum_text(v->name) + 3 * sum_text(v->text) +
              (uint64_t)v->number;
    return sum;
}

static double parse(const char *document, int count, uint64_t *sum)
{
    TREE *t = tree_open();
    struct value *root;
    double start = now_ns(), end;

    for (int i = 0; i < count; i++) {
        (void)parse_value(t, document, &root);
        KEEP(root);
        free_value(t, root);
    }
    end = now_ns();
    (void)parse_value(t, document, &root);
    *sum = sum_value(root);
    free_value(t, root);
    tree_close(t);
    return (end - start) / count / 1000;
}

static double parse_16k(uint64_t *sum)
{
    return parse(document_small, rounds(1000), sum);
}

static double parse_1m(uint64_t *sum)
{
    return parse(document_large, rounds(15), sum);
}

#define PARSE_PASSES                                                                               \
    {PARSE_16K, parse_16k},                                                                        \
    {                                                                                              \
        PARSE_1M, parse_1m                                                                         \
    }

/* A program that takes no memory from the system after it has started: all it uses is a buffer of
 * its own. It reads samples ("sensor value" a line) from standard input, keeps the last few of each
 * sensor in objects of a pool, and writes a report that is built in an arena. When the buffer is
 * full it says so and goes on with what it has.
 *
 *     printf 'oven 180\ndoor 0\noven 185\n' | embedded */
#include <allot/allot.h>
#include <stdio.h>

enum { POOL_BYTES = 8192, ARENA_BYTES = 2048, LINE_BYTES = 64, NAME_BYTES = 16, KEPT = 4 };

struct sensor {
    struct sensor *next;
    char name[NAME_BYTES];
    int64_t kept[KEPT]; /* a ring; the newest is at (count - 1) % KEPT */
    size_t count;
};

static _Alignas(64) char pool_memory[POOL_BYTES];
static _Alignas(64) char arena_memory[ARENA_BYTES];

static struct sensor *sensor_of(allot_pool *pool, struct sensor **first, allot_span name)
{
    struct sensor *s;

    for (s = *first; s != NULL; s = s->next) {
        if (allot_span_equal(allot_span_of(s->name), name))
            return s;
    }
    s = allot_pool_get(pool);
    if (s == NULL)
        return NULL;
    *s = (struct sensor){.next = *first};
    /* names are told apart by what fits */
    ALLOT_MAY_CUT(allot_str_copy_span(s->name, sizeof s->name, name));
    *first = s;
    return s;
}

/* "name value"; false for anything else. */
static bool take_sample(allot_pool *pool, struct sensor **first, allot_span line)
{
    struct sensor *s;
    allot_span name, number, rest = allot_span_trim(line);
    int64_t value;

    if (!allot_span_word(&rest, ALLOT_SPAN(" \t"), &name) ||
        !allot_span_word(&rest, ALLOT_SPAN(" \t"), &number) ||
        allot_span_i64(number, 10, &value) != 0 || allot_span_trim(rest).bytes != 0)
        return false;
    s = sensor_of(pool, first, allot_span_slice(name, 0, NAME_BYTES - 1));
    if (s == NULL) {
        fputs("embedded: no room for another sensor\n", stderr);
        return true;
    }
    s->kept[s->count++ % KEPT] = value;
    return true;
}

static void report(allot_arena *arena, const struct sensor *first)
{
    ALLOT_REWIND(arena);
    ALLOT_AUTO_STRING allot_string text;

    allot_string_init(&text, &arena->base);
    for (const struct sensor *s = first; s != NULL; s = s->next) {
        size_t n = s->count < KEPT ? s->count : KEPT;
        allot_status status = allot_string_printf(&text, "%s %zu:", s->name, s->count);

        for (size_t i = 0; i < n && status == 0; i++)
            status =
                allot_string_printf(&text, " %lld", (long long)s->kept[(s->count - n + i) % KEPT]);
        if (status == 0)
            status = allot_string_append_char(&text, '\n');
        if (status != 0) {
            fputs("embedded: the report is cut\n", stderr);
            break;
        }
    }
    fputs(allot_string_text(&text), stdout);
}

int main(void)
{
    ALLOT_AUTO_ARENA allot_arena arena = ALLOT_ARENA_INIT;
    ALLOT_AUTO_POOL allot_pool pool = {0};
    struct sensor *first = NULL;
    char line[LINE_BYTES];
    int bad = 0;

    if (allot_pool_init(&pool, &(struct allot_pool_options){.object_bytes = sizeof(struct sensor),
                                                            .buffer = pool_memory,
                                                            .buffer_bytes = sizeof pool_memory,
                                                            .flags = ALLOT_POOL_FIXED}) != 0 ||
        allot_arena_init(&arena, &(struct allot_arena_options){.buffer = arena_memory,
                                                               .buffer_bytes = sizeof arena_memory,
                                                               .flags = ALLOT_ARENA_BUFFER_ONLY}) !=
            0)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL)
        bad += !take_sample(&pool, &first, allot_span_of(line));
    report(&arena, first);
    if (bad > 0)
        fprintf(stderr, "embedded: %d lines are no samples\n", bad);
    return bad > 0;
}

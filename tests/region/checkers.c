/* Uses memory of an arena in a way that argv[1] names; all but "fine" are wrong. For checkers.sh.
 */
#include <stdio.h>
#include <string.h>

#include "allot/arena.h"

static volatile char sink;

static int use(allot_arena *a, const char *how)
{
    allot_arena_mark mark;
    char *before = allot_arena_push(a, 24), *p, *s;

    memset(before, 1, 24);
    mark = allot_arena_mark_get(a);
    p = allot_arena_push(a, 24);
    s = allot_arena_strdup(a, "text");
    memset(p, 2, 24);
    if (strcmp(how, "overflow") == 0)
        sink = p[24];
    if (strcmp(how, "underflow") == 0)
        sink = p[-1];
    if (strcmp(how, "string") == 0)
        sink = s[5];
    (void)allot_arena_rewind(a, &mark);
    if (strcmp(how, "rewind") == 0)
        sink = p[0];
    if (strcmp(how, "rewind-string") == 0)
        sink = s[0];
    sink = before[23];
    p = allot_arena_push(a, 100);
    memset(p, 3, 100);
    (void)allot_arena_reset(a, ALLOT_KEEP_ALL);
    if (strcmp(how, "reset") == 0)
        sink = p[99];
    p = allot_arena_push_zero(a, 100);
    sink = p[99];
    return 0;
}

int main(int argc, char **argv)
{
    static char buffer[8192];
    const struct allot_arena_options options = {.buffer = buffer, .buffer_bytes = sizeof buffer};
    allot_arena a, b;

    if (argc != 2 || allot_arena_init(&a, &options) != 0 || allot_arena_init(&b, NULL) != 0)
        return 2;
    use(&a, argv[1]);
    use(&b, argv[1]);
    allot_arena_release(&a);
    allot_arena_release(&b);
    memset(buffer, 4, sizeof buffer); /* is the program's own again */
    puts("done");
    return 0;
}

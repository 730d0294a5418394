/* usage: micro ROW [--quick] | micro --list */
#include "micro.h"

#include <stdio.h>
#include <string.h>

static const struct row *const tables[] = {hot_rows, thread_rows, large_rows, lifecycle_rows};
enum { TABLES = sizeof tables / sizeof *tables };

static const struct row *row_find(const char *name)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct row *row = tables[i]; row->name; row++)
            if (!strcmp(row->name, name))
                return row;
    return NULL;
}

static int rows_list(void)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct row *row = tables[i]; row->name; row++)
            printf("%s %s\n", row->name, row->unit);
    return 0;
}

int main(int argc, char **argv)
{
    struct context context = {.divisor = 1, .passes = 9};
    if (argc == 2 && !strcmp(argv[1], "--list"))
        return rows_list();
    if (argc > 1)
        context.row = row_find(argv[1]);
    if (!context.row || argc > 3 || (argc == 3 && strcmp(argv[2], "--quick"))) {
        fputs("usage: micro ROW [--quick] | micro --list\n", stderr);
        return 2;
    }
    if (argc == 3) {
        context.divisor = 8;
        context.passes = 5;
    }
    meter_open();
    context.row->run(&context);
    meter_print(context.row);
    return 0;
}

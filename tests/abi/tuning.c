/* mallopt: results as glibc's, effects real. argv[1] names the effect to try. */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int results(void)
{
    static const struct {
        int parameter, value, result;
    } rows[] = {
        {M_MXFAST, 0, 1},
        {M_MXFAST, 160, 1},
        {M_MXFAST, 161, 0},
        {M_MXFAST, -1, 0},
        {M_TRIM_THRESHOLD, 1 << 20, 1},
        {M_TOP_PAD, 65536, 1},
        {M_TOP_PAD, -1, 1},
        {M_MMAP_THRESHOLD, 1 << 20, 1},
        {M_MMAP_THRESHOLD, 32 << 20, 1},
        {M_MMAP_MAX, 0, 1},
        {M_MMAP_THRESHOLD, (32 << 20) + 1, 1},
        {M_MMAP_THRESHOLD, -1, 1},
        {M_ARENA_TEST, 2, 1},
        {M_ARENA_MAX, 1, 1},
        {M_ARENA_MAX, -1, 1},
        {M_CHECK_ACTION, 3, 1},
        {M_PERTURB, 0, 1},
        {12345, 1, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int result = mallopt(rows[i].parameter, rows[i].value);

        if (result != rows[i].result) {
            printf("mallopt(%d, %d) is %d\n", rows[i].parameter, rows[i].value, result);
            return 1;
        }
    }
    return 0;
}

static void free_twice(void)
{
    void *volatile p = malloc(10);

    free(p);
    free(p);
}

static size_t resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t total = 0, resident = 0;

    if (file == NULL || fscanf(file, "%zu %zu", &total, &resident) != 2)
        exit(3);
    fclose(file);
    return resident * 4;
}

/* What stays of 64 MiB that were freed. */
static size_t kept_kib(void)
{
    enum { COUNT = 64, BYTES = 1 << 20 };
    static char *block[COUNT];
    size_t before = resident_kib();
    size_t after;

    for (int i = 0; i < COUNT; i++) {
        block[i] = malloc(BYTES);
        memset(block[i], 1, BYTES);
    }
    for (int i = 0; i < COUNT; i++)
        free(block[i]);
    after = resident_kib();
    return after > before ? after - before : 0;
}

/* Keeps everything that M_TRIM_THRESHOLD and M_TOP_PAD let it, or less. */
static void keep_mapped(const char *what)
{
    bool pad = strcmp(what, "pad") == 0;

    mallopt(M_TRIM_THRESHOLD, pad ? 0 : -1);
    if (pad)
        mallopt(M_TOP_PAD, 64 << 20);
    if (strcmp(what, "mmap") == 0 || strcmp(what, "mmap-never") == 0)
        mallopt(M_MMAP_THRESHOLD, 1 << 19);
    if (strcmp(what, "mmap-larger") == 0)
        mallopt(M_MMAP_THRESHOLD, 1 << 22);
    if (strcmp(what, "mmap-never") == 0)
        mallopt(M_MMAP_MAX, 0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "results";

    if (strcmp(what, "results") == 0)
        return results();
    if (strcmp(what, "report") == 0)
        mallopt(M_CHECK_ACTION, 1);
    else if (strcmp(what, "abort") == 0)
        mallopt(M_CHECK_ACTION, 3);
    else if (strcmp(what, "trim") == 0)
        mallopt(M_TRIM_THRESHOLD, 0);
    else if (strcmp(what, "keep") == 0)
        mallopt(M_TRIM_THRESHOLD, -1);
    else
        keep_mapped(what);
    if (strcmp(what, "report") == 0 || strcmp(what, "abort") == 0)
        free_twice();
    else
        printf("%zu\n", kept_kib());
    return 0;
}

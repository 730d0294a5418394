/* Names of files that options give. */
#include "core/core.h"

void ali_process_name(char *name, size_t bytes)
{
    long got = ali_os_read_file("/proc/self/comm", name, bytes);

    if (got <= 0) {
        struct ali_text t;

        ali_text_init(&t, name, bytes);
        ali_text_str(&t, "program");
        return;
    }
    if (name[got - 1] == '\n')
        name[got - 1] = '\0';
}

static void put_name(struct ali_text *t)
{
    char name[64];

    ali_process_name(name, sizeof name);
    for (const char *p = name; *p != '\0'; p++)
        ali_text_char(t, (char)(*p == '/' ? '_' : *p));
}

void ali_path_expand(const char *pattern, char *path, size_t bytes)
{
    struct ali_text t;

    ali_text_init(&t, path, bytes);
    for (const char *p = pattern; *p != '\0'; p++) {
        if (p[0] == '%' && p[1] == 'p') {
            ali_text_u64(&t, ali_os_process_id());
            p++;
        } else if (p[0] == '%' && p[1] == 'e') {
            put_name(&t);
            p++;
        } else {
            ali_text_char(&t, *p);
            p += p[0] == '%' && p[1] == '%';
        }
    }
}

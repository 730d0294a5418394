/* What an address is in.
 *
 * A module (the program or a library) is several mappings of one file in a row, of which one is
 * executable, and maybe anonymous memory behind them for what the file does not store (.bss). How
 * far that goes the module's program headers tell. */
#include "plat/linux/linux.h"

/* What is known of the file whose mappings the scan is passing. */
struct module {
    char name[256];
    uintptr_t base;
    uintptr_t end; /* of its last mapping seen */
    bool executable;
};

/* End of the memory that the program headers at `start` claim; 0 when they cannot be read. */
static uintptr_t image_end(uintptr_t start)
{
    struct ali_reader reader = {.by_table = false};
    struct ali_image image;

    return ali_image_read(&reader, start, &image) ? image.end : 0;
}

static bool same_name(const char *a, const char *b)
{
    return strncmp(a, b, sizeof((struct module *)0)->name) == 0;
}

static void module_see(struct module *m, const struct ali_mapping *line)
{
    if (line->name[0] != '/')
        return;
    /* A second copy of the same file starts at offset 0 again. */
    if (!same_name(m->name, line->name) || (line->offset == 0 && m->end != line->start)) {
        memcpy(m->name, line->name, sizeof m->name);
        m->base = line->start;
        m->executable = false;
    }
    m->executable |= line->executable;
    m->end = line->end;
}

/* Whether a later mapping of the same file is executable: its data may come first. */
static bool executable_later(struct ali_maps *maps, const struct module *m)
{
    struct ali_mapping line;

    while (ali_maps_next(maps, &line) && same_name(line.name, m->name)) {
        if (line.executable)
            return true;
    }
    return false;
}

static bool is_stack_name(const char *name)
{
    return strncmp(name, "[stack", 6) == 0 || strstr(name, "stack:") != NULL;
}

static enum ali_os_place place_of_anonymous(const struct ali_mapping *line, const struct module *m,
                                            uintptr_t p)
{
    const char on_stack = 0;
    const uintptr_t here = (uintptr_t)&on_stack;

    if (here >= line->start && here < line->end)
        return ALI_OS_STACK;
    if (m->executable && p < image_end(m->base))
        return ALI_OS_STATIC;
    return ALI_OS_ANON;
}

static enum ali_os_place place_of_special(const char *name)
{
    if (is_stack_name(name))
        return ALI_OS_STACK;
    if (strcmp(name, "[heap]") == 0)
        return ALI_OS_BRK;
    if (strncmp(name, "[v", 2) == 0) /* vdso, vvar, vsyscall */
        return ALI_OS_STATIC;
    return ALI_OS_ANON;
}

static enum ali_os_place place_in(struct ali_maps *maps, const struct ali_mapping *line,
                                  const struct module *m, uintptr_t p)
{
    if (line->name[0] == 0)
        return place_of_anonymous(line, m, p);
    if (line->name[0] == '[')
        return place_of_special(line->name);
    if (line->name[0] == '/' && (m->executable || executable_later(maps, m)))
        return ALI_OS_STATIC;
    return ALI_OS_FILE;
}

static void name_out(const char *from, char *name, size_t name_bytes)
{
    struct ali_text t;

    if (name_bytes == 0)
        return;
    ali_text_init(&t, name, name_bytes);
    ali_text_str(&t, from);
}

enum ali_os_place ali_os_locate(const void *p, char *name, size_t name_bytes)
{
    const uintptr_t at = (uintptr_t)p;
    enum ali_os_place place = ALI_OS_UNMAPPED;
    struct ali_maps maps;
    struct ali_mapping line;
    struct module m = {.base = 0};

    name_out("", name, name_bytes);
    if (ali_maps_open(&maps) != 0)
        return ALI_OS_UNKNOWN;
    while (ali_maps_next(&maps, &line) && line.start <= at) {
        module_see(&m, &line);
        if (at >= line.end)
            continue;
        place = place_in(&maps, &line, &m, at);
        name_out(place == ALI_OS_STATIC && line.name[0] == 0 ? m.name : line.name, name,
                 name_bytes);
        break;
    }
    ali_maps_close(&maps);
    return place;
}

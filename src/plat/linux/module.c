/* Which file an address was loaded from, for reports. */
#include "plat/linux/linux.h"

/* What the addresses in the file count from, seen from the mapping of its start. */
static uintptr_t load_base(uintptr_t start)
{
    struct ali_reader reader = {.by_table = false};
    struct ali_image image;

    return ali_image_read(&reader, start, &image) ? image.bias : start;
}

bool ali_os_module(const void *p, char *name, size_t name_bytes, uintptr_t *base)
{
    const uintptr_t at = (uintptr_t)p;
    struct ali_maps maps;
    struct ali_mapping line;
    struct ali_text t;
    uintptr_t start = 0;
    bool found = false;

    if (ali_maps_open(&maps) != 0)
        return false;
    while (!found && ali_maps_next(&maps, &line) && line.start <= at) {
        if (line.offset == 0 && line.name[0] != '\0')
            start = line.start;
        found = at < line.end && (line.name[0] == '/' || strcmp(line.name, "[vdso]") == 0);
    }
    ali_maps_close(&maps);
    if (!found)
        return false;
    *base = load_base(start);
    ali_text_init(&t, name, name_bytes);
    ali_text_str(&t, line.name);
    return true;
}

/* Which file an address was loaded from, for reports. */
#include <elf.h>
#include <link.h>

#include "plat/linux/linux.h"

enum { HEADERS_MAX = 24 };

/* What the addresses in the file count from, seen from the mapping of its start. */
static uintptr_t load_base(uintptr_t start)
{
    ElfW(Ehdr) file;
    ElfW(Phdr) headers[HEADERS_MAX];

    if (!ali_probe_read(&file, start, sizeof file) || memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 ||
        file.e_phnum > HEADERS_MAX || file.e_phentsize != sizeof headers[0] ||
        !ali_probe_read(headers, start + file.e_phoff, file.e_phnum * sizeof headers[0]))
        return start;
    for (unsigned i = 0; i < file.e_phnum; i++)
        if (headers[i].p_type == PT_LOAD)
            return start - ali_align_down(headers[i].p_vaddr, ali_os_page_bytes);
    return start;
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

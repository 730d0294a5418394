/* What the program headers of a loaded file say. */
#include <elf.h>
#include <link.h>

#include "plat/linux/linux.h"

enum { HEADERS_MAX = 24 };

static bool read_headers(struct ali_reader *reader, uintptr_t start, ElfW(Phdr) * headers,
                         unsigned *count)
{
    ElfW(Ehdr) file;

    if (!ali_reader_copy(reader, &file, start, sizeof file) ||
        memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 || file.e_phnum > HEADERS_MAX ||
        file.e_phentsize != sizeof headers[0])
        return false;
    *count = file.e_phnum;
    return ali_reader_copy(reader, headers, start + file.e_phoff, *count * sizeof headers[0]);
}

bool ali_image_read(struct ali_reader *reader, uintptr_t start, struct ali_image *image)
{
    ElfW(Phdr) headers[HEADERS_MAX];
    unsigned count;
    uintptr_t low = UINTPTR_MAX;
    uintptr_t high = 0;
    uintptr_t unwind = 0;

    if (!read_headers(reader, start, headers, &count))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (headers[i].p_type == PT_LOAD) {
            low = ali_min(low, ali_align_down(headers[i].p_vaddr, ali_os_page_bytes));
            high = ali_max(high, headers[i].p_vaddr + headers[i].p_memsz);
        }
        if (headers[i].p_type == PT_GNU_EH_FRAME)
            unwind = headers[i].p_vaddr;
    }
    if (high <= low)
        return false;
    image->start = start;
    image->bias = start - low;
    image->end = start + ali_align_up(high - low, ali_os_page_bytes);
    image->unwind = unwind != 0 ? image->bias + unwind : 0;
    return true;
}

/* The image of the file that is mapped executable at `code`. */
bool ali_image_find(struct ali_reader *reader, uintptr_t code, struct ali_image *image)
{
    struct ali_maps maps;
    struct ali_mapping line;
    uintptr_t start = 0;
    bool found = false;

    if (ali_maps_open(&maps) != 0)
        return false;
    while (!found && ali_maps_next(&maps, &line) && line.start <= code) {
        if (line.offset == 0 && line.name[0] != 0)
            start = line.start;
        found = code < line.end && line.executable && line.name[0] != 0;
    }
    ali_maps_close(&maps);
    return found && start != 0 && ali_image_read(reader, start, image) && code < image->end;
}

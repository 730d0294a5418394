/* The C library's own entries for some names, made to lead elsewhere.
 *
 * A library that is opened with RTLD_DEEPBIND looks its names up in itself and in the C library
 * before it looks at what was preloaded or linked in front. So it takes malloc from the C library
 * while strdup, inside the C library, takes it from where everybody does: the library then frees
 * blocks of one allocator with the other. The dynamic loader reads the answer to each look-up
 * from the symbol table of the C library in memory; that is what is changed here, a field of data
 * an entry, no code. Only glibc has RTLD_DEEPBIND, and only glibc has what is needed here.
 *
 * Refuses: a C library whose symbol table is not where its header says, or without a GNU hash. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>

#include "plat/linux/linux.h"

/* The dynamic loader's list of what it loaded. Weak: other C libraries do not have it. */
extern struct r_debug _r_debug __attribute__((weak));
/* Weak, so that a static link does not bring in the dynamic loader. */
extern __typeof__(dlsym) dlsym __attribute__((weak));
extern __typeof__(dladdr) dladdr __attribute__((weak));

struct names {
    uintptr_t base;
    ElfW(Sym) *symbols;
    const char *strings;
    const uint32_t *hash;
};

static bool is_libc(const char *path)
{
    static const char libc[] = "/libc.so.6";
    size_t length = strlen(path);

    return length >= sizeof libc - 1 && strcmp(path + length - (sizeof libc - 1), libc) == 0;
}

/* glibc has put real addresses into this table on most machines. */
static void *address_in(const struct link_map *map, uintptr_t value)
{
    return (void *)(value < map->l_addr ? map->l_addr + value : value);
}

static bool names_of_libc(struct names *names)
{
    const struct link_map *map;

    if (&_r_debug == NULL)
        return false;
    for (map = _r_debug.r_map; map != NULL && !is_libc(map->l_name); map = map->l_next)
        ;
    if (map == NULL)
        return false;
    *names = (struct names){.base = map->l_addr};
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            names->symbols = address_in(map, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_STRTAB)
            names->strings = address_in(map, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_GNU_HASH)
            names->hash = address_in(map, entry->d_un.d_ptr);
    }
    return names->symbols != NULL && names->strings != NULL && names->hash != NULL;
}

/* Source: "GNU Hash ELF Sections"; the header is buckets, first symbol, words of a Bloom filter. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static ElfW(Sym) *find(const struct names *names, const char *name)
{
    uint32_t hash = hash_of(name), count = names->hash[0], first = names->hash[1];
    const uint32_t *buckets =
        names->hash + 4 + names->hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = buckets + count;
    uint32_t index = buckets[hash % count];

    for (; index >= first; index++) {
        ElfW(Sym) *symbol = &names->symbols[index];

        if ((chain[index - first] | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
            strcmp(names->strings + symbol->st_name, name) == 0)
            return symbol;
        if (chain[index - first] & 1)
            break;
    }
    return NULL;
}

bool ali_os_is_global(const char *name, const void *here)
{
    Dl_info found, own;

    if (dlsym == NULL || dladdr == NULL)
        return false;
    return dladdr(dlsym(RTLD_DEFAULT, name), &found) != 0 && dladdr(here, &own) != 0 &&
           found.dli_fbase == own.dli_fbase;
}

int ali_os_rebind_libc(const struct ali_os_name *wanted, size_t count)
{
    struct names names;
    uintptr_t low = UINTPTR_MAX, high = 0;
    char *from;
    size_t bytes;
    int error;

    if (!names_of_libc(&names))
        return -ENOSYS;
    for (size_t i = 0; i < count; i++) {
        const ElfW(Sym) *symbol = find(&names, wanted[i].name);

        if (symbol == NULL)
            continue;
        low = ali_min(low, (uintptr_t)symbol);
        high = ali_max(high, (uintptr_t)(symbol + 1));
    }
    if (high == 0)
        return -ENOSYS;
    from = (char *)ali_align_down(low, ali_os_page_bytes);
    bytes = ali_align_up(high, ali_os_page_bytes) - (uintptr_t)from;
    error = ali_os_protect(from, bytes, ALI_OS_READ_WRITE);
    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        ElfW(Sym) *symbol = find(&names, wanted[i].name);

        if (symbol != NULL)
            symbol->st_value = (uintptr_t)wanted[i].target - names.base;
    }
    return ali_os_protect(from, bytes, ALI_OS_READ);
}

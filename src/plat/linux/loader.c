/* The dynamic loader: where it is, and what it finds under the names of the C library.
 *
 * An object opened with RTLD_DEEPBIND looks names up in its own libraries first: it finds the C
 * library's malloc, while the C library itself calls the program's. So a block crosses from one
 * allocator to the other as soon as such an object frees what strdup gave it. Here the C library's
 * symbols are made to name other functions: only the copy of its symbol table in this process
 * changes, never code. */
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "plat/linux/linux.h"

/* Only glibc has it; musl knows no RTLD_DEEPBIND. */
extern __typeof__(const char *(void)) gnu_get_libc_version __attribute__((weak));

enum { REDIRECT_MAX = 32 };

struct library {
    const void *inside; /* an address in it */
    uintptr_t base;
    ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash;
    bool plain; /* the segment with the symbols is read-only, and no code is in it */
};

/* --- where it is --------------------------------------------------------------------------- */

void ali_os_loader_range(uintptr_t *start, size_t *bytes)
{
    const ElfW(Ehdr) *file = (const ElfW(Ehdr) *)getauxval(AT_BASE);
    const ElfW(Phdr) * headers;

    *start = (uintptr_t)file;
    *bytes = 0;
    if (file == NULL) /* a static program */
        return;
    headers = (const ElfW(Phdr) *)((uintptr_t)file + file->e_phoff);
    for (unsigned i = 0; i < file->e_phnum; i++)
        if (headers[i].p_type == PT_LOAD)
            *bytes = ali_max(*bytes, headers[i].p_vaddr + headers[i].p_memsz);
}

/* --- the C library's tables ---------------------------------------------------------------- */

static const void *table_at(const struct library *l, ElfW(Addr) address)
{
    return (const void *)(address < l->base ? l->base + address : address);
}

static void read_dynamic(struct library *l, const ElfW(Dyn) * entry)
{
    for (; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            l->symbols = (ElfW(Sym) *)(uintptr_t)table_at(l, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_STRTAB)
            l->strings = table_at(l, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_GNU_HASH)
            l->hash = table_at(l, entry->d_un.d_ptr);
    }
}

static bool is_in(const ElfW(Phdr) * segment, uintptr_t base, const void *p)
{
    return segment->p_type == PT_LOAD &&
           (uintptr_t)p - (base + segment->p_vaddr) < segment->p_memsz;
}

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct library *l = arg;
    const ElfW(Phdr) *dynamic = NULL;
    bool here = false;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        here |= is_in(&info->dlpi_phdr[i], info->dlpi_addr, l->inside);
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dynamic = &info->dlpi_phdr[i];
    }
    if (!here || dynamic == NULL)
        return 0;
    l->base = info->dlpi_addr;
    read_dynamic(l, (const ElfW(Dyn) *)(l->base + dynamic->p_vaddr));
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (is_in(&info->dlpi_phdr[i], l->base, l->symbols))
            l->plain = (info->dlpi_phdr[i].p_flags & (PF_R | PF_W | PF_X)) == PF_R;
    return 1;
}

/* --- changing it --------------------------------------------------------------------------- */

/* Source: the GNU hash section as ld writes it ("How To Write Shared Libraries", U. Drepper). */
static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;

    for (const unsigned char *p = (const unsigned char *)name; *p != 0; p++)
        h = h * 33 + *p;
    return h;
}

/* The definition of a name; NULL when there is none. */
static ElfW(Sym) * find_symbol(const struct library *l, const char *name)
{
    const uint32_t bucket_count = l->hash[0], first = l->hash[1], filter_words = l->hash[2];
    const uint32_t *buckets = l->hash + 4 + filter_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = buckets + bucket_count;
    const uint32_t hash = gnu_hash(name);

    for (uint32_t i = buckets[hash % bucket_count]; i >= first; i++) {
        ElfW(Sym) *symbol = &l->symbols[i];

        if ((chain[i - first] | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
            ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
            strcmp(l->strings + symbol->st_name, name) == 0)
            return symbol;
        if ((chain[i - first] & 1) != 0)
            break;
    }
    return NULL;
}

/* All of them or none: half of an allocator would be worse than the whole of another one. */
static bool redirect(const struct library *l, const struct ali_os_redirect *table, size_t count)
{
    ElfW(Sym) * symbols[REDIRECT_MAX];
    uintptr_t low = UINTPTR_MAX, high = 0;

    for (size_t i = 0; i < count; i++) {
        symbols[i] = find_symbol(l, table[i].name);
        if (symbols[i] != NULL) {
            low = ali_min(low, ali_align_down((uintptr_t)symbols[i], ali_os_page_bytes));
            high = ali_max(high, (uintptr_t)(symbols[i] + 1));
        }
    }
    high = ali_align_up(high, ali_os_page_bytes);
    if (low >= high || ali_os_protect((void *)low, high - low, ALI_OS_READ_WRITE) != 0)
        return false;
    /* Each with one store: a look-up by another thread finds the one or the other. */
    for (size_t i = 0; i < count; i++)
        if (symbols[i] != NULL)
            __atomic_store_n(&symbols[i]->st_value, (uintptr_t)table[i].function - l->base,
                             __ATOMIC_RELAXED);
    (void)ali_os_protect((void *)low, high - low, ALI_OS_READ);
    return true;
}

bool ali_os_redirect_libc(const struct ali_os_redirect *table, size_t count)
{
    struct library l = {.plain = false};

    if (gnu_get_libc_version == NULL || count > REDIRECT_MAX)
        return false;
    l.inside = (const void *)(uintptr_t)gnu_get_libc_version;
    if (dl_iterate_phdr(visit, &l) == 0 || !l.plain || l.strings == NULL || l.hash == NULL)
        return false;
    return redirect(&l, table, count);
}

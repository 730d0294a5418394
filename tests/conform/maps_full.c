/* The map table is full (vm.max_map_count): allocation works or is refused
 * with ENOMEM, frees lose nothing, and all is well when there is room again.
 */
#include "t.h"
#include <malloc.h>
#include <sys/mman.h>

enum { slots = 600 };
static unsigned char *block[slots];
static size_t size_of[slots];
static char *field;
static size_t page, pages;

/* Every second page readable: each is a mapping of its own. */
static void fill_table(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
    pages = (size_t)200000;
    field = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (field == MAP_FAILED)
        SKIP("no address space for the map table: %s", strerror(errno));
    for (size_t i = 0; i < pages; i += 2)
        if (mprotect(field + i * page, page, PROT_READ) != 0)
            return;
    SKIP("the map table has no limit of less than %zu", pages);
}

static size_t pick(uint64_t *seed)
{
    uint64_t r = t_random(seed);
    switch (r % 10) {
    case 0:
        return (r >> 8) % 3000000;
    case 1:
        return (r >> 8) % 200000;
    case 2:
        return (r >> 8) % 30000;
    default:
        return (r >> 8) % 2000;
    }
}

/* How many calls were refused. */
static long work(uint64_t seed, int steps)
{
    long refused = 0;
    for (int step = 0; step < steps; step++) {
        unsigned i = t_random(&seed) % slots;
        size_t size = pick(&seed);
        errno = 0;
        unsigned char *fresh;
        if (t_random(&seed) % 3 == 0) {
            fresh = realloc(block[i], size + 1);
            if (!fresh) {
                CHECK(errno == ENOMEM, "realloc: errno %d", errno);
                CHECK(t_holds(block[i], size_of[i] < 300 ? size_of[i] : 300, i), "refused realloc");
                refused++;
                continue;
            }
            size_t less = size < size_of[i] ? size : size_of[i];
            CHECK(t_holds(fresh, less < 300 ? less : 300, i), "realloc lost block %u", i);
        } else {
            CHECK(t_holds(block[i], size_of[i] < 300 ? size_of[i] : 300, i), "block %u", i);
            errno = 99;
            free(block[i]);
            CHECK(errno == 99, "free set errno %d", errno);
            fresh = step & 1 ? malloc(size + 1) : calloc(size + 1, 1);
            if (!fresh) {
                CHECK(errno == ENOMEM, "malloc: errno %d", errno);
                refused++;
                size = 0;
            } else if (!(step & 1)) {
                CHECK(t_zero(fresh, size), "calloc(%zu)", size);
            }
        }
        block[i] = fresh;
        size_of[i] = size;
        if (fresh)
            t_fill(fresh, size < 300 ? size : 300, i);
    }
    return refused;
}

static void release_all(void)
{
    for (unsigned i = 0; i < slots; i++) {
        CHECK(t_holds(block[i], size_of[i] < 300 ? size_of[i] : 300, i), "block %u at the end", i);
        free(block[i]);
        block[i] = NULL;
        size_of[i] = 0;
    }
}

int main(void)
{
    work(1, 2000);
    fill_table();
    long refused = work(2, 20000);
    for (int i = 0; i < 50; i++)
        free(malloc(100000));
    malloc_trim(0);
    refused += work(3, 20000);
    munmap(field, pages * page);
    t_say("map table full: %ld of 40000 calls refused", refused);
    long after = work(4, 20000);
    CHECK(after == 0, "%ld calls refused after the table had room again", after);
    release_all();
    malloc_trim(0);
    t_sleep_ms(100);
    long rss = t_rss_kib();
    CHECK(rss < 60 * 1024, "%ld KiB resident after all was freed", rss);
    return t_done();
}

/* mlockall(MCL_FUTURE): what the allocator maps is resident at once, so what
 * it maps must follow what the program uses.
 */
#include "t.h"
#include <malloc.h>
#include <sys/mman.h>

static void in_small_blocks(size_t total)
{
    static const size_t sizes[] = {16, 24, 40, 64, 100, 200, 500, 1000, 3000};
    size_t live = 0;
    for (unsigned i = 0; live < total; i++) {
        size_t size = sizes[i % (sizeof sizes / sizeof *sizes)];
        void *block = malloc(size);
        REQUIRE(block, "malloc(%zu) with %zu live: errno %d", size, live, errno);
        memset(block, 1, size);
        live += size;
    }
}

/* Guards and the table of the quarantine are mapped, and with that resident. */
static long hardened_kib(void)
{
    return t_hardens(NULL) ? 1024 : 0;
}

int main(int argc, char **argv)
{
    int flags = argc > 1 && !strcmp(argv[1], "current") ? MCL_CURRENT | MCL_FUTURE : MCL_FUTURE;
    if (mlockall(flags) != 0)
        SKIP("mlockall: %s", strerror(errno));
    in_small_blocks(64 << 10);
    long rss = t_rss_kib();
    t_say("64 kB live under mlockall: %ld KiB resident", rss);
    CHECK(rss <= 4 * 1024 + hardened_kib(), "%ld KiB resident", rss);
    void *large = malloc(8 << 20);
    CHECK(large, "8 MiB under mlockall");
    free(large);
    malloc_trim(0);
    rss = t_rss_kib();
    CHECK(rss <= 5 * 1024 + hardened_kib(), "8 MiB freed and trimmed: %ld KiB resident", rss);
    for (int i = 0; i < 3000; i++)
        free(malloc((size_t)i * 30));
    return t_done();
}

/* Memory freed at one size is usable at any other: under a limit of address
 * space, filling up with blocks of B after blocks of A were freed gives at
 * least 90 % of what a fresh process gets.
 */
#include "t.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MIB ((size_t)1 << 20)
enum { limit_mib = 256 };
static const size_t sizes[] = {48, 400, 3000, 12000, 50000, 200000, 2000000};
enum { kinds = sizeof sizes / sizeof *sizes };

/* The list of blocks runs through the blocks: no other memory is needed. */
static size_t fill_up(size_t size, void **list)
{
    size_t count = 0;
    *list = NULL;
    for (void **block; (block = malloc(size)) != NULL; count++) {
        *block = *list;
        *list = block;
    }
    return count * size;
}

static void release(void *list)
{
    while (list) {
        void *next = *(void **)list;
        free(list);
        list = next;
    }
}

/* Bytes of size `to` that fit, after `from` filled the space and was freed. */
static size_t capacity(size_t from, size_t to)
{
    size_t *result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        void *list;
        if (from) {
            fill_up(from, &list);
            release(list);
        }
        *result = fill_up(to, &list);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    CHECK(status == 0, "child: status %x", status);
    size_t bytes = *result;
    munmap(result, 4096);
    return bytes;
}

/* Per cent of the address space that a fresh process gets in blocks. Behind each slab of 64 KiB
 * stands a guard as long; and 9 bytes behind each block make one of 48 B one of 64 B.
 */
static size_t least_share(void)
{
    return t_hardens("guard") ? 30 : 55;
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!getenv("ALLOT_TEST_AGAIN")) {
        struct rlimit both = {limit_mib * MIB, limit_mib * MIB};
        REQUIRE(setrlimit(RLIMIT_AS, &both) == 0, "setrlimit: %d", errno);
        setenv("ALLOT_TEST_AGAIN", "1", 1);
        execv("/proc/self/exe", argv);
        REQUIRE(false, "execv: %d", errno);
    }
    for (int to = 0; to < kinds; to++) {
        size_t fresh = capacity(0, sizes[to]);
        CHECK(fresh >= limit_mib * MIB * least_share() / 100, "%zu MiB in blocks of %zu",
              fresh / MIB, sizes[to]);
        for (int from = 0; from < kinds; from++) {
            size_t after = capacity(sizes[from], sizes[to]);
            CHECK(after >= fresh / 10 * 9, "blocks of %zu after %zu: %zu of %zu KiB", sizes[to],
                  sizes[from], after / 1024, fresh / 1024);
        }
    }
    return t_done();
}

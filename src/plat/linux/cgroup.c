/* The memory that the process may use: the machine's, or less when a control group says so.
 *
 * A limit holds for everything below it, so the path of the group is walked up to the root. In a
 * container the path may name what is not visible there; the root of what is visible then has the
 * container's limit. */
#include <sys/sysinfo.h>

#include "plat/linux/linux.h"

enum { PATH_BYTES = 512 };

/* The number in a file that holds a number or "max"; UINT64_MAX otherwise. */
static uint64_t limit_in_file(const char *path)
{
    char text[32];
    const char *end = text;
    uint64_t v;

    if (ali_os_read_file(path, text, sizeof text) <= 0)
        return UINT64_MAX;
    while (*end != 0 && *end != '\n')
        end++;
    return ali_parse_u64(text, end, &v) ? v : UINT64_MAX;
}

/* Smallest limit on the way from root/group up to root. */
static uint64_t limit_on_path(const char *root, const char *group, size_t group_length,
                              const char *file)
{
    uint64_t limit = UINT64_MAX;

    for (;;) {
        char path[PATH_BYTES];
        struct ali_text t;

        ali_text_init(&t, path, sizeof path);
        ali_text_printf(&t, "%s%.*s/%s", root, (int)group_length, group, file);
        if (!t.cut)
            limit = ali_min(limit, limit_in_file(path));
        if (group_length == 0)
            return limit;
        while (group_length > 0 && group[--group_length] != '/')
            ;
    }
}

/* Whether a comma-separated list has the word. */
static bool list_has(const char *list, const char *end, const char *word)
{
    const size_t length = strlen(word);

    while (list < end) {
        const char *stop = memchr(list, ',', (size_t)(end - list));

        stop = stop != NULL ? stop : end;
        if ((size_t)(stop - list) == length && memcmp(list, word, length) == 0)
            return true;
        list = stop + 1;
    }
    return false;
}

static uint64_t limit_under(const char *root, const char *below, const char *group, size_t length,
                            const char *file)
{
    char path[PATH_BYTES];
    struct ali_text t;

    if (length == 1) /* "/" is the root itself */
        length = 0;
    ali_text_init(&t, path, sizeof path);
    ali_text_printf(&t, "%s%s", root, below);
    return limit_on_path(path, group, length, file);
}

/* One line: "0::/group" (version 2) or "4:cpu,memory:/group" (version 1). */
static uint64_t limit_of_line(const char *line, const char *end, const char *root)
{
    const char *controllers = memchr(line, ':', (size_t)(end - line));
    const char *group =
        controllers != NULL ? memchr(controllers + 1, ':', (size_t)(end - controllers - 1)) : NULL;
    size_t length;

    if (group == NULL)
        return UINT64_MAX;
    controllers++;
    length = (size_t)(end - group - 1);
    if (controllers == group)
        return ali_min(limit_under(root, "", group + 1, length, "memory.max"),
                       limit_under(root, "/unified", group + 1, length, "memory.max"));
    if (list_has(controllers, group, "memory"))
        return limit_under(root, "/memory", group + 1, length, "memory.limit_in_bytes");
    return UINT64_MAX;
}

uint64_t ali_cgroup_limit(const char *cgroups, const char *root)
{
    uint64_t limit = UINT64_MAX;

    while (*cgroups != 0) {
        const char *end = strchr(cgroups, '\n');

        end = end != NULL ? end : cgroups + strlen(cgroups);
        limit = ali_min(limit, limit_of_line(cgroups, end, root));
        cgroups = *end != 0 ? end + 1 : end;
    }
    return limit;
}

uint64_t ali_os_memory_bytes(void)
{
    char cgroups[2048];
    struct sysinfo info;
    uint64_t machine;
    uint64_t limit = UINT64_MAX;

    memset(&info, 0, sizeof info);
    if (ali_sys1(SYS_sysinfo, ALI_ARG(&info)) != 0)
        info.totalram = 0;
    machine = (uint64_t)info.totalram * (info.mem_unit != 0 ? info.mem_unit : 1);
    if (ali_os_read_file("/proc/self/cgroup", cgroups, sizeof cgroups) > 0)
        limit = ali_cgroup_limit(cgroups, "/sys/fs/cgroup");
    if (machine == 0)
        return limit == UINT64_MAX ? 0 : limit;
    return ali_min(machine, limit);
}

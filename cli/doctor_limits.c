/* allot doctor: what this process is allowed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "doctor.h"

enum { MAPS_USUAL = 65530 };

static void look_overcommit(struct finding *f)
{
    char line[16];

    if (!read_line("/proc/sys/vm/overcommit_memory", line, sizeof line))
        find_reduced(f, "unknown", "/proc/sys is not readable.");
    else if (strcmp(line, "2") == 0)
        find_reduced(f, "2 (strict)",
                     "Memory counts when it is mapped, not when it is used: allocations may fail "
                     "while memory is free. Programs see NULL and ENOMEM.");
    else
        find_ok(f, "%s (%s)", line, strcmp(line, "1") == 0 ? "always" : "heuristic");
}

static void look_map_count(struct finding *f)
{
    char line[32];

    if (!read_line("/proc/sys/vm/max_map_count", line, sizeof line))
        find_reduced(f, "unknown", "/proc/sys is not readable.");
    else if (strtol(line, NULL, 10) < MAPS_USUAL)
        find_reduced(f, line,
                     "Less than the usual 65530: harden=guard, and programs with many "
                     "mappings, may reach it. As root: sysctl vm.max_map_count=65530");
    else
        find_ok(f, "%s", line);
}

/* One limit; `what` happens when it is set. */
static void look_limit(struct finding *f, int resource, const char *why)
{
    struct rlimit limit;
    char text[32];

    if (getrlimit((__typeof__(RLIMIT_AS))resource, &limit) != 0) {
        find_reduced(f, "unknown", "getrlimit failed.");
    } else if (limit.rlim_cur == RLIM_INFINITY) {
        find_ok(f, "none");
    } else {
        bytes_text(limit.rlim_cur, text, sizeof text);
        find_reduced(f, text, why);
    }
}

static void look_address_space(struct finding *f)
{
    look_limit(f, RLIMIT_AS, "Allocations fail when all mappings together reach this (ulimit -v).");
}

static void look_data(struct finding *f)
{
    look_limit(f, RLIMIT_DATA, "Allocations fail when data reach this (ulimit -d).");
}

static void look_locked(struct finding *f)
{
    struct rlimit limit;
    char text[32] = "unlimited";

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        find_reduced(f, "unknown", "getrlimit failed.");
        return;
    }
    if (limit.rlim_cur != RLIM_INFINITY)
        bytes_text(limit.rlim_cur, text, sizeof text);
    find_ok(f, "%s", text);
}

static void look_core(struct finding *f)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0)
        find_ok(f, "off: no core file after a report (ulimit -c)");
    else
        find_ok(f, "on");
}

/* --- container ----------------------------------------------------------------------------- */

/* The group of this process in the unified hierarchy. */
static bool own_group(char *group, size_t bytes)
{
    char line[512];
    FILE *file = fopen("/proc/self/cgroup", "re");
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(group, bytes, "%s", line + 3);
            found = true;
        }
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* The lowest memory.max from the group up to the root; UINT64_MAX when there is none. */
static uint64_t group_limit(char *group)
{
    uint64_t lowest = UINT64_MAX;

    for (;;) {
        char path[1024], line[64];
        char *slash;

        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        if (read_line(path, line, sizeof line) && strcmp(line, "max") != 0) {
            uint64_t limit = strtoull(line, NULL, 10);

            if (limit < lowest)
                lowest = limit;
        }
        slash = strrchr(group, '/');
        if (slash == NULL)
            return lowest;
        *slash = '\0';
    }
}

static void look_container(struct finding *f)
{
    char group[512], text[32];
    uint64_t limit;

    if (!own_group(group, sizeof group)) {
        find_ok(f, "no unified cgroup hierarchy");
        return;
    }
    limit = group_limit(group);
    if (limit == UINT64_MAX) {
        find_ok(f, "no memory limit");
        return;
    }
    bytes_text(limit, text, sizeof text);
    find_ok(f, "memory limit %s (limit=25%% is of this)", text);
}

static void look_pressure(struct finding *f)
{
    char line[128];

    if (read_line("/proc/pressure/memory", line, sizeof line))
        find_ok(f, "works");
    else
        find_reduced(f, "none",
                     "No pressure figures (kernel built without PSI, or psi=0); nothing "
                     "depends on them yet.");
}

size_t limit_checks(const struct check **checks)
{
    static const struct check table[] = {
        {"overcommit", "overcommit", look_overcommit},
        {"max_map_count", "mappings", look_map_count},
        {"rlimit_as", "RLIMIT_AS", look_address_space},
        {"rlimit_data", "RLIMIT_DATA", look_data},
        {"rlimit_memlock", "RLIMIT_MEMLOCK", look_locked},
        {"rlimit_core", "core files", look_core},
        {"cgroup", "container", look_container},
        {"pressure", "memory pressure", look_pressure},
    };

    *checks = table;
    return sizeof table / sizeof table[0];
}

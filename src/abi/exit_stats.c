/* The statistics at exit (options stats and stats_out). */
#include "abi/abi.h"

#include "abi/stats_out.h"

#define PATH_BYTES 512

static struct ali_os_kept kept_stderr = {.fd = -1};

void ali_exit_stats_start(void)
{
    /* Many programs close stderr in an exit handler, which runs before ours. */
    if (ali_options.stats != ALI_STATS_OFF && ali_options.stats_path[0] == '\0')
        ali_os_keep_fd(2, &kept_stderr);
}

/* stats_out with %p and %e filled in. */
static void expand_path(char *path, size_t bytes)
{
    char name[64];
    struct ali_text t;

    ali_text_init(&t, path, bytes);
    for (const char *p = ali_options.stats_path; *p != '\0'; p++) {
        if (p[0] == '%' && p[1] == 'p') {
            ali_text_u64(&t, ali_os_process_id());
            p++;
        } else if (p[0] == '%' && p[1] == 'e') {
            ali_process_name(name, sizeof name);
            for (const char *q = name; *q != '\0'; q++)
                ali_text_char(&t, (char)(*q == '/' ? '_' : *q));
            p++;
        } else {
            ali_text_char(&t, *p);
            p += p[0] == '%' && p[1] == '%';
        }
    }
}

static void complain(const char *path)
{
    char line[PATH_BYTES + 64];
    struct ali_text t;

    ali_text_init(&t, line, sizeof line);
    ali_text_printf(&t, "allot: cannot write statistics to %s\n", path);
    ali_os_write(2, line, ali_text_length(&t));
}

static void say_unused(void)
{
    static const char line[] =
        "allot: the program has a malloc of its own; the one put before it served nothing\n";
    int fd = ali_os_kept_fd(&kept_stderr);

    if (fd < 0)
        return;
    ali_os_write(fd, line, sizeof line - 1);
    ali_os_close(fd);
}

static int open_output(void)
{
    char path[PATH_BYTES];
    int fd;

    if (ali_options.stats_path[0] == '\0')
        return ali_os_kept_fd(&kept_stderr);
    expand_path(path, sizeof path);
    fd = ali_os_create(path);
    if (fd < 0)
        complain(path);
    return fd;
}

/* A program may bring a malloc of its own, which may be another copy of this one: then that has
 * something to tell, and writes to the same place. */
static bool serves_program(void)
{
    union {
        void *data;
        __typeof__(ali_abi_malloc) *code;
    } first = {.data = ali_os_global_function("malloc")};

    return first.data == NULL || first.code == ali_abi_malloc;
}

__attribute__((destructor(101))) static void say_statistics(void)
{
    struct ali_snapshot *snapshot;
    int fd;

    if (ali_options.stats == ALI_STATS_OFF)
        return;
    if (!serves_program()) {
        say_unused();
        return;
    }
    fd = open_output();
    if (fd < 0)
        return;
    snapshot = ali_snapshot_take(ali_sink_fd, &fd);
    if (snapshot != NULL) {
        if (ali_options.stats == ALI_STATS_JSON)
            ali_stats_json(snapshot, "at exit");
        else
            ali_stats_text(snapshot, "at exit");
        ali_snapshot_give(snapshot);
    }
    ali_os_close(fd);
}

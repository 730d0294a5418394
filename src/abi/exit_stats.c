/* What happens at exit: the trace ends, and the statistics are told (options stats, stats_out). */
#include "abi/abi.h"

static struct ali_os_kept kept_stderr = {.fd = -1};

void ali_exit_stats_start(void)
{
    /* Many programs close stderr in an exit handler, which runs before ours. */
    if (ali_options.stats != ALI_STATS_OFF && ali_options.stats_path[0] == '\0')
        ali_os_keep_fd(2, &kept_stderr);
}

static void complain(const char *path)
{
    char line[ALI_PATH_BYTES + 64];
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
    char path[ALI_PATH_BYTES];
    int fd;

    if (ali_options.stats_path[0] == '\0')
        return ali_os_kept_fd(&kept_stderr);
    ali_path_expand(ali_options.stats_path, path, sizeof path);
    fd = ali_os_create(path);
    if (fd < 0)
        complain(path);
    return fd;
}

bool ali_abi_serves_program(void)
{
    union {
        void *data;
        __typeof__(ali_abi_malloc) *code;
    } first = {.data = ali_os_global_function("malloc")};

    return first.data == NULL || first.code == ali_abi_malloc;
}

__attribute__((destructor(101))) static void end(void)
{
    struct ali_snapshot *snapshot;
    int fd;

    ali_process_trace_stop();
    if (ali_options.stats == ALI_STATS_OFF)
        return;
    if (!ali_abi_serves_program()) {
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

/* The trace of the whole process (option trace=): an observer that sees everything and writes it to
 * a file. The observer is told of an allocation before its pointer is handed out and of a free
 * before the place can be taken again, as allot_trace_write wants it. */
#include "profile/profile.h"

#include <errno.h>

#include "core/observe.h"

#define TRIES 1000

static allot_trace *process_trace;
static char process_path[ALI_PATH_BYTES];

static void complain(int error)
{
    char line[ALI_PATH_BYTES + 64];
    struct ali_text t;

    ali_text_init(&t, line, sizeof line);
    ali_text_printf(&t, "allot: cannot write a trace to %s (errno %d)\n", process_path, -error);
    ali_os_write(2, line, ali_text_length(&t));
}

static void write_event(const struct allot_trace_event *event)
{
    int error = allot_trace_write(process_trace, event);

    if (error == 0)
        return;
    ali_observe(NULL);
    if (error != -EPERM && error != -EPIPE) /* a child of fork; the end */
        complain(error);
}

static void on_allocated(const struct ali_event *event, void *arg)
{
    struct allot_trace_event e = {.op =
                                      event->was != NULL ? ALLOT_TRACE_REALLOC : ALLOT_TRACE_ALLOC,
                                  .address = event->p,
                                  .before = event->was,
                                  .size = event->size,
                                  .align = event->align,
                                  .zero = event->zero};

    (void)arg;
    write_event(&e);
}

static void on_freed(const struct ali_event *event, void *arg)
{
    struct allot_trace_event e = {.op = ALLOT_TRACE_FREE, .address = event->p};

    (void)arg;
    if (!event->moved)
        write_event(&e);
}

static const struct ali_observer tracer = {.allocated = on_allocated, .freed = on_freed};

/* A program that the traced one has started finds the file there, and takes one beside it, with its
 * number; one that this process was before, with a second number. */
static int create(void)
{
    struct ali_text t;
    size_t used;
    int error;

    ali_path_expand(ali_options.trace_path, process_path, sizeof process_path);
    used = strlen(process_path);
    error = allot_trace_create(&process_trace, process_path);
    for (uint32_t i = 1; error == -EEXIST && i < TRIES; i++) {
        ali_text_init(&t, process_path + used, sizeof process_path - used);
        ali_text_printf(&t, ".%u", ali_os_process_id());
        if (i > 1)
            ali_text_printf(&t, ".%u", i);
        error = allot_trace_create(&process_trace, process_path);
    }
    return error;
}

void ali_process_trace_start(void)
{
    int error;

    if (ali_options.trace_path[0] == '\0')
        return;
    error = create();
    if (error == 0)
        error = ali_observe(&tracer);
    if (error != 0)
        complain(error);
}

void ali_process_trace_stop(void)
{
    if (process_trace == NULL)
        return;
    ali_observe(NULL);
    ali_trace_finish(process_trace); /* threads may be writing */
}

/* Every call, told to a callback. The numbers put a free before the allocation that gets its place:
 * the one is taken before, the other after. */
#include "alloc/decorate.h"

ALI_IS_DECORATOR(struct allot_logger);

static void tell(allot_allocator *a, struct allot_log_event event)
{
    struct allot_logger *l = (struct allot_logger *)a;

    event.serial = __atomic_add_fetch(&l->serial, 1, __ATOMIC_RELAXED);
    l->log(&event, l->arg);
}

static void *logger_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    void *p = ali_inner_alloc(ali_inner_of(a), size, how, caller);

    tell(a, (struct allot_log_event){.kind = ALLOT_LOG_ALLOC,
                                     .done = p != NULL,
                                     .result = p,
                                     .size = size,
                                     .how = how,
                                     .caller = caller});
    return p;
}

static void logger_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    tell(a, (struct allot_log_event){.kind = ALLOT_LOG_FREE,
                                     .done = true,
                                     .object = p,
                                     .old_size = size,
                                     .how = how,
                                     .caller = caller});
    ali_inner_free(ali_inner_of(a), p, size, how, caller);
}

static bool logger_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    bool done = ali_inner_resize(ali_inner_of(a), p, old_size, new_size, how, caller);

    tell(a, (struct allot_log_event){.kind = ALLOT_LOG_RESIZE,
                                     .done = done,
                                     .object = p,
                                     .result = done ? p : NULL,
                                     .old_size = old_size,
                                     .size = new_size,
                                     .how = how,
                                     .caller = caller});
    return done;
}

static void *logger_remap(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    allot_allocator *inner = ali_inner_of(a);
    void *to = inner->ops->remap(inner, p, old_size, new_size, how, caller);

    tell(a, (struct allot_log_event){.kind = ALLOT_LOG_REMAP,
                                     .done = to != NULL,
                                     .object = p,
                                     .result = to,
                                     .old_size = old_size,
                                     .size = new_size,
                                     .how = how,
                                     .caller = caller});
    return to;
}

static allot_status logger_reset(allot_allocator *a, const void *caller)
{
    allot_status status = ali_inner_reset(ali_inner_of(a), caller);

    tell(a,
         (struct allot_log_event){.kind = ALLOT_LOG_RESET, .done = status == 0, .caller = caller});
    return status;
}

static size_t logger_trim(allot_allocator *a)
{
    size_t bytes = ali_inner_trim(ali_inner_of(a));

    tell(a, (struct allot_log_event){.kind = ALLOT_LOG_TRIM, .done = true, .size = bytes});
    return bytes;
}

static const struct allot_allocator_ops logger_ops = {
    .kind = "logger",
    .alloc = logger_alloc,
    .resize = logger_resize,
    .remap = logger_remap,
    .free = logger_free,
    .usable = ali_pass_usable,
    .owns = ali_pass_owns,
    .trim = logger_trim,
    .reset = logger_reset,
    .stats = ali_pass_stats,
    .visit = ali_pass_visit,
};

void allot_logger_init(struct allot_logger *logger, allot_allocator *inner, allot_log_fn log,
                       void *arg)
{
    memset(logger, 0, sizeof *logger);
    logger->log = log;
    logger->arg = arg;
    ali_decorate(logger, inner, &logger_ops, 0);
    if (logger->under.inner->ops->remap == NULL)
        logger->under.ops.remap = NULL;
}

void allot_logger_release(struct allot_logger *logger)
{
    logger->under.inner = NULL;
}

void allot_log_to_trace(const struct allot_log_event *event, void *trace)
{
    struct allot_trace_event e = {.address = event->result,
                                  .before = event->object,
                                  .size = event->size,
                                  .align = allot_how_align(event->how),
                                  .zero = (event->how & ALLOT_ZERO) != 0};

    if (!event->done || event->kind == ALLOT_LOG_RESET || event->kind == ALLOT_LOG_TRIM)
        return;
    if (event->kind == ALLOT_LOG_ALLOC) {
        e.op = ALLOT_TRACE_ALLOC;
    } else if (event->kind == ALLOT_LOG_FREE) {
        e.op = ALLOT_TRACE_FREE;
        e.address = event->object;
    } else {
        e.op = ALLOT_TRACE_REALLOC;
    }
    (void)allot_trace_write(trace, &e);
}

/* Stacks by turns. */
#include <errno.h>

#include "region/stack.h"

static void *frames_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    allot_stack *now = ((allot_frames *)a)->now;

    return now->base.ops->alloc(&now->base, size, how, caller);
}

static bool frames_resize(allot_allocator *a, void *p, size_t old_size, size_t new_size,
                          allot_how how, const void *caller)
{
    allot_stack *now = ((allot_frames *)a)->now;

    return now->base.ops->resize(&now->base, p, old_size, new_size, how, caller);
}

/* What is freed dies with its frame. */
static void frames_free(allot_allocator *a, void *p, size_t size, allot_how how, const void *caller)
{
    (void)a;
    (void)p;
    (void)size;
    (void)how;
    (void)caller;
}

static int frames_owns(allot_allocator *a, const void *p)
{
    const allot_frames *f = (allot_frames *)a;

    for (size_t i = 0; i < f->count; i++)
        if (allot_stack_owns(&f->stacks[i], p))
            return 1;
    return 0;
}

static size_t frames_trim(allot_allocator *a)
{
    allot_frames *f = (allot_frames *)a;
    size_t bytes = 0;

    for (size_t i = 0; i < f->count; i++)
        bytes += allot_stack_trim(&f->stacks[i]);
    return bytes;
}

static allot_status frames_reset(allot_allocator *a, const void *caller)
{
    allot_frames *f = (allot_frames *)a;

    for (size_t i = 0; i < f->count; i++)
        ali_stack_reset(&f->stacks[i], caller);
    return 0;
}

static void frames_stats(allot_allocator *a, struct allot_allocator_stats *stats)
{
    const allot_frames *f = (allot_frames *)a;

    stats->live_bytes = stats->live_objects = stats->reserved_bytes = stats->failures = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct allot_stack_stats s;

        allot_stack_stats_get(&f->stacks[i], &s);
        stats->live_bytes += s.live_bytes;
        stats->live_objects += s.live_objects;
        stats->reserved_bytes += s.reserved_bytes;
        stats->failures += s.failures;
    }
}

static bool frames_visit(allot_allocator *a, allot_visit_fn visit, void *arg)
{
    allot_frames *f = (allot_frames *)a;

    for (size_t i = 0; i < f->count; i++)
        if (!allot_stack_visit(&f->stacks[i], visit, arg))
            return false;
    return true;
}

static const struct allot_allocator_ops frames_ops = {
    .abi = ALLOT_ALLOCATOR_ABI,
    .caps = ALLOT_CAP_ANY_SIZE | ALLOT_CAP_ANY_ALIGN | ALLOT_CAP_OWNS | ALLOT_CAP_RESET |
            ALLOT_CAP_INDIVIDUAL,
    .kind = "frames",
    .alloc = frames_alloc,
    .resize = frames_resize,
    .free = frames_free,
    .owns = frames_owns,
    .trim = frames_trim,
    .reset = frames_reset,
    .stats = frames_stats,
    .visit = frames_visit,
};

allot_status allot_frames_init(allot_frames *frames, size_t count,
                               const struct allot_stack_options *options)
{
    struct allot_stack_options each = {0};
    allot_status s = 0;

    *frames = (allot_frames){.count = 0};
    if (count < 2 || count > ALLOT_FRAMES_MAX)
        return -EINVAL;
    if (options != NULL)
        each = *options;
    each.buffer_bytes = each.buffer_bytes / count;
    while (frames->count < count && s == 0) {
        s = allot_stack_init(&frames->stacks[frames->count], &each);
        if (each.buffer != NULL)
            each.buffer = (char *)each.buffer + each.buffer_bytes;
        frames->count += s == 0;
    }
    if (s != 0) {
        allot_frames_release(frames);
        return s;
    }
    frames->base.ops = &frames_ops;
    frames->now = &frames->stacks[0];
    return 0;
}

void allot_frames_release(allot_frames *frames)
{
    while (frames->count > 0)
        allot_stack_release(&frames->stacks[--frames->count]);
    *frames = (allot_frames){.count = 0};
}

uint64_t allot_frames_next(allot_frames *frames)
{
    frames->frame++;
    frames->now = &frames->stacks[frames->frame % frames->count];
    ali_stack_reset(frames->now, __builtin_return_address(0));
    return frames->frame;
}

/* The life of an arena: init, reset, release.
 *
 * An arena that is all zero is a good one with the defaults: the first call that comes out of line
 * makes it ready. */
#include "allot/arena.h"

#include <errno.h>

#include "region/region.h"

enum { CHUNK_BYTES = 16 << 10, CHUNK_MAX_BYTES = 1 << 20, CHUNK_MIN_BYTES = 256 };

static void set_defaults(allot_arena *a)
{
    ali_options_init();
    a->base.ops = &allot_arena_ops;
    if (a->chunk_bytes == 0)
        a->chunk_bytes = CHUNK_BYTES;
    if (a->chunk_max_bytes == 0)
        a->chunk_max_bytes = ali_max(CHUNK_MAX_BYTES, a->chunk_bytes);
    a->next_bytes = a->chunk_bytes;
    a->flags |= ALI_ARENA_READY | (ali_os_has_checker() ? ALI_ARENA_CHECKED : 0);
}

void ali_arena_report(const allot_arena *a, enum allot_misuse_kind kind, const char *call,
                      const char *detail, const void *pointer, const void *caller)
{
    struct allot_misuse m = {
        .kind = kind,
        .place = ALLOT_PLACE_UNKNOWN,
        .call = call,
        .pointer = pointer,
        .detail = detail,
        .heap = allot_arena_name(a),
    };

    ali_report_misuse(&m, caller);
}

static void set_error(enum allot_cause cause, int os_error)
{
    ali_error_set(ALLOT_LAYER_REGION, cause, os_error);
    errno = os_error;
}

bool ali_arena_ready(allot_arena *a, const char *call, const void *caller)
{
    if (ali_likely(a->flags & ALI_ARENA_READY))
        return true;
    if (a->flags & ALI_ARENA_RELEASED) {
        ali_arena_report(a, ALLOT_MISUSE_INVALID_REGION, call, "the arena was released", a, caller);
        set_error(ALLOT_CAUSE_UNSUPPORTED, EINVAL);
        return false;
    }
    set_defaults(a);
    return true;
}

bool ali_arena_may_empty(allot_arena *a, const char *call, const void *caller)
{
    if (!ali_arena_ready(a, call, caller))
        return false;
    if (!ali_arena_is_fused(a))
        return true;
    ali_arena_report(a, ALLOT_MISUSE_INVALID_REGION, call,
                     "the arena is fused: others may point into it", a, caller);
    return false;
}

static bool are_good(const struct allot_arena_options *o)
{
    const uint32_t known = ALLOT_ARENA_BUFFER_ONLY | ALLOT_ARENA_BUFFER_IS_ZERO;

    if ((o->flags & ~known) != 0 || (o->buffer == NULL) != (o->buffer_bytes == 0))
        return false;
    if ((o->flags & ALLOT_ARENA_BUFFER_ONLY) && (o->buffer == NULL || o->reserve_bytes != 0))
        return false;
    if (o->chunk_bytes > PTRDIFF_MAX || o->chunk_max_bytes > PTRDIFF_MAX)
        return false;
    return o->chunk_max_bytes == 0 || o->chunk_bytes <= o->chunk_max_bytes;
}

static void take_options(allot_arena *a, const struct allot_arena_options *o)
{
    a->name = o->name;
    a->source = o->source;
    a->limit_bytes = o->limit_bytes;
    a->cleanup = o->cleanup;
    a->cleanup_arg = o->cleanup_arg;
    a->flags = o->flags;
    a->chunk_bytes = o->chunk_bytes != 0 ? ali_max(o->chunk_bytes, CHUNK_MIN_BYTES) : 0;
    a->chunk_max_bytes = ali_max(o->chunk_max_bytes, o->chunk_max_bytes != 0 ? CHUNK_MIN_BYTES : 0);
    if (a->chunk_bytes == 0 && a->chunk_max_bytes != 0)
        a->chunk_bytes = ali_min(a->chunk_max_bytes, CHUNK_BYTES);
}

static allot_status init_failed(allot_arena *a, enum allot_cause cause, int error)
{
    memset(a, 0, sizeof *a);
    a->base.ops = &allot_arena_ops;
    a->flags = ALI_ARENA_RELEASED;
    set_error(cause, -error);
    return error;
}

allot_status allot_arena_init(allot_arena *arena, const struct allot_arena_options *options)
{
    static const struct allot_arena_options none;
    const struct allot_arena_options *o = options != NULL ? options : &none;
    int e;

    if (!are_good(o))
        return init_failed(arena, ALLOT_CAUSE_UNSUPPORTED, -EINVAL);
    memset(arena, 0, sizeof *arena);
    take_options(arena, o);
    set_defaults(arena);
    e = o->reserve_bytes != 0 ? ali_reserve_init(arena, o->reserve_bytes) : 0;
    if (e != 0)
        return init_failed(arena, ali_error_cause(e, o->reserve_bytes), e);
    if (o->buffer != NULL && !ali_chunk_use_buffer(arena, o->buffer, o->buffer_bytes)) {
        ali_reserve_release(arena);
        return init_failed(arena, ALLOT_CAUSE_EXHAUSTED, -EINVAL);
    }
    ali_arena_show(arena);
    return 0;
}

allot_status ali_arena_reset(allot_arena *a, size_t keep_bytes, const void *caller)
{
    if (a->flags & ALI_ARENA_RELEASED) {
        (void)ali_arena_ready(a, "allot_arena_reset", caller);
        return -EINVAL;
    }
    if (ali_unlikely(!(a->flags & ALI_ARENA_READY) || ali_arena_is_fused(a)) &&
        !ali_arena_may_empty(a, "allot_arena_reset", caller))
        return -EBUSY;
    ali_arena_settle(a);
    if (a->due != NULL)
        ali_due_run(a, NULL, caller);
    ali_mark_forget_all(a);
    a->flags &= ~(uint32_t)ALI_ARENA_MIXED;
    ali_chunk_reset(a, keep_bytes);
    ali_arena_show(a);
    return 0;
}

allot_status allot_arena_reset(allot_arena *arena, size_t keep_bytes)
{
    return ali_arena_reset(arena, keep_bytes, __builtin_return_address(0));
}

size_t allot_arena_trim(allot_arena *arena)
{
    size_t bytes;

    if (!ali_arena_ready(arena, "allot_arena_trim", __builtin_return_address(0)))
        return 0;
    ali_arena_settle(arena);
    bytes = ali_chunk_trim(arena, 0);
    if (arena->reserve != NULL)
        bytes += ali_reserve_trim(arena, 0);
    ali_arena_show(arena);
    return bytes;
}

static void free_chunks(allot_arena *a)
{
    ali_chunk_drop_to(a, a->buffer);
    if (a->buffer != NULL) {
        ali_chunk_back_to(a, a->chunk->start, a->chunk->end);
        if (a->flags & ALI_ARENA_CHECKED)
            ali_os_allow(a->buffer, a->buffer->bytes, false);
    }
    ali_chunk_trim(a, 0);
    ali_reserve_release(a);
}

void ali_arena_free_all(allot_arena *a, const void *caller)
{
    ali_due_run(a, NULL, caller);
    free_chunks(a);
    ali_mark_release(a);
}

void allot_arena_release(allot_arena *arena)
{
    const void *caller = __builtin_return_address(0);
    allot_cleanup_fn cleanup = arena->cleanup;
    void *arg = arena->cleanup_arg;
    const char *name = arena->name;

    if (arena->flags & ALI_ARENA_RELEASED)
        return;
    if (arena->own_due != NULL)
        arena->own_due->kind = ALI_DUE_NOTHING;
    if (!ali_group_leave(arena, caller)) {
        ali_arena_free_all(arena, caller);
        if (cleanup != NULL)
            cleanup(arg);
    }
    memset(arena, 0, sizeof *arena);
    arena->base.ops = &allot_arena_ops;
    arena->name = name;
    arena->flags = ALI_ARENA_RELEASED;
}

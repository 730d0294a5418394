/* realloc: in place when the class stays or a span can change its end, by remapping when it is
 * large, by copying otherwise. A block is never kept in a class that malloc would not have chosen
 * for the new size: so a sized free can be checked exactly, and shrinking really gives memory back.
 */
#include "heap/internal.h"

/* What a block for this size would have. */
static size_t block_bytes_for(const struct ali_found *f, size_t size)
{
    size += ali_hardening.extra_bytes;
    if (size <= ALI_SMALL_MAX)
        return f->large == NULL ? ali_classes[ali_class_of(size)].block_bytes : 0;
    return f->large != NULL ? ali_align_up(size, ali_os_page_bytes) : 0;
}

static bool stays(const struct ali_found *f, const struct ali_request *request)
{
    uint8_t state = ali_state_get(f->state);

    /* an observer sees it as a free and an allocation; a large LIVE block changes its end */
    if (ali_state_is_watched(state) || (f->large != NULL && state == ALI_STATE_LIVE))
        return false;
    if (f->block_bytes != block_bytes_for(f, request->size))
        return false;
    if (state == ALI_STATE_HARDENED)
        ali_harden_resize(f, request);
    return true;
}

static void *copy_to_new(struct allot_heap *heap, struct ali_found *f,
                         const struct ali_request *request)
{
    struct ali_request moving = *request;
    size_t have = ali_watch_size(f);
    void *to;

    moving.was = f->block;
    to = ali_heap_serve(heap, &moving);
    if (to == NULL)
        return NULL;
    memcpy(to, f->block, ali_min(have, request->size));
    f->moved = true;
    ali_heap_free_found(f, request->call, request->caller);
    return to;
}

void *ali_realloc_found(struct allot_heap *heap, struct ali_found *f,
                        const struct ali_request *request)
{
    void *p;

    if (!ali_harden_check(f, true, request->call, request->caller))
        return NULL;
    if (ali_guard_is_void_block(f))
        return copy_to_new(&ali_default_heap, f, request);
    if (stays(f, request))
        return f->block;
    if (f->large != NULL && request->size > ALI_SMALL_MAX && request->size <= PTRDIFF_MAX / 2 &&
        ali_state_get(f->state) == ALI_STATE_LIVE && ali_large_resize(f, request, &p))
        return p;
    return copy_to_new(heap, f, request);
}

void *ali_heap_realloc(void *p, size_t size, enum ali_call call, const void *caller)
{
    struct ali_request request = {
        .size = size + (size == 0), .align = 16, .call = call, .caller = caller};
    const struct ali_slab *slab =
        size > ALI_SMALL_MAX || ali_hardens(~0U) ? NULL : ali_find_plain(p);
    struct allot_heap *heap;
    struct ali_found found;

    if (slab != NULL && slab->class_index == ali_class_of(request.size))
        return p;
    if (!ali_find_live(p, &found)) {
        ali_heap_blame(ALLOT_MISUSE_INVALID_REALLOC, p, call, caller);
        return NULL;
    }
    if (size > PTRDIFF_MAX) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return NULL;
    }
    heap = ali_found_heap(&found);
    return ali_realloc_found(heap == NULL ? &ali_default_heap : heap, &found, &request);
}

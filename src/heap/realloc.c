/* realloc: in place when the class stays or a span can change its end, by remapping when it is
 * large, by copying otherwise. A block is never kept in a class that malloc would not have chosen
 * for the new size: so a sized free can be checked exactly, and shrinking really gives memory back.
 */
#include "heap/internal.h"

#include <errno.h>

/* The class that would serve the request; ALI_CLASS_COUNT: a large block would. */
static unsigned class_for(const struct ali_request *request)
{
    size_t size = request->size + ali_hardening.extra_bytes;

    if (request->align > 16)
        return ali_class_aligned(size, request->align);
    return size <= ALI_SMALL_MAX ? ali_class_of(size) : ALI_CLASS_COUNT;
}

/* Whether a new block would be like this one. */
static bool fits(const struct ali_found *f, const struct ali_request *request)
{
    unsigned class_index = class_for(request);

    if (f->large == NULL)
        return class_index == f->slab->class_index;
    return class_index == ALI_CLASS_COUNT &&
           f->block_bytes ==
               ali_align_up(request->size + ali_hardening.extra_bytes, ali_os_page_bytes);
}

/* From this on pages are given back instead of written: they read zero then, and cost nothing. */
#define ZERO_BY_PURGE_BYTES ALI_MIB

/* A block that had `have` bytes stays, or was remapped: what it has more. */
static void zero_more(char *p, size_t have, const struct ali_request *request)
{
    size_t more;

    if (!request->zero || request->size <= have)
        return;
    more = request->size - have;
    if (more < ZERO_BY_PURGE_BYTES || !ali_span_purge_pages(ali_span_at(ali_region_offset(p)), have,
                                                            ali_align_up(more, ali_os_page_bytes)))
        memset(p + have, 0, more);
}

static bool stays(const struct ali_found *f, const struct ali_request *request)
{
    uint8_t state = ali_state_get(f->state);

    /* an observer sees it as a free and an allocation; a large LIVE block changes its end */
    if (ali_state_is_watched(state) || (f->large != NULL && state == ALI_STATE_LIVE))
        return false;
    if (!fits(f, request))
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

/* Whether the span may change its size for this: it stays a large block. */
static bool is_span_matter(const struct ali_found *f, const struct ali_request *request)
{
    return f->large != NULL && request->size <= PTRDIFF_MAX / 2 &&
           class_for(request) == ALI_CLASS_COUNT && ali_state_get(f->state) == ALI_STATE_LIVE;
}

bool ali_resize_found(struct ali_found *f, const struct ali_request *request)
{
    size_t have = ali_watch_size(f);
    void *p;

    if (ali_guard_is_void_block(f) || ali_harden_is_damaged(f))
        return false;
    if (!stays(f, request) && (!is_span_matter(f, request) ||
                               !ali_large_resize(f, request, ALI_LARGE_STAY, &p) || p == NULL))
        return false;
    zero_more(f->block, have, request);
    return true;
}

/* False: it must be copied; else *p is the block, or NULL. */
static bool resize_span(struct ali_found *f, const struct ali_request *request, void **p)
{
    /* a span that moves is aligned to a slice and no further */
    enum ali_large_place place =
        request->align > ALI_SLICE_BYTES ? ALI_LARGE_STAY_OR_COPY : ALI_LARGE_MOVE;

    return is_span_matter(f, request) && ali_large_resize(f, request, place, p);
}

void *ali_realloc_found(struct allot_heap *heap, struct ali_found *f,
                        const struct ali_request *request)
{
    size_t have = ali_watch_size(f);
    void *p = f->block;

    if (!ali_harden_check(f, true, request->call, request->caller))
        return NULL;
    if (ali_guard_is_void_block(f))
        return copy_to_new(&ali_default_heap, f, request);
    if (!stays(f, request) && !resize_span(f, request, &p))
        return copy_to_new(heap, f, request);
    if (p != NULL)
        zero_more(p, have, request);
    return p;
}

static int renew(void **p, const struct ali_request *request)
{
    struct allot_heap *heap;
    struct ali_found found;
    void *to;

    if (!ali_find_live(*p, &found)) {
        ali_heap_blame(ALLOT_MISUSE_INVALID_REALLOC, *p, request->call, request->caller);
        return -EINVAL;
    }
    if (request->size > PTRDIFF_MAX) {
        ali_error_set(ALLOT_LAYER_PROGRAM, ALLOT_CAUSE_TOO_LARGE, 0);
        return -ENOMEM;
    }
    heap = ali_found_heap(&found);
    to = ali_realloc_found(heap == NULL ? &ali_default_heap : heap, &found, request);
    if (to == NULL)
        return -ENOMEM;
    *p = to;
    return 0;
}

int ali_heap_renew(void **p, size_t size, enum ali_call call, const void *caller)
{
    struct ali_request request = {
        .size = size + (size == 0), .align = 16, .call = call, .caller = caller};
    const struct ali_slab *slab =
        size > ALI_SMALL_MAX || ali_hardens(~0U) ? NULL : ali_find_plain(*p);

    if (slab != NULL && slab->class_index == ali_class_of(request.size))
        return 0;
    return renew(p, &request);
}

void *ali_heap_realloc(void *p, size_t size, enum ali_call call, const void *caller)
{
    return ali_heap_renew(&p, size, call, caller) == 0 ? p : NULL;
}

/* Reserve and commit: one range of address space, made usable from below as it is needed.
 *
 *     reserve  [ chunk | chunk ... used )  committed )        reserve_bytes )
 *
 * The last chunk grows where it is, up to what is committed; only behind strings, which lie at the
 * end of a chunk, a further chunk begins. */
#include <errno.h>

#include "region/region.h"

int ali_reserve_init(allot_arena *a, size_t bytes)
{
    int error;

    ali_os_init();
    if (bytes > PTRDIFF_MAX - ali_os_page_bytes)
        return -ENOMEM;
    bytes = ali_align_up(bytes, ali_os_page_bytes);
    a->reserve = ali_os_map(bytes, ALI_OS_NONE, &error);
    if (a->reserve == NULL)
        return error;
    a->reserve_bytes = bytes;
    return 0;
}

static bool fail(enum allot_cause cause)
{
    ali_error_set(ALLOT_LAYER_REGION, cause, 0);
    errno = ENOMEM;
    return false;
}

static bool commit_to(allot_arena *a, size_t end)
{
    size_t bytes = end - a->reserve_committed;
    int e = ali_os_protect(a->reserve + a->reserve_committed, bytes, ALI_OS_READ_WRITE);

    if (e != 0) {
        ali_error_set_os(ALLOT_LAYER_REGION, e, bytes);
        errno = ENOMEM;
        return false;
    }
    a->reserve_committed = end;
    a->taken_bytes += bytes;
    a->peak_bytes = ali_max(a->peak_bytes, a->taken_bytes);
    return true;
}

/* Commits so that offsets below `end` can be used: a good deal at once if that can be had. */
static bool need_to(allot_arena *a, size_t end)
{
    size_t least, most, want;

    if (end <= a->reserve_committed)
        return true;
    if (end > a->reserve_bytes)
        return fail(ALLOT_CAUSE_EXHAUSTED);
    least = ali_align_up(end, ali_os_page_bytes);
    most = a->reserve_bytes;
    if (a->limit_bytes != 0)
        most = ali_min(most, ali_align_down(a->limit_bytes, ali_os_page_bytes));
    if (least > most)
        return fail(ALLOT_CAUSE_LIMIT);
    want = ali_align_up(a->reserve_committed + a->next_bytes, ali_os_page_bytes);
    want = ali_min(ali_max(want, least), most);
    if (!commit_to(a, want) && (want == least || !commit_to(a, least)))
        return false;
    a->next_bytes = ali_min(2 * a->next_bytes, a->chunk_max_bytes);
    return true;
}

/* The first address that reads zero, in a chunk that ends with what is committed. */
static char *dirty_from(const allot_arena *a)
{
    return a->reserve + ali_min(a->reserve_dirty, a->reserve_committed);
}

static bool grow_last(allot_arena *a, size_t bytes)
{
    struct allot_arena_chunk *c = a->chunk;

    if (!need_to(a, (size_t)(a->at - a->reserve) + bytes))
        return false;
    if ((a->flags & ALI_ARENA_CHECKED) && c->end != a->reserve + a->reserve_committed)
        ali_os_forbid(c->end, (size_t)(a->reserve + a->reserve_committed - c->end));
    c->end = a->top = a->reserve + a->reserve_committed;
    c->bytes = (size_t)(c->end - (char *)c);
    if (dirty_from(a) > c->dirty)
        c->dirty = a->dirty = dirty_from(a);
    a->reserve_used = a->reserve_committed;
    return true;
}

bool ali_reserve_add(allot_arena *a, size_t bytes)
{
    struct allot_arena_chunk *c = a->chunk;
    size_t start = a->reserve_used;

    if (c != NULL && (c->flags & ALI_CHUNK_RESERVED) && a->top == c->end)
        return grow_last(a, bytes);
    if (bytes > a->reserve_bytes || !need_to(a, start + sizeof *c + bytes))
        return bytes > a->reserve_bytes ? fail(ALLOT_CAUSE_EXHAUSTED) : false;
    c = (struct allot_arena_chunk *)(void *)(a->reserve + start);
    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(c, sizeof *c, false);
    ali_chunk_add_reserved(a, c, a->reserve_committed - start, dirty_from(a));
    a->reserve_used = a->reserve_committed;
    return true;
}

void ali_reserve_drop(allot_arena *a, const struct allot_arena_chunk *chunk)
{
    a->reserve_used = (size_t)((const char *)chunk - a->reserve);
    a->reserve_dirty = ali_max(a->reserve_dirty, (size_t)(chunk->dirty - a->reserve));
}

/* The last chunk ends with the page that `at` is in. */
static void cut_last(allot_arena *a)
{
    struct allot_arena_chunk *c = a->chunk;
    size_t used;

    if (c == NULL || !(c->flags & ALI_CHUNK_RESERVED) || a->top != c->end)
        return;
    ali_chunk_save(a);
    a->reserve_dirty = ali_max(a->reserve_dirty, (size_t)(c->dirty - a->reserve));
    used = ali_align_up((size_t)(a->at - a->reserve), ali_os_page_bytes);
    c->end = c->top = a->top = a->reserve + ali_min(used, a->reserve_used);
    c->bytes = (size_t)(c->end - (char *)c);
    if (c->dirty > c->end)
        c->dirty = a->dirty = c->end;
    a->reserve_used = (size_t)(c->end - a->reserve);
}

size_t ali_reserve_trim(allot_arena *a, size_t keep_bytes)
{
    size_t keep, bytes;
    char *from;

    cut_last(a);
    keep = ali_max(a->reserve_used, keep_bytes);
    if (keep >= a->reserve_committed)
        return 0;
    keep = ali_align_up(keep, ali_os_page_bytes);
    from = a->reserve + keep;
    bytes = a->reserve_committed - keep;
    if (bytes == 0)
        return 0;
    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(from, bytes, false);
    if (ali_os_purge(from, bytes) != 0)
        return 0; /* locked: it stays committed, and is not zero */
    a->reserve_dirty = ali_min(a->reserve_dirty, keep);
    if (ali_os_protect(from, bytes, ALI_OS_NONE) != 0)
        return 0;
    a->reserve_committed = keep;
    a->taken_bytes -= bytes;
    return bytes;
}

void ali_reserve_release(allot_arena *a)
{
    if (a->reserve == NULL)
        return;
    if (a->flags & ALI_ARENA_CHECKED)
        ali_os_allow(a->reserve, a->reserve_bytes, false);
    (void)ali_os_unmap(a->reserve, a->reserve_bytes);
    a->reserve = NULL;
}

/* Pages back from part-used slabs.
 *
 * Any thread may do it to a PARKED slab: nobody hands out blocks of one, and frees that go on
 * meanwhile only make more blocks free. A page goes when every block that touches it is free. */
#include "heap/internal.h"
#include "heap/mask.h"

/* A block keeps this much, and an eighth of its slabs, free in listed slabs under half used. */
#define SPARSE_MIN_BYTES ((size_t)2 << 20)

struct run {
    size_t first_bytes; /* page aligned, from the slab's start */
    size_t end_bytes;
};

/* The pages wholly inside free blocks [first, end). */
static struct run pages_of(const struct ali_slab *slab, size_t first, size_t end, size_t slab_bytes)
{
    struct run r;

    r.first_bytes = ali_align_up(first * slab->block_bytes, ali_os_page_bytes);
    r.end_bytes = end == slab->count ? slab_bytes /* what is behind the last block is nobody's */
                                     : ali_align_down(end * slab->block_bytes, ali_os_page_bytes);
    return r;
}

/* Index of the first block at or after `i` whose being free is `want`. */
static size_t find_block(const struct ali_slab *slab, size_t i, bool want)
{
    while (i < slab->count) {
        uint64_t mask = ali_states_free_mask(slab->states + ali_align_down(i, ALI_WORD_BLOCKS));

        mask = (want ? mask : ~mask) >> (i % ALI_WORD_BLOCKS);
        if (mask != 0)
            return ali_min(i + ali_low_bit(mask), slab->count);
        i = ali_align_down(i, ALI_WORD_BLOCKS) + ALI_WORD_BLOCKS;
    }
    return slab->count;
}

static size_t purge_free_runs(struct ali_slab *slab)
{
    struct ali_span *span = ali_slab_span(slab);
    size_t slab_bytes = (size_t)ali_classes[slab->class_index].slices << ALI_SLICE_SHIFT;
    size_t purged = 0;
    size_t first, end;

    for (first = find_block(slab, 0, true); first < slab->count;
         first = find_block(slab, end, true)) {
        struct run r;

        end = find_block(slab, first, false);
        r = pages_of(slab, first, end, slab_bytes);
        if (r.end_bytes > r.first_bytes &&
            ali_span_purge_pages(span, r.first_bytes, r.end_bytes - r.first_bytes))
            purged += r.end_bytes - r.first_bytes;
    }
    return purged;
}

size_t ali_slab_purge(struct ali_slab *slab)
{
    uint8_t parked = ALI_MODE_PARKED;
    size_t purged;

    /* acquire: pairs with the release of park(): blocks handed out before are seen as live.
     * From here to the store below the slab can neither be activated nor released. */
    if (!atomic_compare_exchange_strong_explicit(&slab->mode, &parked, ALI_MODE_PURGING,
                                                 memory_order_acquire, memory_order_relaxed))
        return 0;
    purged = purge_free_runs(slab);
    /* acquire: see want() */
    if (atomic_exchange_explicit(&slab->mode, ALI_MODE_PARKED, memory_order_acq_rel) ==
        ALI_MODE_WANTED)
        ali_slab_tell(slab);
    return purged;
}

static size_t free_bytes(const struct ali_slab *slab)
{
    int32_t free_blocks = slab->count - ali_slab_used(slab);

    return free_blocks <= 0 ? 0 : (size_t)free_blocks * slab->block_bytes;
}

void ali_sparse_forget(struct ali_block *b, struct ali_slab *slab)
{
    b->sparse_bytes -= slab->sparse_bytes;
    slab->sparse_bytes = 0;
    slab->purged_bytes = 0;
}

static void purge_counted(struct ali_block *b, struct ali_slab *slab)
{
    b->sparse_bytes -= slab->sparse_bytes;
    slab->sparse_bytes = 0;
    slab->purged_bytes = (uint32_t)free_bytes(slab);
    ali_slab_purge(slab);
}

/* Classes in turn, the slabs listed longest ago first. */
static void purge_down_to(struct ali_block *b, size_t keep_bytes)
{
    unsigned i;

    for (i = 0; i < ALI_CLASS_COUNT && b->sparse_bytes > keep_bytes; i++) {
        uint32_t index = b->partial_last[b->sparse_class];

        while (index != 0 && b->sparse_bytes > keep_bytes) {
            struct ali_slab *slab = ali_slab_by_index(index);

            index = slab->prev;
            if (slab->sparse_bytes != 0)
                purge_counted(b, slab);
        }
        b->sparse_class = (b->sparse_class + 1) % ALI_CLASS_COUNT;
    }
}

void ali_sparse_note(struct ali_block *b, struct ali_slab *slab)
{
    size_t now = free_bytes(slab);
    size_t keep = SPARSE_MIN_BYTES + b->slab_bytes / 8;

    if (slab->block_bytes * 64 < ali_os_page_bytes)
        return; /* so many blocks to a page that hardly one is ever free as a whole */
    now = now > slab->purged_bytes ? now - slab->purged_bytes : 0;
    if (now < ali_os_page_bytes)
        return;
    b->sparse_bytes += now;
    b->sparse_bytes -= slab->sparse_bytes;
    slab->sparse_bytes = (uint32_t)now;
    if (b->sparse_bytes > keep)
        purge_down_to(b, keep / 2);
}

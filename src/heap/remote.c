/* Frees of blocks that belong to another thread.
 *
 * Freeing itself is one release store of the state byte (free.c). What is left is to tell the
 * owner, in batches: a small private table counts, publish() adds a batch to the slab's
 * remote_freed, and when that reaches the threshold the slab goes to its owner's inbox once.
 *
 *   publisher: remote_freed += n (acq_rel)          owner: link = OPEN
 *              sum >= threshold and link OPEN -> QUEUED?      remote_freed -> 0 (acq_rel)
 *              push on holder's inbox (acq_rel)               act on the counts
 *
 * The owner opens the link before it collects, so a batch added after the collection finds it OPEN
 * and is pushed again: no count is lost. For the same reason whoever lowers the threshold looks at
 * remote_freed afterwards (ali_slab_recheck). Counts are hints all the same; see slab.c for the
 * checks on the states before anything is given back.
 *
 * A table entry may name a slab that has gone, or whose slices are another slab by now. The words
 * touched here outlive slabs (slab.h), and a link that is not OPEN takes no push: CLOSED while the
 * slices are no slab or the slab goes or changes hands. So while it is QUEUED the holder stays, and
 * an inbox holds slabs of its own block only. docs/REMOTE-FREE.md has the whole argument. */
#include "heap/internal.h"

static void push(struct ali_block *b, struct ali_slab *slab)
{
    uint32_t index = ali_slab_index(slab);
    uint32_t head = atomic_load_explicit(&b->inbox, memory_order_relaxed);

    do {
        atomic_store_explicit(&slab->inbox_next, head, memory_order_relaxed);
        /* release: pairs with the acquire in ali_inbox_drain, which reads inbox_next. acquire: with
         * the read of inbox in ali_parked_give, one of the two sees what the other did. */
    } while (!atomic_compare_exchange_weak_explicit(&b->inbox, &head, index, memory_order_acq_rel,
                                                    memory_order_relaxed));
}

/* Nobody would look into the inbox of a block whose thread has ended: look for it. */
static void serve_parked(struct ali_block *b)
{
    if (ali_parked_take_this(b)) {
        ali_inbox_drain(b);
        ali_parked_give(b);
    }
}

void ali_slab_tell(struct ali_slab *slab)
{
    uint8_t open = ALI_LINK_OPEN;
    struct ali_block *holder;
    size_t bytes;

    /* acquire: pairs with the release in ali_slab_open, so that this is the holder it opened for */
    if (!atomic_compare_exchange_strong_explicit(&slab->link, &open, ALI_LINK_QUEUED,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return;
    holder = atomic_load_explicit(&slab->holder, memory_order_relaxed);
    bytes = (size_t)slab->count * slab->block_bytes; /* constant until it is drained */
    push(holder, slab);
    /* Not before: a drain that does not find the slab would forget it. */
    atomic_fetch_add_explicit(&holder->unseen_bytes, bytes, memory_order_relaxed);
    if (atomic_load_explicit(&holder->thread, memory_order_acquire) == NULL)
        serve_parked(holder);
}

void ali_slab_recheck(struct ali_slab *slab)
{
    /* A read-modify-write: either it sees a publisher's add, or that add comes after it and the
     * publisher sees the threshold and link stored before (acq_rel on both sides). */
    uint32_t sum = atomic_fetch_add_explicit(&slab->remote_freed, 0, memory_order_acq_rel);

    if (sum >= atomic_load_explicit(&slab->remote_threshold, memory_order_relaxed))
        ali_slab_tell(slab);
}

/* A thread that sleeps does not look at what others free of its blocks. Once a quarter of what may
 * be kept unused (option dirty) waits in its inbox, who frees gives the pages back: when its holder
 * would be told, and with each eighth of the slab after that. Slabs count whole: a few last blocks
 * may have kept all of their pages. By now the slab may be another: holder and sizes are hints, and
 * ali_slab_purge takes only what is PARKED. */
static void purge_unseen(struct ali_slab *slab, uint32_t before, uint32_t sum, uint32_t threshold)
{
    struct ali_block *holder = atomic_load_explicit(&slab->holder, memory_order_acquire);
    uint32_t step = (uint32_t)ali_max(ali_min(ali_peek(slab->count) / 8, threshold), 1);

    if (holder == NULL || sum < threshold || sum / step == before / step)
        return;
    if (atomic_load_explicit(&holder->unseen_bytes, memory_order_relaxed) >
        ali_options.dirty_max_bytes / 4)
        ali_slab_purge(slab);
}

static void publish(struct ali_slab *slab, uint32_t count)
{
    /* acq_rel: see the drawing */
    uint32_t before = atomic_fetch_add_explicit(&slab->remote_freed, count, memory_order_acq_rel);
    uint32_t threshold = atomic_load_explicit(&slab->remote_threshold, memory_order_relaxed);

    if (before + count >= threshold)
        ali_slab_tell(slab);
    purge_unseen(slab, before, before + count, threshold);
}

static struct ali_remote_entry *entry_of(struct ali_block *self, const struct ali_slab *slab)
{
    uint32_t index = ali_slab_index(slab);

    return &self->remote[(index ^ index >> 5) % ALI_REMOTE_ENTRIES];
}

void ali_remote_note(struct ali_block *self, struct ali_slab *slab, uint32_t batch)
{
    struct ali_remote_entry *e;

    if (!ali_thread_is_attached()) {
        publish(slab, 1);
        return;
    }
    e = entry_of(self, slab);
    if (e->slab != slab) {
        if (e->count != 0)
            publish(e->slab, e->count);
        e->slab = slab;
        e->count = 0;
        e->limit = batch;
    }
    if (++e->count >= e->limit) {
        uint32_t count = e->count;

        e->count = 0;
        publish(slab, count);
    }
}

void ali_remote_flush(struct ali_block *self)
{
    unsigned i;

    for (i = 0; i < ALI_REMOTE_ENTRIES; i++) {
        struct ali_remote_entry *e = &self->remote[i];
        uint32_t count = e->count;

        e->count = 0;
        if (count != 0)
            publish(e->slab, count);
        e->slab = NULL;
    }
}

void ali_inbox_drain(struct ali_block *b)
{
    uint32_t index;

    if (atomic_load_explicit(&b->inbox, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&b->unseen_bytes, 0, memory_order_relaxed);
    index = atomic_exchange_explicit(&b->inbox, 0, memory_order_acquire);
    while (index != 0) {
        struct ali_slab *slab = ali_slab_by_index(index);

        index = atomic_load_explicit(&slab->inbox_next, memory_order_relaxed);
        ali_slab_open(slab);
        ali_slab_event(b, slab);
    }
}

/* Frees of blocks that belong to another thread.
 *
 * Freeing itself is one release store of the state byte (free.c). What is left is to tell the
 * owner, in batches: a small private table counts, publish() adds a batch to the slab's
 * remote_freed, and when that reaches the threshold the slab goes to its owner's inbox once.
 *
 *   publisher: remote_freed += n (acq_rel)          owner: queued = 0
 *              sum >= threshold and queued 0 -> 1?         remote_freed -> 0 (acq_rel)
 *              push on holder's inbox (release)            act on the counts
 *
 * The owner clears `queued` before it collects, so a batch added after the collection finds it 0 and
 * is pushed again: no count is lost. Counts are hints all the same; see slab.c for the checks on the
 * states before anything is given back.
 *
 * The words touched here stay what they are when the slab has gone (slab.h), so a publisher that
 * comes late spoils nothing. */
#include "heap/internal.h"

static void push(struct ali_block *b, struct ali_slab *slab)
{
    uint32_t index = ali_slab_index(slab);
    uint32_t head = atomic_load_explicit(&b->inbox, memory_order_relaxed);

    do {
        atomic_store_explicit(&slab->inbox_next, head, memory_order_relaxed);
        /* release: pairs with the acquire in ali_inbox_drain, which reads inbox_next */
    } while (!atomic_compare_exchange_weak_explicit(&b->inbox, &head, index, memory_order_release,
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

static void notify(struct ali_slab *slab)
{
    struct ali_block *holder;

    /* acq_rel: ordered after our add, before the push */
    if (atomic_exchange_explicit(&slab->queued, 1, memory_order_acq_rel) != 0)
        return;
    holder = atomic_load_explicit(&slab->holder, memory_order_acquire);
    if (holder == NULL) { /* it is no slab any more */
        atomic_store_explicit(&slab->queued, 0, memory_order_release);
        return;
    }
    push(holder, slab);
    if (atomic_load_explicit(&holder->thread, memory_order_acquire) == NULL)
        serve_parked(holder);
}

static void publish(struct ali_slab *slab, uint32_t count)
{
    /* acq_rel: see the drawing */
    uint32_t sum =
        atomic_fetch_add_explicit(&slab->remote_freed, count, memory_order_acq_rel) + count;

    if (sum >= atomic_load_explicit(&slab->remote_threshold, memory_order_relaxed))
        notify(slab);
}

static struct ali_remote_entry *entry_of(struct ali_block *self, const struct ali_slab *slab)
{
    uint32_t index = ali_slab_index(slab);

    return &self->remote[(index ^ index >> 5) % ALI_REMOTE_ENTRIES];
}

void ali_remote_note(struct ali_block *self, struct ali_slab *slab)
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
        e->limit = (uint32_t)ali_min(ali_max(slab->count / 16, 1), 64);
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
    index = atomic_exchange_explicit(&b->inbox, 0, memory_order_acquire);
    while (index != 0) {
        struct ali_slab *slab = ali_slab_by_index(index);
        struct ali_block *holder = atomic_load_explicit(&slab->holder, memory_order_acquire);

        index = atomic_load_explicit(&slab->inbox_next, memory_order_relaxed);
        if (holder != NULL && holder != b) {
            push(holder, slab); /* it was taken over meanwhile; still queued */
            continue;
        }
        atomic_store_explicit(&slab->queued, 0, memory_order_release);
        if (holder == b)
            ali_slab_event(b, slab);
    }
}

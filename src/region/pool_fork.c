/* All shared pools, for threads that end and for forked children.
 *
 * No lock is held across fork. What another thread was doing is cut off at some store; the child
 * takes the list of chunks (linked by single stores) and the state bytes for the truth and makes
 * everything else anew from them. What other threads had in their caches is free again; what they
 * had in use stays live, as memory that they had from malloc does. */
#include "region/pool.h"

static struct ali_lock list_lock = ALI_LOCK_INIT(ALI_RANK_POOL_LIST);
static struct ali_opool *first;

/* An object that was being put is put; one that was being constructed is not. */
static uint8_t settled(uint8_t state)
{
    if (state == ALI_OBJECT_CACHED || state == ALI_OBJECT_HELD)
        return ALI_OBJECT_FREE;
    return state == ALI_OBJECT_MAKING ? ALI_OBJECT_RAW : state;
}

static void settle_chunk(struct ali_opool *o, struct ali_pool_chunk *c)
{
    size_t unused = 0;
    size_t raw = 0;

    for (size_t i = 0; i < c->count; i++) {
        uint8_t state = settled(ali_state_read(c->states + i));

        ali_state_write(c->states + i, state);
        unused += ali_object_is_free(state);
        raw += o->construct != NULL && state == ALI_OBJECT_RAW;
    }
    c->free = c->raw = 0;
    c->list = ALI_POOL_CHUNK_FULL;
    o->objects += c->count;
    ali_pool_chunk_count_free(o, c, (ptrdiff_t)unused);
    ali_pool_chunk_count_raw(o, c, (ptrdiff_t)raw);
}

static void settle_pool(struct ali_opool *o)
{
    ali_lock_reset(&o->lock);
    ali_areas_rebuild(&o->chunks);
    ali_areas_rebuild(&o->alone);
    o->opened -= ali_bit_count(o->parked);
    o->parked = 0;
    o->window_chunk = o->put_chunk = NULL;
    memset(o->lists, 0, sizeof o->lists);
    memset(o->hints, 0, sizeof o->hints);
    o->objects = o->planned = o->making = o->waiting = o->free_objects = o->raw_objects = 0;
    for (struct ali_area *area = o->chunks.first; area != NULL; area = area->next)
        settle_chunk(o, (struct ali_pool_chunk *)area);
    ali_cache_fork_child(o);
}

static void fork_child(void)
{
    ali_lock_reset(&list_lock);
    ali_cache_pieces_fork_child();
    for (struct ali_opool *o = first; o != NULL; o = o->next_shared)
        settle_pool(o);
}

/* Before any lock is taken: registering may allocate. */
static void hook_once(void)
{
    static _Atomic(bool) hooked;

    if (!atomic_exchange(&hooked, true))
        (void)ali_os_fork_hook(NULL, NULL, fork_child);
}

void ali_shared_pools_add(struct ali_opool *o)
{
    static _Atomic(uint64_t) last_id;

    hook_once();
    o->id = atomic_fetch_add(&last_id, 1) + 1;
    ali_lock(&list_lock);
    o->next_shared = first;
    /* release: a forked child that sees the pool sees what is in it */
    __atomic_store_n(&first, o, __ATOMIC_RELEASE);
    ali_unlock(&list_lock);
}

void ali_shared_pools_remove(struct ali_opool *o)
{
    struct ali_opool **at = &first;

    ali_lock(&list_lock);
    while (*at != o)
        at = &(*at)->next_shared;
    __atomic_store_n(at, o->next_shared, __ATOMIC_RELEASE);
    ali_cache_forget_all(o);
    ali_unlock(&list_lock);
    ali_cache_free_depot(o);
}

struct ali_opool *ali_shared_pools_enter(uint64_t id)
{
    struct ali_opool *o;

    ali_lock(&list_lock);
    for (o = first; o != NULL && o->id != id; o = o->next_shared)
        ;
    return o;
}

void ali_shared_pools_leave(void)
{
    ali_unlock(&list_lock);
}

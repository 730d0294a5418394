/* What the files of src/heap share with one another. */
#ifndef ALI_HEAP_INTERNAL_H
#define ALI_HEAP_INTERNAL_H

#include "core/observe.h"
#include "heap/heap.h"
#include "heap/object.h"

/* What an allocation was asked for. */
struct ali_request {
    size_t size; /* at least 1 */
    size_t align;
    enum ali_call call;
    const void *caller;
    bool zero; /* the result must read zero */
    bool none; /* no byte was asked for: size is 1 in its place */
    void *was; /* realloc: the block that this one replaces */
};

/* --- alloc.c */
/* From any heap and any thread: attaches the thread when it must. */
void *ali_heap_serve(struct allot_heap *heap, const struct ali_request *request);
/* From a block this thread holds. */
void *ali_block_alloc(struct ali_block *b, unsigned class_index, const struct ali_request *request);

/* --- refill.c */
/* Puts the next mask of the slot's slab into it; false when the slab has nothing more to give and
 * was taken out of the slot. */
bool ali_slot_refill(struct ali_block *b, unsigned class_index);
unsigned ali_states_used(const struct ali_slab *slab);

/* --- slab.c */
/* A piece of metadata; when the OS has no more memory for it, from free slices of the heap: address
 * space that is all ours already must not keep us from using it. */
void *ali_heap_piece(struct ali_pool *pool);
/* Gives the slot a slab: a partly used one, an empty one, or a new one. False: no memory. */
bool ali_slot_acquire(struct ali_block *b, unsigned class_index);
/* The slab's trigger has reached 0, or its inbox notice has come; by its owner's thread. */
void ali_slab_event(struct ali_block *b, struct ali_slab *slab);
/* What the slot has goes back to its slab, and that out of the slot. */
void ali_slot_empty(struct ali_block *b, unsigned class_index);
/* Out of the slot; it may be released at once. */
void ali_slab_put_away(struct ali_block *b, struct ali_slab *slab);
/* Empties what the block keeps for next time; bytes. */
void ali_block_release_kept(struct ali_block *b);
/* Sets used; the slab wakes its owner when it has fallen to event_used. */
void ali_slab_arm(struct ali_slab *slab, int32_t used, int32_t event_used);
ALI_INLINE int32_t ali_slab_used(const struct ali_slab *s)
{
    return s->trigger + s->event_used;
}
int32_t ali_slab_collect(struct ali_slab *slab); /* remote frees into used; the new used */
void ali_slab_list(struct ali_block *b, struct ali_slab *slab);
void ali_slab_unlist(struct ali_block *b, struct ali_slab *slab);
/* Clears what the fast path and classification read; the second line's atomics stay. */
void ali_slab_clear(struct ali_span *span, unsigned slices);
/* Returns a slab whose state bytes are all 0 (or whose heap goes) to the span layer. */
void ali_slab_discard(struct ali_slab *slab);

/* --- remote.c */
/* One block of the slab was freed by a thread that is not its owner; tells the owner at latest with
 * the batch-th. Acts only on what outlives the slab. */
void ali_remote_note(struct ali_block *self, struct ali_slab *slab, uint32_t batch);
/* To be called when the threshold was set anew or the link opened: what was published meanwhile
 * may have passed it unnoticed. */
void ali_slab_recheck(struct ali_slab *slab);
/* Puts the slab into its holder's inbox, if its link is open. */
void ali_slab_tell(struct ali_slab *slab);
void ali_remote_flush(struct ali_block *self);
void ali_inbox_drain(struct ali_block *b);

/* --- free.c */
/* What a pointer is. */
struct ali_found {
    struct ali_span *span;
    struct ali_slab *slab; /* head slab, NULL for a large block */
    struct ali_large *large;
    char *block;        /* start of the block p is in, NULL: in no block */
    size_t block_bytes; /* usable */
    uint8_t *state;
    bool exact; /* p == block */
    bool moved; /* its free is the end of a realloc that moved it */
};
/* False when p is not in a block of the heap at all. */
bool ali_heap_find(const void *p, struct ali_found *found);
/* The same, for a pointer to the start of a live block only. */
bool ali_find_live(const void *p, struct ali_found *found);
/* The slab of the live block that begins at p, if nobody watches it and it is not hardened. */
const struct ali_slab *ali_find_plain(const void *p);
/* The heap of a block; NULL: it is going at this moment. */
struct allot_heap *ali_found_heap(const struct ali_found *found);
/* Whether a request of `size` bytes would have been given a block like this one. */
bool ali_claim_fits(const struct ali_found *found, size_t size, size_t align);
/* What a call tells of a live block: size_bytes SIZE_MAX when not told, align 0 when not told.
 * False: it is not true, which was reported. */
bool ali_claim_check(const struct ali_found *found, size_t size_bytes, size_t align,
                     enum ali_call call, const void *caller);
/* Ends the life of a HELD block: its place may be handed out again. */
void ali_heap_free_held(struct ali_found *found);
/* Frees a block that ali_find_live has found. */
void ali_heap_free_found(struct ali_found *found, enum ali_call call, const void *caller);
void ali_block_free_local(struct ali_block *b, struct ali_slab *slab, uint8_t *state);

/* --- misuse.c */
void ali_heap_blame(enum allot_misuse_kind kind, const void *p, enum ali_call call,
                    const void *caller);
void ali_heap_blame_claim(const void *p, size_t told, size_t truth, const char *detail,
                          enum ali_call call, const void *caller);

void ali_heap_blame_overflow(size_t count, size_t size, enum ali_call call, const void *caller);

void ali_heap_blame_content(enum allot_misuse_kind kind, const struct ali_found *found,
                            const char *detail, enum ali_call call, const void *caller);

/* --- object.c */
/* True when the address was in a heap object that was destroyed, and nothing has come there since.
 */
bool ali_heap_was_destroyed_at(const void *p);
/* The heap of a live block, the default one for blocks that are inaccessible. */
struct allot_heap *ali_heap_of_found(const struct ali_found *found);
/* A live block of this heap; anything else is reported. */
bool ali_heap_find_own(allot_heap *heap, const void *p, struct ali_found *found,
                       enum allot_misuse_kind kind, enum ali_call call, const void *caller);

/* --- large.c */
void *ali_large_alloc(struct ali_block *b, const struct ali_request *request);
/* One that the thread keeps, for a plain request that nobody observes; NULL: none fits. */
void *ali_large_alloc_kept(struct ali_block *b, size_t size);
void ali_large_free(struct ali_span *span, enum ali_call call, const void *caller);
void ali_large_release(struct ali_span *span); /* nobody's any more: keeps it or gives it back */
/* Where a large block may be after its resize, and whether a limit's callback is asked. */
enum ali_large_place {
    ALI_LARGE_STAY, /* a question: nobody is asked for room */
    ALI_LARGE_STAY_OR_COPY,
    ALI_LARGE_MOVE, /* by remapping */
};
/* A LIVE block gets another size, in place or by remapping. False: it must be copied; else *block
 * is where it is now, or NULL: that was refused, and copying would be. */
bool ali_large_resize(struct ali_found *found, const struct ali_request *request,
                      enum ali_large_place place, void **block);
void ali_large_discard(struct ali_span *span);
void ali_large_release_kept(struct ali_block *b);

/* --- realloc.c */
/* With request->zero what the block has more than it had (ali_watch_size) reads zero.
 * In place, or false and nothing has changed. */
bool ali_resize_found(struct ali_found *found, const struct ali_request *request);
void *ali_realloc_found(struct allot_heap *heap, struct ali_found *found,
                        const struct ali_request *request);

/* --- thread.c */
/* The block of this thread for the default heap, attached if need be; NULL: no memory, or the
 * thread is ending (then borrow). */
struct ali_block *ali_block_attach(void);
struct ali_block *ali_block_for(struct allot_heap *heap);
/* For a thread that is ending: a block for one operation, and back. */
struct ali_block *ali_block_borrow(struct allot_heap *heap);
void ali_block_return(struct ali_block *b);
/* A parked block of the heap, now this caller's alone; NULL none. And back. */
struct ali_block *ali_parked_take(struct allot_heap *heap);
bool ali_parked_take_this(struct ali_block *b);
void ali_parked_give(struct ali_block *b);
ALI_INLINE bool ali_block_is_mine(const struct ali_block *b)
{
    return atomic_load_explicit(&b->thread, memory_order_relaxed) == ali_self;
}
ALI_INLINE bool ali_thread_is_attached(void)
{
    return ali_self != &ali_block_none && ali_self != &ali_block_late;
}

/* Takes everything out of the slots and gives back what is kept for next time. */
void ali_block_quiesce(struct ali_block *b);
/* The same, for all blocks of this thread, of whichever heap. */
void ali_thread_quiesce(void);
void ali_thread_end(void *value);

/* --- watch.c: the heap's side of the observe seam, and where hardening comes in */
/* Decides which of a fresh mask go into the slot and which are kept out. */
void ali_watch_admit(struct ali_block *b, unsigned class_index, uint64_t bits);
/* An allocation from the bits kept out. */
void *ali_watch_take(struct ali_block *b, unsigned class_index, const struct ali_request *request);
/* Makes a new large block what was asked for and gives it its state; `zero`: it reads zero. */
void ali_watch_take_large(struct ali_block *b, struct ali_span *span, bool zero,
                          const struct ali_request *request);
/* Whether an observer makes this allocation fail. */
bool ali_watch_refuses(const struct ali_request *request);
/* Bytes the program may use of a live block. */
size_t ali_watch_size(const struct ali_found *found);
/* True when that is exactly what was asked for. */
bool ali_watch_knows_size(const struct ali_found *found);
/* A block of this state, WATCHED or HARDENED, has become HELD and is about to be freed. False:
 * misuse was reported, leave it alone. */
bool ali_watch_freed(struct ali_found *found, uint8_t state, enum ali_call call,
                     const void *caller);

/* --- harden.c: what is done to each block; see there */
/* All zero when nothing is on. Set at start, but for ali_heap_perturb; nothing is ordered by it,
 * and a block that was handed out before a change is freed as what its state says. */
struct ali_hardening {
    _Atomic(uint32_t) on;      /* enum ali_harden */
    uint32_t extra_bytes;      /* constant: added to each request, for the seal */
    _Atomic(bool) every_call;  /* every allocation takes the slow path */
    _Atomic(bool) every_block; /* every block is HARDENED, so every free does too */
};
extern struct ali_hardening ali_hardening;

ALI_INLINE bool ali_hardens(uint32_t options)
{
    return (atomic_load_explicit(&ali_hardening.on, memory_order_relaxed) & options) != 0;
}
ALI_INLINE bool ali_hardens_calls(void)
{
    return atomic_load_explicit(&ali_hardening.every_call, memory_order_relaxed);
}
ALI_INLINE bool ali_hardens_blocks(void)
{
    return atomic_load_explicit(&ali_hardening.every_block, memory_order_relaxed);
}

void ali_harden_init(void);
/* Where the first pass over a new slab begins, and which of the eligible blocks is next. */
uint16_t ali_harden_first(struct ali_block *b, const struct ali_class *class);
uint64_t ali_harden_pick(struct ali_block *b, uint64_t bits);
/* A block is about to be handed out: looks for writes since it was freed, then zeroes or fills and
 * seals it. `zero`: it reads zero. */
void ali_harden_issue(char *block, size_t block_bytes, bool zero,
                      const struct ali_request *request);
/* The same for a block that stays where it is, with another size. */
void ali_harden_resize(const struct ali_found *found, const struct ali_request *request);
/* A slab was made of memory that was in use before. */
void ali_harden_forget(const struct ali_block *b, const struct ali_slab *slab);
/* What the program asked for; block_bytes when that is not known. */
size_t ali_harden_size(const struct ali_found *found);
/* False when a byte behind what was asked for was written, or, with `frees`, the block was
 * allocated by another family of calls; reported. */
bool ali_harden_check(const struct ali_found *found, bool frees, enum ali_call call,
                      const void *caller);
/* The same question, for a live block that is not this call's; nothing is reported. */
bool ali_harden_is_damaged(const struct ali_found *found);
/* Makes a damaged block as it should be, with this size when its own is lost: reported once. */
void ali_harden_reseal(const struct ali_found *found, size_t size, enum ali_call call);
/* Overwrites a block that is freed. */
void ali_harden_erase(const struct ali_found *found);
/* Looks for writes into a HELD block. */
void ali_harden_check_held(const struct ali_found *found, enum ali_call call, const void *caller);

/* Index of a byte that was written in the first look_bytes, or the last 8, of a HELD block;
 * block_bytes when there is none. Repaired, and not reported. */
size_t ali_harden_held_spoilt(const struct ali_found *found, size_t look_bytes);
void ali_harden_blame_held(const struct ali_found *found, size_t at, enum ali_call call,
                           const void *caller);
/* True when something was written into this part of a free block; repaired, not reported. */
bool ali_harden_side_spoilt(char *p, size_t bytes);

/* --- vicinity.c: blocks near the one in hand, in time and in place */
/* A block was handed out by b. */
void ali_near_note(struct ali_block *b, struct ali_slab *slab, char *block,
                   const struct ali_request *request);
/* A damaged block was reported: not to be told again by what looks at it in passing. */
void ali_near_reported(const struct ali_found *found);
/* Looks at what b handed out, and what anybody freed, last. */
void ali_near_look(struct ali_block *b, const struct ali_request *request);
/* Looks at both sides of a block that is about to be freed. */
void ali_near_check_sides(const struct ali_found *found, enum ali_call call, const void *caller);

/* --- quarantine.c */
void ali_quarantine_init(void);
/* Looks for writes into the blocks taken in last. */
void ali_quarantine_look(enum ali_call call, const void *caller);
/* True when the HELD block was taken in: it is freed later. May free others, the oldest first. */
bool ali_quarantine_take(const struct ali_found *found, enum ali_call call, const void *caller);
/* Frees what is held; false when there was nothing. */
bool ali_quarantine_empty(enum ali_call call, const void *caller);
void ali_quarantine_fork_child(void);

/* --- guard.c: memory nobody may touch: behind spans, and as blocks of size 0 */
/* Slices to be added to a span. */
ALI_INLINE unsigned ali_guard_slices(void)
{
    return ali_hardens(ALI_HARDEN_GUARD);
}
void ali_guard_slab(struct ali_block *b, struct ali_span *span, unsigned slices);
void ali_guard_large(struct ali_span *span, size_t bytes);
/* Makes a large block that waits in the quarantine inaccessible, if it can. */
void ali_guard_held(const struct ali_found *found);
/* Makes a span accessible again, before it serves anything else. False: some of it stays as it is.
 */
bool ali_guard_lift(const struct allot_heap *heap, struct ali_span *span);
/* Gives a span of the heap, which has no client any more, back; when it cannot be lifted now, then
 * later. */
void ali_guard_return(const struct allot_heap *heap, struct ali_span *span);
/* Tries again to give back spans that could not be lifted, until one is refused. */
void ali_guard_retry(void);
/* True when blocks of this heap are inaccessible. */
bool ali_guard_is_void(const struct allot_heap *heap);
bool ali_guard_is_void_block(const struct ali_found *found);
void *ali_guard_void_alloc(const struct ali_request *request);

/* --- purge.c */
/* Gives back the pages of PARKED slabs that hold no live block. Bytes. */
size_t ali_slab_purge(struct ali_slab *slab);
/* A listed slab of the block has fallen under half used: purges when there is much of that. */
void ali_sparse_note(struct ali_block *b, struct ali_slab *slab);
void ali_sparse_forget(struct ali_block *b, struct ali_slab *slab);

/* --- walk.c */
bool ali_heap_visit(struct allot_heap *heap, allot_heap_visit_fn visit, void *arg);
void ali_heap_stats(struct allot_heap *heap, struct allot_heap_stats *stats);
/* Live blocks of a slab. */
unsigned ali_look_live(const struct ali_look *look);
/* Resident bytes of all spans, used or not. */
size_t ali_heap_resident_bytes(void);

/* Takes everything out of the slots of the blocks that no thread has. */
void ali_heap_release_parked(struct allot_heap *heap);
/* The process is at its limit, or the OS refuses: gives back what is kept unused by `b` (the
 * caller's block, or NULL), by the other blocks of this thread, and by those that no thread has.
 * What other threads keep is theirs. */
void ali_heap_make_room(struct ali_block *b);

/* --- fork.c */
void ali_block_rebuild(struct ali_block *b);

extern struct ali_pool ali_block_pool;
struct ali_pool *ali_state_pool(unsigned state_bytes);
void ali_heap_fork_child(void);
void ali_state_pools_fork_child(void);
void ali_objects_fork_child(void);

#endif

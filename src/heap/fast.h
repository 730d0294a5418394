/* The hit paths: what every malloc and free runs, and nothing else. A feature that must see calls
 * makes them miss. tools/codegen.py holds the instruction counts. */
#ifndef ALI_HEAP_FAST_H
#define ALI_HEAP_FAST_H

#include "heap/block.h"

/* Takes the lowest eligible block of a slot whose mask is not empty. */
ALI_INLINE void *ali_slot_take(struct ali_slot *slot, uint64_t bits)
{
    uint64_t i = ali_low_bit(bits);
    uint8_t *states = slot->states;
    char *base = slot->base;
    uint64_t block_bytes = slot->block_bytes;

    ali_poke(slot->bits, bits & (bits - 1)); /* a report of another thread may look */
    ali_state_set(states + i, ALI_STATE_LIVE);
    return base + i * block_bytes;
}

/* True, and a block of at least `size` bytes; false: take the slow path. */
ALI_INLINE bool ali_heap_alloc_hit(size_t size, void **p)
{
    struct ali_slot *slot;
    uint64_t bits;

    if (ali_unlikely(size > ALI_SMALL_MAX))
        return false;
    slot = &ali_self->slots[ali_class_of(size)];
    ALI_KEEP(slot);
    bits = slot->bits;
    if (ali_unlikely(bits == 0))
        return false;
    *p = ali_slot_take(slot, bits);
    return true;
}

/* Up to this a few inlined stores beat the call of memset. */
#define ALI_CLEAR_INLINE_BYTES 128

ALI_INLINE void ali_clear_block(void *p, size_t size)
{
    size_t i;

    if (size > ALI_CLEAR_INLINE_BYTES) {
        memset(p, 0, size);
        return;
    }
    for (i = 0; i < size; i += 16) /* blocks are whole sixteens */
        memset((char *)p + i, 0, 16);
}

/* As ali_heap_alloc_hit, the block being zero. */
ALI_INLINE bool ali_heap_zalloc_hit(size_t size, void **p)
{
    struct ali_slot *slot;
    uint64_t bits;

    if (ali_unlikely(size > ALI_SMALL_MAX))
        return false;
    slot = &ali_self->slots[ali_class_of(size)];
    ALI_KEEP(slot);
    bits = slot->bits;
    if (ali_unlikely(bits == 0))
        return false;
    *p = ali_slot_take(slot, bits);
    if (!slot->zero)
        ali_clear_block(*p, size);
    return true;
}

/* As ali_heap_alloc_hit, aligned to `align`, a power of two. */
ALI_INLINE bool ali_heap_aligned_hit(size_t size, size_t align, void **p)
{
    struct ali_slot *slot;
    uint64_t bits;

    if (ali_unlikely(size > ALI_NARROW_MAX || align > ALI_NARROW_MAX))
        return false;
    slot = &ali_self->slots[ali_class_of(ali_align_up(size + (size == 0), align))];
    bits = slot->bits;
    if (ali_unlikely(bits == 0 || (slot->block_bytes & (align - 1)) != 0))
        return false;
    *p = ali_slot_take(slot, bits);
    return true;
}

/* True, and slab and state byte of the live block that begins at p, when it is in a one-slice slab
 * of this thread; false: take the slow path. */
ALI_INLINE bool ali_heap_find_hit(const void *p, struct ali_slab **slab, uint8_t **state_byte)
{
    uintptr_t offset = ali_region_offset(p);
    struct ali_slab *s;
    uint64_t product;
    uint8_t *state;

    /* relaxed: a pointer the program rightly has was handed out after the limit had grown past it
     */
    if (ali_unlikely(offset >= atomic_load_explicit(&ali_region.limit_bytes, memory_order_relaxed)))
        return false;
    s = ali_slab_of(ali_span_at(offset));
    /* relaxed: owner is this thread's block only if this thread made it so */
    if (ali_unlikely(atomic_load_explicit(&s->owner, memory_order_relaxed) != ali_self))
        return false;
    product = (uint64_t)(uint16_t)offset * s->recip;
    if (ali_unlikely((uint32_t)product >= s->recip))
        return false; /* not the start of a block */
    state = s->states + (product >> 32);
    if (ali_unlikely(ali_state_get(state) != ALI_STATE_LIVE))
        return false;
    *slab = s;
    *state_byte = state;
    return true;
}

/* Frees a live block of a one-slice slab of this thread; false: take the slow path. Never true for
 * a pointer that is not exactly such a block. */
ALI_INLINE bool ali_heap_free_hit(void *p)
{
    struct ali_slab *slab = NULL;
    uint8_t *state = NULL;

    if (ali_unlikely(!ali_heap_find_hit(p, &slab, &state)))
        return false;
    if (ali_unlikely(--slab->trigger == 0))
        return false;
    ali_state_set(state, ALI_STATE_FREE);
    return true;
}

/* The same when the caller tells the size, which must be one for which this class was chosen. */
ALI_INLINE bool ali_heap_free_sized_hit(void *p, size_t size)
{
    struct ali_slab *slab = NULL;
    uint8_t *state = NULL;

    if (ali_unlikely(size > ALI_NARROW_MAX || !ali_heap_find_hit(p, &slab, &state)))
        return false;
    if (ali_unlikely(slab->class_index != ali_class_of(size)))
        return false;
    if (ali_unlikely(--slab->trigger == 0))
        return false;
    ali_state_set(state, ALI_STATE_FREE);
    return true;
}

#endif

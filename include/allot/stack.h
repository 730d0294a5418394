/* allot/stack.h - memory that is freed in the opposite order, and memory of frames.
 * Part of Allot. MIT licence.
 *
 * A stack hands out objects of any size one behind the other. The object pushed last is the one to
 * pop; a pop of anything else is reported. Where each object starts is kept apart from the objects,
 * at the other end of the chunk, so that this is exact.
 *
 *     allot_stack stack;
 *     if (allot_stack_init(&stack, NULL) != 0)
 *         ...
 *     char *p = allot_stack_push(&stack, 100);
 *     allot_stack_pop(&stack, p);
 *     allot_stack_release(&stack);
 *
 * A mark remembers how far the stack is filled; rewinding to it pops all that was pushed since.
 *
 * &stack.base is an allocator (allot/alloc.h). What is freed through it need not be the last
 * object: its memory is used again when all above it is freed, too. */
#ifndef ALLOT_STACK_H
#define ALLOT_STACK_H

#include <allot/alloc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct allot_stack allot_stack;

enum allot_stack_flag {
    ALLOT_STACK_FIXED = 1 << 0, /* only what fits into the buffer; nothing is ever allocated */
    /* allot_stack_pop, too, takes any object. */
    ALLOT_STACK_ROLLBACK = 1 << 1
};

/* All zero, or NULL, is a good stack: it grows, from the default allocator. */
struct allot_stack_options {
    allot_allocator *source; /* where chunks come from; NULL: the default allocator */
    /* Used before the source is. Owned by the caller until the stack is released. */
    void *buffer;
    size_t buffer_bytes;
    size_t chunk_bytes; /* of the first chunk of the source; later ones are larger. 0: 16 KiB */
    size_t limit_bytes; /* of all chunks of the source together; 0: none */
    uint32_t flags;     /* enum allot_stack_flag */
    const char *name;   /* for reports; copied, cut to 31 bytes */
};

struct ali_stack;

/* The caller's storage. The fields are what the inlined functions need; nobody else's. Must not be
 * moved or copied between init and release. */
struct allot_stack {
    allot_allocator base;
    char *top;         /* end of the last object */
    uintptr_t *record; /* of the last object: where it starts; older ones above. Where `top` is not
                          below it, every push takes the slow path */
    struct ali_stack *own;
};

/* Makes a stack in the caller's storage.
 *
 * Returns: 0; -EINVAL for a buffer too small for the stack and an object; -ENOMEM.
 * Threads: nobody else knows the stack yet.   Signals: not safe.
 * Failure: as told; allot_last_error() has the cause, and there is nothing to release.
 * Cost:    one allocation of the source, or none with ALLOT_STACK_FIXED. */
ALLOT_API ALLOT_MUST_USE allot_status allot_stack_init(allot_stack *stack,
                                                       const struct allot_stack_options *options);

/* Gives all memory back. A stack that is all zero, or was released, is left alone.
 *
 * Returns: nothing.
 * Require: nobody uses the stack or its objects.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API void allot_stack_release(allot_stack *stack);

/* The slow paths of push and pop; not to be called.
 *
 * Returns: as allot_stack_push.
 * Require: as allot_stack_push_aligned.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: as allot_stack_push.
 * Cost:    as allot_stack_push. */
ALLOT_API void *allot_stack_push_slow(allot_stack *stack, size_t size, size_t align);
/* See above.
 *
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    as allot_stack_pop. */
ALLOT_API void allot_stack_pop_slow(allot_stack *stack, void *object);

/* Pushes `size` bytes aligned to `align`; size 0 counts as 1.
 *
 * Returns: uninitialised memory, the caller's until it is popped or rewound past. NULL on failure;
 *          the stack is then unchanged.
 * Require: align is a power of two up to ALLOT_ALIGN_MAX.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: NULL, errno, allot_last_error(): the limit, the buffer or the source.
 * Cost:    O(1), inlined; one allocation of the source when a chunk is added. */
static inline ALLOT_MUST_USE void *allot_stack_push_aligned(allot_stack *stack, size_t size,
                                                            size_t align)
{
    /* the least alignment is 8: the low bits of a record have a meaning */
    uintptr_t low = (align - 1) | 7;
    uintptr_t p = ((uintptr_t)stack->top + low) & ~low;
    intptr_t space = (intptr_t)((uintptr_t)(stack->record - 1) - p);

    if (__builtin_expect(space < (intptr_t)size, 0) ||
        __builtin_expect(size - 1 >= PTRDIFF_MAX, 0) ||
        __builtin_expect((align & (align - 1)) != 0, 0))
        return allot_stack_push_slow(stack, size, align);
    stack->record--;
    *stack->record = p;
    stack->top = (char *)p + size;
    return (void *)p;
}

/* The same, aligned to 16.
 *
 * Returns: as allot_stack_push_aligned.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: as allot_stack_push_aligned.
 * Cost:    as allot_stack_push_aligned. */
static inline ALLOT_MUST_USE void *allot_stack_push(allot_stack *stack, size_t size)
{
    return allot_stack_push_aligned(stack, size, 16);
}

/* Pops the object that was pushed last. NULL is fine. Marks above it become stale.
 *
 * Returns: nothing.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: another live object is reported as out of order (but allowed with ALLOT_STACK_ROLLBACK),
 *          one that is not live as a double free, anything else as an invalid one; nothing is
 *          changed then.
 * Cost:    O(1), inlined; O(objects above it) of one that is not the last. */
static inline void allot_stack_pop(allot_stack *stack, void *object)
{
    if (__builtin_expect(*stack->record != (uintptr_t)object, 0)) {
        allot_stack_pop_slow(stack, object);
        return;
    }
    stack->top = (char *)object;
    stack->record++;
}

/* How far a stack is filled. */
typedef struct allot_stack_mark {
    uintptr_t *record;
    char *top;
    uint64_t id;
} allot_stack_mark;

/* Remembers how far the stack is filled.
 *
 * Returns: a mark, good until something below it is popped. One that could not be had (no memory)
 *          is all zero, and refused by allot_stack_rewind.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(1); of a stack that is full to the byte, that of a push. */
ALLOT_API allot_stack_mark allot_stack_mark_get(allot_stack *stack);

/* Pops all that was pushed since the mark; the mark stays good.
 *
 * Returns: 0; -EINVAL for a mark that something below was popped of, or of another stack: it is
 *          reported as stale, and nothing has changed.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: as told.
 * Cost:    O(1) and O(chunks dropped). */
ALLOT_API allot_status allot_stack_rewind(allot_stack *stack, allot_stack_mark mark);

/* Pops everything, and keeps the largest chunk. All marks become stale.
 *
 * Returns: nothing.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API void allot_stack_reset(allot_stack *stack);

/* Gives back the chunk that is kept for the next time.
 *
 * Returns: bytes given back.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(1). */
ALLOT_API size_t allot_stack_trim(allot_stack *stack);

/* Whether p lies in the memory that live objects, and gaps between them, take.
 *
 * Returns: the answer.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API bool allot_stack_owns(const allot_stack *stack, const void *p);

/* Calls `visit` for each live object, the last one first, with the bytes from it to the next one;
 * ends early when it returns false. The visitor does not use the stack.
 *
 * Returns: true when every object was visited.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API bool allot_stack_visit(allot_stack *stack, allot_visit_fn visit, void *arg);

/* Checks the whole structure.
 *
 * Returns: the number of inconsistencies; 0 unless something overwrote the stack.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API size_t allot_stack_audit(const allot_stack *stack);

struct allot_stack_stats {
    size_t live_objects;
    size_t live_bytes;     /* with what alignment and records take */
    size_t reserved_bytes; /* taken from the source, and the buffer */
    size_t chunks;
    size_t failures;
};

/* Takes stock.
 *
 * Returns: nothing.
 * Threads: the caller owns the stack.   Signals: not safe.
 * Failure: none.
 * Cost:    O(objects). */
ALLOT_API void allot_stack_stats_get(const allot_stack *stack, struct allot_stack_stats *stats);

/* --- memory of frames ---------------------------------------------------------------------- */

#define ALLOT_FRAMES_MAX 8

typedef struct allot_frames allot_frames;

/* N stacks by turns: what is allocated in a frame dies all at once when its turn comes again, N
 * frames later. There is nothing to free. */
struct allot_frames {
    allot_allocator base;
    allot_stack *now; /* that of this frame */
    uint64_t frame;   /* how many have begun, less one */
    size_t count;
    allot_stack stacks[ALLOT_FRAMES_MAX];
};

/* Makes `count` stacks (2 to ALLOT_FRAMES_MAX) with the same options; a buffer is shared out among
 * them. Begins frame 0.
 *
 * Returns: 0; -EINVAL for such a count, or as allot_stack_init; -ENOMEM.
 * Threads: nobody else knows the frames yet.   Signals: not safe.
 * Failure: as told, and there is nothing to release.
 * Cost:    as allot_stack_init, `count` times. */
ALLOT_API ALLOT_MUST_USE allot_status allot_frames_init(allot_frames *frames, size_t count,
                                                        const struct allot_stack_options *options);

/* Gives all memory back. One that is all zero, or was released, is left alone.
 *
 * Returns: nothing.
 * Threads: the caller owns the frames.   Signals: not safe.
 * Failure: none.
 * Cost:    O(chunks). */
ALLOT_API void allot_frames_release(allot_frames *frames);

/* Begins the next frame: what was allocated `count` frames ago is freed.
 *
 * Returns: the number of the frame that begins, counted from 0; never fails.
 * Threads: the caller owns the frames.   Signals: not safe.
 * Cost:    O(1) and O(chunks that the oldest frame had besides its largest). */
ALLOT_API uint64_t allot_frames_next(allot_frames *frames);

/* Allocates in this frame, aligned to 16; size 0 counts as 1.
 *
 * Returns: uninitialised memory, good until `count` frames have begun after this one; NULL on
 *          failure.
 * Threads: the caller owns the frames.   Signals: not safe.
 * Failure: as allot_stack_push.
 * Cost:    O(1), inlined. */
static inline ALLOT_MUST_USE void *allot_frames_alloc(allot_frames *frames, size_t size)
{
    return allot_stack_push(frames->now, size);
}

#ifdef __cplusplus
}
#endif
#endif
